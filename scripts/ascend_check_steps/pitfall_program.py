"""Program: tries pitfalls on a device, and prints a line of JSON for each half of each."""

import json
import sys
from collections.abc import Callable

from scripts.ascend_check_steps.device_probe import settings
from scripts.ascend_check_steps.marked_lines import mark
from trainer.backend import device


def main() -> None:
    """Try the named pitfalls; a name is that of a pitfall and of one half, such as T1.plain."""
    target, device_id, *names = sys.argv[1:]
    options = settings(target, device_id)
    device.prepare(options)
    device.select(options)

    from scripts.ascend_check_steps.pitfalls import PITFALLS

    for name in names:
        pitfall, _, half = name.partition(".")
        mark("RESULT", json.dumps([name, _result(getattr(PITFALLS[pitfall], half))]))


def _result(attempt: Callable[[], str]) -> str:
    """Return what is wrong after an attempt; an exception is wrong too."""
    try:
        return attempt()
    except Exception as error:
        lines = str(error).splitlines() or [""]
        return f"{type(error).__name__}: {lines[0]}"


if __name__ == "__main__":
    main()
