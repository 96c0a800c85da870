#!/usr/bin/env bash
# import mindspore, then start another Python program by subprocess: how many threads that one computes with.
# Expected: importing a library changes nothing for other programs, or os.environ shows what it changed.
# Happens:  the import sets OMP_NUM_THREADS=1 in the environment of the C library, which Python's os.environ does not
#           show. subprocess.run without env= passes it on, so that the BLAS of NumPy in a child process computes with one
#           thread, as everything there does that obeys the variable; with env=dict(os.environ) it uses all cores.
# Versions: mindspore 2.10.0, numpy 2.4.6, threadpoolctl 3.6.0, Linux x86-64, two cores or more, Python 3.11.
# Source:   https://docs.python.org/3/library/os.html#os.environ (changes outside Python are not reflected).
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check mindspore==2.10.0 numpy==2.4.6 threadpoolctl==3.6.0
cat > "$folder/child.py" <<'PY'
import numpy
from threadpoolctl import threadpool_info

print(max(pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"))
PY
cat > "$folder/parent.py" <<'PY'
import os
import subprocess
import sys


def child_threads(env=None):
    return int(subprocess.check_output([sys.executable, sys.argv[1]], env=env, text=True))


before = child_threads()
import mindspore

after, explicit = child_threads(), child_threads(dict(os.environ))
print(f"threads of a child: {before} before the import, {after} after it, {explicit} with env=dict(os.environ)")
print("OMP_NUM_THREADS in os.environ:", os.environ.get("OMP_NUM_THREADS"))
raise SystemExit(not (before == explicit > 1 == after and "OMP_NUM_THREADS" not in os.environ))
PY
env -u OMP_NUM_THREADS -u OPENBLAS_NUM_THREADS "$folder/venv/bin/python" "$folder/parent.py" "$folder/child.py"
