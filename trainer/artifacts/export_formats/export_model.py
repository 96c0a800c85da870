"""Export model: a file is written and checked before it takes its place."""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from mindspore import Tensor, nn

from trainer.artifacts import export_formats
from trainer.artifacts.export_formats.check import TOLERANCE, Check, compare
from trainer.backend.compile import compile_errors
from trainer.core import atomic_files
from trainer.core.errors import ConfigError, TrainerExit

_LARGE = "MindSpore writes several above 1 GB (mindir) or 2 GB (onnx)"


def export_model(
    name: str,
    model: nn.Cell,
    inputs: Sequence[Tensor],
    path: Path,
    metadata: Mapping[str, str] | None = None,
) -> Check:
    """Write a model and check what was written; return how well it agrees.

    The file is written elsewhere first: it is checked before it takes its place, and MindSpore
    accepts only plain characters in a path, makes the file read-only and its folder private.

    Args:
        name: of the format.
        model: with nothing frozen; it is left in inference mode.
        inputs: a batch; the file accepts inputs of these shapes alone.
        path: the file, written only if the check holds.
        metadata: text by key, for the file.

    Raises:
        ConfigError: MindSpore cannot write this model in this format; the operator is named.
        TrainerExit: the outputs of the file differ by more than ``TOLERANCE``.
    """
    model.set_train(False)
    with TemporaryDirectory() as scratch:
        written = Path(scratch) / f"export.{name}"
        check = _write_and_check(name, model, inputs, written, metadata or {})
        with atomic_files.atomic_write(path) as partial:
            shutil.copyfile(written, partial)
    return check


def _write_and_check(
    name: str, model: nn.Cell, inputs: Sequence[Tensor], path: Path, metadata: Mapping[str, str]
) -> Check:
    export_format = export_formats.load(name)
    with compile_errors.as_config_error(model):
        export_format.write(model, inputs, path)
    if len(list(path.parent.iterdir())) > 1:
        raise ConfigError([f"format={name}: expected a model that fits into one file; {_LARGE}"])
    if metadata and export_format.annotate is not None:
        export_format.annotate(path, metadata)
    check = compare(export_format.expected(model, inputs), export_format.received(path, inputs))
    if not check.holds:
        raise TrainerExit(
            f"format={name}: expected the model's outputs, within {TOLERANCE:g} of the largest "
            f"value, received from the file: {check}; nothing was written"
        )
    return check
