"""A measurement in a separate process: `python -m scripts.benchmark.work CASE IMAGES`."""

import importlib
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict
from pathlib import Path

from scripts.benchmark.case import Case, Task
from scripts.benchmark.clock import Clock
from scripts.benchmark.contenders import IMPORT_TORCHVISION, LOOPS
from trainer.backend import device
from trainer.config.groups import Device
from trainer.core.errors import ConfigError


def main() -> None:
    """Measure, and print the result as one line of JSON."""
    fields = json.loads(sys.argv[1])
    case = Case(**{**fields, "task": Task(**fields["task"])})
    module, function = LOOPS[case.contender]
    clock = Clock()
    if case.contender in IMPORT_TORCHVISION:
        importlib.import_module("scripts.benchmark.torchvision_import").prepare()
    with as_the_trainer() if case.contender == "hand" else nullcontext():
        train = getattr(importlib.import_module(f"scripts.benchmark.{module}"), function)
    parameters = train(case, Path(sys.argv[2]), clock)
    print(json.dumps(asdict(clock.result(parameters))))


@contextmanager
def as_the_trainer() -> Iterator[None]:
    """Have MindSpore, which is imported in the block, compute with the trainer's convolutions."""
    options = Device(target="cpu")
    device.prepare(options)
    yield
    if problems := device.install_convolutions(options):
        raise ConfigError(problems)


if __name__ == "__main__":
    main()
