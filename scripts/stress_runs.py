"""Kills runs, fills their disk, resumes them, and compares them with an uninterrupted run."""

import argparse
import json
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from trainer.artifacts.audit import audit
from trainer.core.run_files import EMA

CHECKOUT = Path(__file__).resolve().parent.parent
OVERRIDES = ("freeze=conv1", "epochs=3", "device.threads=free")
MOMENTS = ("any time", "training", "writing")
_TIMEOUT = 600  # seconds for one process
_TIMES = {"seconds", "images_per_second"}  # differ in every run


def main() -> None:
    """Kill and resume runs; exit with 1 if any result differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=50, help="number of kills (50)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the random moments (0)")
    parser.add_argument("overrides", nargs="*", default=OVERRIDES, help="overrides of the runs")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        sys.exit(bool(_stress(Path(folder), options.kills, options.seed, options.overrides)))


def _stress(folder: Path, kills: int, seed: int, overrides: Sequence[str]) -> list[str]:
    start, draw, killed, runs = time.monotonic(), random.Random(seed), Counter[str](), 0
    seconds = uninterrupted(folder / "whole", overrides)
    problems = []
    while killed.total() < kills:
        runs += 1
        run = folder / f"run{runs}"
        most = min(kills - killed.total(), 10)
        killed += kill(run, overrides, draw, seconds, most)
        problems += [f"run {runs}: {text}" for text in differences(folder / "whole", run)]
        print(f"run {runs}: killed {killed.total()} times so far", flush=True)
    full = full_disk(folder, overrides, draw)
    problems += full or []
    counts = ", ".join(f"{count} {moment}" for moment, count in sorted(killed.items()))
    disk = "not tested, because nothing can be mounted" if full is None else "filled twice"
    minutes = (time.monotonic() - start) / 60
    print(f"{killed.total()} kills of {runs} runs ({counts}); the disk: {disk}; {minutes:.0f} min")
    print(*problems or ["every run ended with the bits of the uninterrupted run"], sep="\n")
    return problems


def uninterrupted(folder: Path, overrides: Sequence[str]) -> float:
    """Run from start to end; return the seconds that this takes."""
    start = time.monotonic()
    finish(folder, overrides)
    return time.monotonic() - start


def kill(
    folder: Path,
    overrides: Sequence[str],
    draw: random.Random,
    seconds: float,
    most: int,
    moments: Sequence[str] = MOMENTS,
) -> Counter[str]:
    """Run, kill and resume up to ``most`` times, then let the run end; return the moments.

    Args:
        folder: of the run.
        overrides: of the run.
        draw: random generator of the moments.
        seconds: duration of a run without kills.
        most: maximum number of kills; fewer if the run ends before.
        moments: kinds of moments to choose from.
    """
    killed: Counter[str] = Counter()
    while killed.total() < most and (
        moment := kill_once(folder, overrides, draw, seconds, moments)
    ):
        killed += moment
    finish(folder, overrides)
    return killed


def kill_once(
    folder: Path,
    overrides: Sequence[str],
    draw: random.Random,
    seconds: float,
    moments: Sequence[str] = MOMENTS,
) -> Counter[str]:
    """Run or resume, and kill; return the moment, nothing if the run ended before."""
    moment = draw.choice(moments)
    steps = draw.choice((1, 1, "null"))  # null: an interrupted epoch starts again
    with Run(folder, [*overrides, f"checkpoint.every_steps={steps}"]) as run:
        _wait(run, folder, moment, draw.random(), seconds)
        if run.has_ended():
            run.expect(0)
            return Counter()
        return Counter({moment: 1})  # leaving the block kills it


def _wait(run: "Run", folder: Path, moment: str, draw: float, seconds: float) -> None:
    """Wait for a moment: a share of the run or of its training, or the middle of a write."""
    end = time.monotonic() + (draw * seconds if moment == "any time" else _TIMEOUT)
    before = _newest(folder)
    while not run.has_ended() and time.monotonic() < end:
        if moment == "training" and _newest(folder) > before:
            end, moment = time.monotonic() + draw * seconds / 3, "any time"
        if moment == "writing" and _newest(folder) > before and list(folder.rglob(".epoch_*")):
            time.sleep(draw * 0.01)
            return
        time.sleep(0.001)


def _newest(folder: Path) -> str:
    """Return the name of the newest checkpoint; empty if there is none."""
    return max((path.name for path in folder.glob("checkpoints/epoch_*")), default="")


def full_disk(folder: Path, overrides: Sequence[str], draw: random.Random) -> list[str] | None:
    """Let a disk fill up during a run, twice, then make room; None if none can be mounted."""
    place = folder / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(place)]
    if not shutil.which("mount") or subprocess.run(mount, capture_output=True).returncode:
        return None
    try:
        for _ in range(2):
            room = draw.randrange(200_000, 700_000)  # two epochs leave 2.1 MB: never enough
            (place / "filler").write_bytes(bytes(shutil.disk_usage(place).free - room))
            with Run(place / "run", [*overrides, "checkpoint.every_steps=1"]) as run:
                run.expect(74)
            (place / "filler").unlink()
        finish(place / "run", overrides)
        problems = differences(folder / "whole", place / "run")
    finally:
        subprocess.run(["umount", str(place)], check=True)
    return [f"full disk: {text}" for text in problems]


def differences(one: Path, other: Path) -> list[str]:
    """Return what differs between the folders of two runs that must be equal."""
    names = ["model.safetensors", "proof.json", "plan.json"]
    names += ["ema.safetensors"] if (one / "ema.safetensors").exists() else []
    names += sorted(str(path.relative_to(one)) for path in one.glob("snapshots/*"))
    names += [EMA] if (one / EMA).exists() else []
    different = [name for name in names if not _is_equal(one / name, other / name)]
    if _metrics(one) != _metrics(other):
        different.append("metrics.jsonl")
    checks = audit(other)
    return [
        *(f"{name} differs from the uninterrupted run" for name in different),
        *(text for check in checks for text in [*check.wrong, *check.moved]),
    ]


def _is_equal(one: Path, other: Path) -> bool:
    return other.exists() and one.read_bytes() == other.read_bytes()


def _metrics(folder: Path) -> list[dict[str, Any]]:
    lines = (json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines())
    return [{key: line[key] for key in line.keys() - _TIMES} for line in lines]


def finish(folder: Path, overrides: Sequence[str]) -> None:
    """Run or resume to the end."""
    with Run(folder, overrides) as run:
        run.expect(0)


class Run:
    """A process that starts a run in a folder, or resumes the run in it."""

    def __init__(
        self,
        folder: Path,
        overrides: Sequence[str],
        command: Sequence[str] = (sys.executable, "-m", "trainer"),
    ) -> None:
        line = [*command, *overrides, f"hydra.run.dir={folder}"]
        self._output = tempfile.TemporaryFile("w+")  # noqa: SIM115 (closed on exit)
        self.process = subprocess.Popen(
            line, cwd=CHECKOUT, stdout=self._output, stderr=subprocess.STDOUT, text=True
        )

    def __enter__(self) -> "Run":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        self._output.close()

    def has_ended(self) -> bool:
        """Return whether the process has ended."""
        return self.process.poll() is not None

    def wait(self) -> int:
        """Wait for the end of the process; return its exit code."""
        return self.process.wait(_TIMEOUT)

    def expect(self, code: int) -> None:
        """Wait for the end of the process; raise with its output if the exit code differs."""
        received = self.wait()
        self._output.seek(0)
        if received != code:
            output = self._output.read()
            raise AssertionError(f"expected exit code {code}, received {received}:\n{output}")


if __name__ == "__main__":
    main()
