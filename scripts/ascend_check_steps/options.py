"""The options of `scripts/ascend_check`: KEY=VALUE, as in the trainer's own commands."""

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, fields
from difflib import get_close_matches
from pathlib import Path

USAGE = """scripts/ascend_check [KEY=VALUE ...]

Checks this trainer on an Ascend in about ten minutes, and writes one report, which can be read
without the machine. It works in a temporary folder, and ends every process that it has started.

  device=ascend    the device: ascend or cpu (cpu: a trial of this script itself)
  device_id=0      the number of the first Ascend device to use, from 0
  minutes=10       after this time no step starts, and the current one is ended; the installation
                   is not counted
  out=FILE         the report; by default ascend_check_DATE_TIME.md in the current folder
  python=PATH      a Python that has the trainer's requirements; then nothing is installed

Exit codes: 0 every step that applies is ok; 1 a step failed or was not run; 2 wrong options;
129, 130 or 143 stopped by a signal, with a report of the steps until then.
"""


@dataclass(frozen=True)
class Options:
    """What the command line says; USAGE explains each."""

    device: str
    device_id: int
    minutes: float
    out: Path
    python: str | None


def parse(arguments: Sequence[str]) -> Options:
    """Return the options; exit with 2 if something is wrong with them."""
    if {"-h", "--help", "help"} & set(arguments):
        print(USAGE, end="")
        sys.exit(0)
    try:
        return _options(_values(arguments))
    except ValueError as error:
        print(f"scripts/ascend_check: {error}", file=sys.stderr)
        sys.exit(2)


def _values(arguments: Sequence[str]) -> dict[str, str]:
    known = [field.name for field in fields(Options)]
    values = {}
    for argument in arguments:
        key, is_pair, value = argument.partition("=")
        if not is_pair or key not in known:
            near = get_close_matches(key.lstrip("-"), known, 1)
            hint = f" (nearest: {near[0]})" if near else ""
            raise ValueError(f"expected {', '.join(known)}=VALUE, received '{argument}'{hint}")
        values[key] = value
    return values


def _options(values: dict[str, str]) -> Options:
    device = values.get("device", "ascend")
    if device not in ("ascend", "cpu"):
        raise ValueError(f"expected device=ascend or device=cpu, received device={device}")
    device_id = values.get("device_id", "0")
    if not device_id.isdecimal():
        raise ValueError(f"expected device_id=0 or more, received device_id={device_id}")
    try:
        minutes = float(values.get("minutes", "10"))
    except ValueError:
        minutes = -1.0
    if not 0 < minutes < float("inf"):
        raise ValueError(f"expected minutes above 0, received minutes={values['minutes']}")
    default = f"ascend_check_{time.strftime('%Y-%m-%d_%H-%M-%S')}.md"
    out = Path(values.get("out", default)).absolute()
    return Options(device, int(device_id), minutes, out, values.get("python"))
