"""Parts: training, validation and test data in what ``dataset._target_`` returns.

A mapping names its parts. A tuple or a list of datasets is (train, validation) or
(train, validation, test). A tuple of columns of one length is one dataset: (images, labels). A list
whose items are samples is one dataset. So a tuple is never a list of samples, and
``((images, labels), (images, labels))`` is (train, validation).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from trainer.core.errors import ConfigError, nearest
from trainer.data.adapters.kinds import describe, is_columns, is_dataset

_NAMES = {
    "train": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "test": "test",
}
_EXPECTED = (
    "expected a dataset, (train, validation), (train, validation, test), or a mapping with train, "
    "validation and test; each a pipeline of mindspore.dataset, a list of (image, label), "
    "(images, labels) as arrays, or an object with __len__ and __getitem__"
)


@dataclass(frozen=True)
class Parts:
    """The datasets as they were returned; None for a part that does not exist."""

    train: Any
    validation: Any = None
    test: Any = None

    def items(self) -> list[tuple[str, Any]]:
        """Return the names of the parts that exist, and their datasets."""
        return [(name, part) for name, part in vars(self).items() if part is not None]


def split_parts(value: Any) -> Parts:
    """Return the parts of what ``dataset._target_`` has returned.

    Raises:
        ConfigError: it contains something else than datasets, or no training data.
    """
    if isinstance(value, Mapping):
        parts = _named(value)
    elif is_dataset(value) or not isinstance(value, tuple | list):
        parts = Parts(value)
    elif 1 < len(value) <= 3:
        parts = Parts(*value)
    else:
        raise _unexpected(value)
    if parts.train is None or not all(is_dataset(part) for _, part in parts.items()):
        raise _unexpected(value)
    return parts


def _named(value: Mapping[str, Any]) -> Parts:
    unknown = [name for name in value if name not in _NAMES]
    if unknown or "train" not in value:
        received = ", ".join(map(str, value)) or "none"
        near = nearest(str(unknown[0]), _NAMES) if unknown else ""
        expected = "expected a mapping with the keys train, validation (or val) and test"
        raise ConfigError([f"dataset: {expected}, received {received}{near}"])
    parts: dict[str, Any] = {}
    for name, part in value.items():
        if _NAMES[name] in parts:
            raise ConfigError([f"dataset: expected one validation part, received {list(value)}"])
        parts[_NAMES[name]] = part
    return Parts(**parts)


def _unexpected(value: Any) -> ConfigError:
    return ConfigError([f"dataset: {_EXPECTED}; received {describe(value)}{_remedy(value)}"])


def _remedy(value: Any) -> str:
    """Return what to do about data of another kind that are close to one that is accepted."""
    if is_columns(value):
        return ""
    items = value if isinstance(value, tuple | list) else [value]
    names = {type(item).__name__ for item in items}
    if "DataLoader" in names:
        return "; return the dataset of the DataLoader, because batches are made by the trainer"
    if any(hasattr(item, "__iter__") and not hasattr(item, "__len__") for item in items):
        return "; an iterator has no __len__ and is read only once: return list(...) of it"
    return ""
