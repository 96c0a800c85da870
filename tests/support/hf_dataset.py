"""A dataset with the interface of Hugging Face's ``datasets.Dataset``, which is 280 MB to install.

What the trainer uses of it is here and behaves alike: rows are dicts, columns are lazy sequences,
`select_columns` decodes no other column, and `ClassLabel` has the names.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class ClassLabel:
    """The feature of a column of classes."""

    names: Sequence[str]


class Column(Sequence[Any]):
    """A column, read as it is indexed."""

    def __init__(self, values: Sequence[Any]) -> None:
        self._values = values

    def __len__(self) -> int:
        return len(self._values)

    def __getitem__(self, index: Any) -> Any:
        return self._values[index]


class Dataset:
    """Rows of named columns."""

    def __init__(self, columns: Mapping[str, Sequence[Any]], features: Mapping[str, Any]) -> None:
        self._columns = dict(columns)
        self.features = dict(features)

    @property
    def column_names(self) -> list[str]:
        return list(self._columns)

    def select_columns(self, names: Sequence[str]) -> "Dataset":
        features = {name: self.features[name] for name in names if name in self.features}
        return Dataset({name: self._columns[name] for name in names}, features)

    def __len__(self) -> int:
        return len(next(iter(self._columns.values())))

    def __getitem__(self, key: int | str) -> Any:
        if isinstance(key, str):
            return Column(self._columns[key])
        return {name: column[key] for name, column in self._columns.items()}

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return (self[index] for index in range(len(self)))


class DatasetDict(dict[str, Dataset]):
    """Datasets by the names of their parts."""
