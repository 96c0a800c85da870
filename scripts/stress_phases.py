"""Kills phased runs, many of them at transitions, resumes them, and compares their results.

Each result is a line of FOLDER/results.jsonl; with the same folder the command continues.
"""

import argparse
import json
import random
import shutil
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

from scripts import phased_runs, stress_runs

_MOST = 5  # kills of a run


def main() -> None:
    """Kill and resume phased runs; exit with 1 if any result differs."""
    parser = argparse.ArgumentParser("scripts/stress phases", description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("stress"), help="of runs and results")
    parser.add_argument("--kills", type=int, default=50, help="number of kills (50)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the random moments (0)")
    parser.add_argument("--minutes", type=float, help="start no run after this time")
    parser.add_argument("cases", nargs="*", help=f"some of {', '.join(phased_runs.CASES)}")
    options = parser.parse_args()
    end = time.monotonic() + 60 * (options.minutes or float("inf"))
    folder, cases = options.folder, options.cases or [*phased_runs.CASES]
    folder.mkdir(parents=True, exist_ok=True)
    results = _results(folder)
    while _kills(results).total() < options.kills and time.monotonic() < end:
        number = len(results)
        case = cases[number % len(cases)]
        results.append(_run(folder, case, number, options.seed))
        with (folder / "results.jsonl").open("a") as file:
            file.write(json.dumps(results[-1]) + "\n")
        print(f"run {number} ({case}): {_kills(results).total()} kills so far", flush=True)
    sys.exit(_report(results))


def _results(folder: Path) -> list[dict[str, Any]]:
    path = folder / "results.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def _run(folder: Path, case: str, number: int, seed: int) -> dict[str, Any]:
    """Kill, resume and end one run; return the moments, and what differs."""
    whole, run = folder / case, folder / f"run{number}"
    if not (whole / "stress.json").exists():
        shutil.rmtree(whole, ignore_errors=True)
        seconds = stress_runs.uninterrupted(whole, phased_runs.overrides_of(case))
        (whole / "stress.json").write_text(json.dumps(seconds))
    shutil.rmtree(run, ignore_errors=True)
    seconds = json.loads((whole / "stress.json").read_text())
    draw = random.Random(f"{seed} {number}")
    killed = phased_runs.kill(run, case, draw, seconds, _MOST)
    differing = phased_runs.differences(whole, run)
    if not differing:
        shutil.rmtree(run)
    return {"case": case, "number": number, "killed": killed, "differs": differing}


def _kills(results: list[dict[str, Any]]) -> Counter[str]:
    return sum((Counter(result["killed"]) for result in results), Counter[str]())


def _report(results: list[dict[str, Any]]) -> bool:
    """Print what was killed when, and what differs; return whether anything does."""
    killed = _kills(results)
    for moment, count in sorted(killed.items()):
        print(f"{count:4d} {moment}")
    texts = [f"run {r['number']} ({r['case']}): {text}" for r in results for text in r["differs"]]
    print(f"{killed.total()} kills of {len(results)} runs")
    print(*texts or ["every run ended with the bits of the uninterrupted run"], sep="\n")
    return bool(texts)


if __name__ == "__main__":
    main()
