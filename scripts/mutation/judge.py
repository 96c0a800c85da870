"""Tries mutants on a copy of the checkout and reports those that no test notices.

    python judge.py COPY REACH MUTANTS RESULTS ROOM

This process imports MindSpore and pytest, but nothing of the trainer, and forks a process per
attempt, which saves the time to import them. It writes each mutant into the copy, runs the tests
that call the changed function in three steps (the files that mirror the module, the rest of the
room, the other rooms; in the last two the quickest files first, for ``$BUDGET`` seconds), and
restores the file. A mutant is killed by the first test that fails, or by a step that takes five
times as long as without a change.
"""

import hashlib
import importlib
import json
import os
import signal
import sys
import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from itertools import accumulate
from math import sqrt
from pathlib import Path
from typing import Any

_FAILED = ("FAILED tests", "ERROR tests")
BUDGET = float(os.environ.get("BUDGET", "60"))


@dataclass(eq=False)
class Reach:
    """Which tests call which functions, as `reach` has recorded it."""

    tests: dict[str, dict[str, Any]]
    root: Path
    room: str
    _calls: dict[str, set[str]] = field(init=False)

    def __post_init__(self) -> None:
        self._calls = {name: set(test["functions"]) for name, test in self.tests.items()}

    def steps(self, function: str) -> Iterator[tuple[str, list[str]]]:
        """Yield the names of the steps and their tests, the quickest files first."""
        callers = {name for name, calls in self._calls.items() if _calls(calls, function)}
        module = Path(function.partition(":")[0])
        mirror = f"tests/{module.relative_to('trainer').parent}/test_{module.stem}"
        own = {name for name in callers if name.startswith(mirror)}
        room = {name for name in callers if name.startswith(f"tests/{self.room}/")}
        yield "mirror", self._ordered(own)
        yield "room", self._within_budget(self._ordered(room - own))
        yield "others", self._within_budget(self._ordered(callers - room - own))

    def seconds(self, tests: list[str]) -> float:
        """Return how long the tests took without a change."""
        return float(sum(self.tests[name]["seconds"] for name in tests if name in self.tests))

    def _ordered(self, tests: set[str]) -> list[str]:
        files: dict[str, list[str]] = {}
        for name in tests:
            files.setdefault(name.partition("::")[0], []).append(name)
        groups = sorted(files.values(), key=self.seconds)
        return [name for group in groups for name in sorted(group, key=lambda n: self.seconds([n]))]

    def _within_budget(self, tests: list[str]) -> list[str]:
        """Return the first tests; each is counted as a fifth of a second at least."""
        spent = accumulate(max(0.2, self.tests[name]["seconds"]) for name in tests)
        return [name for name, seconds in zip(tests, spent, strict=True) if seconds <= BUDGET]


def _calls(calls: set[str], function: str) -> bool:
    if ":" in function:
        return function in calls
    return any(call.startswith(f"{function}:") for call in calls)


def judge(mutant: dict[str, Any], reach: Reach) -> str:
    """Return how a mutant was killed, or "survived"; the copy is as before."""
    path = reach.root / mutant["file"]
    original = path.read_bytes()
    write(path, mutant["source"].encode())
    try:
        for step, tests in reach.steps(mutant["function"]):
            if tests and (failure := run(tests, reach)):
                return f"{failure} in {step}: {_failed_test(reach.root) or tests[0]}"
    finally:
        write(path, original)
    return "survived"


def _failed_test(root: Path) -> str:
    lines = (root.parent / "last.log").read_text(errors="replace").splitlines()
    names = (line.split(" - ")[0].split(" ", 1)[1] for line in lines if line.startswith(_FAILED))
    return next(names, "")


def write(path: Path, source: bytes) -> None:
    """Write a module and remove its bytecode, which is not renewed within a second."""
    path.write_bytes(source)
    for cached in (path.parent / "__pycache__").glob(f"{path.stem}.*.pyc"):
        cached.unlink()
    if path.read_bytes() != source:
        raise OSError(f"{path} was changed by another process")


def run(tests: list[str], reach: Reach) -> str:
    """Run tests in a forked process; return "failed", "timeout" or nothing."""
    child = os.fork()
    if child == 0:
        _run_pytest(tests, reach.root)
    deadline = time.monotonic() + 5 * reach.seconds(tests) + 30
    while time.monotonic() < deadline:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return _verdict(os.waitstatus_to_exitcode(status))
        time.sleep(0.02)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return "timeout"


