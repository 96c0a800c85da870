"""Data differences: what differs between the data of two runs. Needs no MindSpore."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from trainer.artifacts.data_manifest import DataFile
from trainer.core.text import quantity, shorten


@dataclass(frozen=True)
class DataDifferences:
    """Files that differ between two manifests.

    Attributes:
        added: in the second only.
        removed: in the first only.
        changed: in both, with other content.
        relabelled: in both, with another label.
        moved: in both, in another split.
        renamed: pairs of removed and added files with the same content; they are not in ``added``
            and ``removed``.
    """

    added: Sequence[str] = ()
    removed: Sequence[str] = ()
    changed: Sequence[str] = ()
    relabelled: Sequence[str] = ()
    moved: Sequence[str] = ()
    renamed: Sequence[tuple[str, str]] = ()

    def __str__(self) -> str:
        """Return how many files differ in which way, with the first names of each; empty: none."""
        named = {
            "added": self.added,
            "removed": self.removed,
            "changed": self.changed,
            "with another label": self.relabelled,
            "in another split": self.moved,
            "renamed": [f"{old} to {new}" for old, new in self.renamed],
        }
        return ", ".join(
            f"{quantity(len(names), 'file')} {how} ({shorten(names)})"
            for how, names in named.items()
            if names
        )


def compare(first: Sequence[DataFile], second: Sequence[DataFile]) -> DataDifferences:
    """Return what differs between the files of two runs; their order does not matter."""
    before, after = ({row.file: row for row in rows} for rows in (first, second))
    both = [(before[file], row) for file, row in after.items() if file in before]
    removed = [row for file, row in before.items() if file not in after]
    added = [row for file, row in after.items() if file not in before]
    renamed = _renamed(removed, added)
    old_names, new_names = {old for old, _ in renamed}, {new for _, new in renamed}
    return DataDifferences(
        [row.file for row in added if row.file not in new_names],
        [row.file for row in removed if row.file not in old_names],
        [new.file for old, new in both if old.sha256 != new.sha256],
        [new.file for old, new in both if old.label != new.label],
        [new.file for old, new in both if old.split != new.split],
        renamed,
    )


def _renamed(removed: Sequence[DataFile], added: Sequence[DataFile]) -> list[tuple[str, str]]:
    """Return pairs of files whose content is in each list only once."""
    once = [Counter(row.sha256 for row in rows if row.sha256) for rows in (removed, added)]
    names = {row.sha256: row.file for row in added}
    return [
        (row.file, names[row.sha256])
        for row in removed
        if once[0][row.sha256] == once[1][row.sha256] == 1
    ]


def describe(first: Sequence[DataFile], second: Sequence[DataFile]) -> str:
    """Return in words how the files of two runs differ."""
    differences = str(compare(first, second))
    return differences or f"the same {quantity(len(first), 'file')}"
