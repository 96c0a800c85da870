"""A measurement in a separate process: `python -m scripts.benchmark.work CASE IMAGES`."""

import importlib
import json
import sys
from dataclasses import asdict
from pathlib import Path

from scripts.benchmark.case import Case, Task
from scripts.benchmark.clock import Clock
from scripts.benchmark.contenders import LOOPS


def main() -> None:
    """Measure, and print the result as one line of JSON."""
    fields = json.loads(sys.argv[1])
    case = Case(**{**fields, "task": Task(**fields["task"])})
    module, function = LOOPS[case.contender]
    clock = Clock()
    train = getattr(importlib.import_module(f"scripts.benchmark.{module}"), function)
    parameters = train(case, Path(sys.argv[2]), clock)
    print(json.dumps(asdict(clock.result(parameters))))


if __name__ == "__main__":
    main()