def _verdict(code: int) -> str:
    """Return "failed" for a test that failed, could not be imported, or crashed."""
    if code not in {0, 1, 2, 4} and code >= 0:
        raise RuntimeError(f"expected the exit code of a test run, received {code}: see last.log")
    return "failed" if code else ""


def _run_pytest(tests: list[str], root: Path) -> None:
    """Run tests in this process, which ends with their exit code."""
    code = 99
    try:
        import pytest

        os.setsid()
        log = os.open(root.parent / "last.log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(log, 1)
        os.dup2(log, 2)
        code = pytest.main(["-x", "-q", "-p", "no:cacheprovider", *tests])
        if not Path(sys.modules["trainer"].__file__ or "").is_relative_to(root):
            code = 98
        sys.stdout.flush()
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


@cache
def _confirm(test: str, reach: Reach) -> None:
    """Check that the test which has noticed a change passes without it."""
    if test and run([test], reach):
        raise RuntimeError(f"{test} fails without a change: see last.log")


def checksum(root: Path) -> str:
    """Return the hash of the source of the trainer and of its tests."""
    paths = sorted(path for room in ("trainer", "tests") for path in (root / room).rglob("*.py"))
    return hashlib.sha256(b"".join(path.read_bytes() for path in paths)).hexdigest()


def interval(successes: int, number: int) -> tuple[float, float]:
    """Return Wilson's interval of 95 % for a share."""
    share, z = successes / number, 1.96
    middle = (share + z**2 / 2 / number) / (1 + z**2 / number)
    half = z / (1 + z**2 / number) * sqrt(share * (1 - share) / number + z**2 / 4 / number**2)
    return middle - half, middle + half


def report(results: list[dict[str, Any]]) -> None:
    """Print the survivors and the share that was killed."""
    survivors = [result for result in results if result["verdict"] == "survived"]
    for result in survivors:
        print(
            f"\nsurvived: {result['file']}:{result['line']} {result['operator']}\n{result['diff']}"
        )
    number, killed = len(results), len(results) - len(survivors)
    timeouts = sum(result["verdict"].startswith("timeout") for result in results)
    low, high = interval(killed, number)
    print(f"\nkilled {killed} of {number} ({timeouts} by a timeout): {killed / number:.0%},")
    print(f"95 % interval {low:.0%} to {high:.0%}")


def main(copy: str, reach: str, mutants: str, results: str, room: str) -> None:
    """Judge the mutants that have no result yet, and report."""
    root = Path(copy).resolve()
    os.chdir(root)
    before = checksum(root)
    record = Path(results)
    judged = (
        [json.loads(line) for line in record.read_text().splitlines()] if record.exists() else []
    )
    tests = {}
    for part in sorted(Path(reach).glob("*.json")):
        tests.update(json.loads(part.read_text()))
    record_of_tests = Reach(tests, root, room)
    for line in Path(mutants).read_text().splitlines()[len(judged) :]:
        mutant, begin = json.loads(line), time.monotonic()
        verdict = judge(mutant, record_of_tests)
        if verdict.startswith("failed"):
            _confirm(verdict.partition(": ")[2], record_of_tests)
        if checksum(root) != before:
            raise OSError(f"{root} is not restored")
        judged.append({**mutant, "verdict": verdict, "seconds": round(time.monotonic() - begin, 1)})
        with record.open("a") as file:
            file.write(json.dumps(judged[-1]) + "\n")
        print(f"{len(judged)} {mutant['file']}:{mutant['line']} {verdict}", flush=True)
    report(judged)


def preload() -> None:
    """Import what every test needs and what no change concerns."""
    sys.path.insert(0, os.environ["PYTHONPATH"])
    from trainer.backend import device
    from trainer.config.groups import Device

    device.prepare(Device(target="cpu"))
    for name in ("mindspore", "pytest", "omegaconf", "pydantic", "safetensors.numpy"):
        importlib.import_module(name)
    for name in [name for name in sys.modules if name.split(".")[0] == "trainer"]:
        del sys.modules[name]


if __name__ == "__main__":
    preload()
    main(*sys.argv[1:])
