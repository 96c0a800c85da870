"""How much of the processors other processes use while a measurement runs. Linux only."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

DISTURBING = 0.2  # cores


@dataclass
class OtherLoad:
    """The load by others.

    Attributes:
        cores: that processes other than this one and its children used; None: unknown.
    """

    cores: float | None = None


@contextmanager
def watched() -> Iterator[OtherLoad]:
    """Measure the load by others during the block."""
    load = OtherLoad()
    start, busy, own = time.monotonic(), _busy(), _own()
    yield load
    seconds, end = time.monotonic() - start, _busy()
    if busy is not None and end is not None and seconds > 0:
        load.cores = max(0.0, (end - busy) - (_own() - own)) / seconds


def _busy() -> float | None:
    """Return the seconds that all cores have worked since the machine was started."""
    with suppress(OSError):
        user, nice, system, _, _, irq, soft_irq, *_ = map(
            int, Path("/proc/stat").read_text().split("\n")[0].split()[1:]
        )
        return (user + nice + system + irq + soft_irq) / os.sysconf("SC_CLK_TCK")
    return None


def _own() -> float:
    """Return the seconds that this process and its ended children have worked."""
    return sum(os.times()[:4])
