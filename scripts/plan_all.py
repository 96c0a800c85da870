"""Plans every model of MindCV in a process that is replaced if it fails; see plan_all_mindcv."""

import argparse
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from scripts.plan_worker import Planner

_OVERRIDES = ["policy=linear_probe"]


def main() -> None:
    """Plan every model that the file of results lacks; exit with 1 if one cannot be planned."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="regular expression for the names of models")
    parser.add_argument("--out", type=Path, default=Path("plan_all.jsonl"), help="the results")
    parser.add_argument("--timeout", type=float, default=300, help="seconds per model (300)")
    parser.add_argument("--memory", type=float, default=20, help="GB per model (20)")
    parser.add_argument("overrides", nargs="*", default=_OVERRIDES)
    options = parser.parse_args()
    for result in _new_results(options):
        with options.out.open("a") as file:
            file.write(f"{json.dumps(result)}\n")
        print(_line(result), flush=True)
    results = [r for r in _recorded(options) if re.search(options.only, r["model"])]
    failed = [result for result in results if not result["result"].startswith("planned:")]
    print(f"{len(results)} models: {len(results) - len(failed)} planned, {len(failed)} not")
    print(*map(_line, failed), sep="\n")
    sys.exit(bool(failed))


def _line(result: dict[str, Any]) -> str:
    cost = f"{result['seconds']:6.1f} s{result['memory_gb']:6.1f} GB"
    return f"{result['model']:<28}{cost}  {result['result']}"


def _recorded(options: argparse.Namespace) -> list[dict[str, Any]]:
    """Return the results in the file that have the same overrides."""
    lines = options.out.read_text().splitlines() if options.out.exists() else []
    results = map(json.loads, lines)
    return [result for result in results if result["overrides"] == options.overrides]


def _new_results(options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Plan the models that have no result yet; yield a result for each."""
    import mindcv

    recorded = {result["model"] for result in _recorded(options)}
    names = [name for name in mindcv.list_models() if re.search(options.only, name)]
    with Planner(options.overrides, options.timeout, options.memory) as planner:
        for name in names:
            if name not in recorded:
                outcome = planner.plan(name)
                yield {"model": name, "overrides": options.overrides, **outcome}


if __name__ == "__main__":
    main()
