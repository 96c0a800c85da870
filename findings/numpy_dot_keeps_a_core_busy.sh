#!/usr/bin/env bash
# numpy.dot of two long vectors, then nothing: what the process uses of the processor afterwards.
# Expected: when numpy.dot has returned, its threads sleep, so the process uses no processor time while it sleeps; a
#           library that computes next to NumPy, such as MindSpore, has all cores for itself.
# Happens:  a thread of OpenBLAS waits for more work at full speed. One call of some 10 microseconds on 32,768 values is
#           followed by tens of milliseconds of processor time on another core, about 1,000 times the call. A sum of
#           squares by numpy.square(x).sum() uses none, and neither does numpy.dot of 9,000 values, which starts no
#           thread. Called between training steps on two cores, it makes the steps that follow slower.
# Versions: numpy 2.4.6 (its wheel's OpenBLAS), Linux x86-64, two cores or more, Python 3.11.
# Source:   https://numpy.org/doc/stable/reference/generated/numpy.dot.html (says nothing of threads that stay busy) and
#           https://numpy.org/doc/stable/reference/global_state.html (names the variables that limit threads).
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check numpy==2.4.6
cat > "$folder/busy.py" <<'PY'
import time
from statistics import median

import numpy as np

vector = np.ones(32_768)


def busy_after(compute):
    """Return the milliseconds of processor time in 0.3 s of sleep after a call."""
    times = []
    for _ in range(7):
        compute()
        start = time.process_time()
        time.sleep(0.3)
        times.append(1000 * (time.process_time() - start))
    return median(times)


dot = busy_after(lambda: np.dot(vector, vector))
short = busy_after(lambda: np.dot(vector[:9_000], vector[:9_000]))
square = busy_after(lambda: np.square(vector).sum())
print(f"processor time while asleep: after dot {dot:.1f} ms, dot of 9,000 {short:.1f} ms, square {square:.1f} ms")
raise SystemExit(not (dot > 10 and short < 3 and square < 3))
PY
env -u OMP_NUM_THREADS -u OPENBLAS_NUM_THREADS "$folder/venv/bin/python" "$folder/busy.py"
