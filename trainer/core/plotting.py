"""Figures: the colours of what is frozen, and pictures written whole. Needs no MindSpore."""

from pathlib import Path

from matplotlib.figure import Figure

from trainer.core import atomic_files

FROZEN = "#3b6ea5"
PALE = "#d6e4f0"


def save(figure: Figure, path: Path) -> None:
    """Write a figure as PNG, whole."""
    with atomic_files.atomic_write(path) as partial:
        figure.savefig(partial, format="png")
