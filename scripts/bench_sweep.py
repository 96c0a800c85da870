"""Measures what shared processes and graphs save: a sweep compared with as many separate runs.

  python -m scripts.bench_sweep [JOBS] [REPEATS]

Both train the default experiment with the seeds 0 to JOBS-1, one job after the other. The output is
the wall time of each, their ratio, and whether all weights have the same bits.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from trainer.launch import jobs


def main() -> None:
    """Measure and print."""
    count, repeats = (int(argument) for argument in (sys.argv[1:] + ["20", "3"])[:2])
    ratios = []
    with tempfile.TemporaryDirectory() as name:
        for repeat in range(repeats):
            folder = Path(name) / str(repeat)
            sweep = _sweep(folder / "sweep", count)
            runs = sum(_run(folder / f"seed={seed}", seed) for seed in range(count))
            ratios.append(runs / sweep)
            equal = all(_is_equal(folder, seed) for seed in range(count))
            print(
                f"{count} jobs: {runs:.1f} s as separate runs, {sweep:.1f} s as a sweep, "
                f"ratio {ratios[-1]:.2f}; weights {'equal' if equal else 'DIFFER'}",
                flush=True,
            )
    spread = f"{min(ratios):.2f} to {max(ratios):.2f}"
    print(f"median ratio {statistics.median(ratios):.2f} ({spread}, {repeats} repeats)")


def _sweep(folder: Path, count: int) -> float:
    return _timed("-m", f"seed=range({count})", f"hydra.sweep.dir={folder}")


def _run(folder: Path, seed: int) -> float:
    return _timed(f"seed={seed}", f"hydra.run.dir='{folder}'")


def _timed(*overrides: str) -> float:
    start = time.perf_counter()
    command = [sys.executable, "-m", "trainer", *overrides]
    subprocess.run(command, env=jobs.job_environment(), stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - start


def _is_equal(folder: Path, seed: int) -> bool:
    one, other = folder / f"seed={seed}", folder / f"sweep/seed={seed}"
    return (one / "model.safetensors").read_bytes() == (other / "model.safetensors").read_bytes()


if __name__ == "__main__":
    main()
