"""Export formats: one module each, named by a YAML file in ``conf/export_format``.

``_target_`` in that file names a function without arguments that returns an ``ExportFormat``.
The format's name is the file's suffix.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from numpy.typing import NDArray

from trainer.config import config_folders
from trainer.config.instantiate import instantiate_target
from trainer.core.errors import ConfigError

if TYPE_CHECKING:  # MindSpore, for which the device is set before
    from mindspore import Tensor, nn

GROUP = "export_format"
Arrays: TypeAlias = Sequence[NDArray[Any]]


class FixedBatch(Exception):
    """A file that accepts any batch size cannot be written; the message is the reason."""


@dataclass(frozen=True)
class ExportFormat:
    """A file format.

    Attributes:
        write: writes a model to a file, for inputs of the given shapes.
        expected: returns the arrays that the file is to give.
        received: returns the arrays that it does give.
        annotate: adds text to a file, by key; None: the format has no place for it.
        write_dynamic: writes a model to a file that accepts any batch size; raises ``FixedBatch``
            where that is not possible. None: it never is.
        script: a Python script that runs the file FILE next to it, as FILE.py; empty: none.
    """

    write: "Callable[[nn.Cell, Sequence[Tensor], Path], None]"
    expected: "Callable[[nn.Cell, Sequence[Tensor]], Arrays]"
    received: "Callable[[Path, Sequence[Tensor]], Arrays]"
    annotate: Callable[[Path, Mapping[str, str]], None] | None = None
    write_dynamic: "Callable[[nn.Cell, Sequence[Tensor], Path], None] | None" = None
    script: str = ""


def names() -> list[str]:
    """Return the names of all formats, without importing MindSpore."""
    return config_folders.options(GROUP)


def load(name: str) -> ExportFormat:
    """Return a format by its name.

    Raises:
        ConfigError: its target does not exist, or returns no ``ExportFormat``.
    """
    export_format = instantiate_target(f"format={name}", config_folders.read(GROUP, name))
    if not isinstance(export_format, ExportFormat):
        received = type(export_format).__name__
        raise ConfigError([f"format={name}: expected an ExportFormat, received a {received}"])
    return export_format
