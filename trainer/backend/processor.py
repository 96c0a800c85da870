"""Processor: the CPU of this machine, as Linux describes it."""

from functools import cache
from pathlib import Path


def model() -> str:
    """Return the processor's name; empty if it is not known."""
    return _first_core().get("model name", "")


def flags() -> str:
    """Return the names of the processor's features, separated by blanks; empty: not known."""
    return _first_core().get("flags", "")


def has_avx512() -> bool:
    """Return whether the processor has the instruction set AVX-512."""
    return "avx512f" in flags().split()


@cache
def _first_core() -> dict[str, str]:
    """Return what Linux reports of the first core, whose description ends with an empty line."""
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return {}
    pairs = (line.partition(":") for line in text.partition("\n\n")[0].splitlines())
    return {name.strip(): value.strip() for name, _, value in pairs}
