"""Job: stands in for the module of that name until it is there."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Job:
    name: str
    folder: Path
    overrides: list[str]
