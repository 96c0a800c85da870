"""Override lines: the key and the value of each override of a command line."""

from collections.abc import Iterator, Sequence
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException


def parse_lines(overrides: Sequence[str]) -> Iterator[tuple[str, str, Any]]:
    """Yield each override with its key and value; both are empty if it does not parse."""
    parser = OverridesParser.create()
    for text in overrides:
        try:
            parsed = parser.parse_override(text)
            yield text, parsed.key_or_group, None if parsed.is_sweep_override() else parsed.value()
        except HydraException:
            yield text, "", None
