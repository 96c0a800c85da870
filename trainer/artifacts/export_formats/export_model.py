"""Export model: a file is written and checked before it takes its place."""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal, TypeAlias

from mindspore import Tensor, nn

from trainer.artifacts import export_formats
from trainer.artifacts.export_formats import ExportFormat, FixedBatch, batch
from trainer.artifacts.export_formats.check import TOLERANCE, Check, compare, worst
from trainer.backend.compile import compile_errors
from trainer.core import atomic_files
from trainer.core.errors import ConfigError, TrainerExit
from trainer.core.text import first_line

BatchSize: TypeAlias = int | Literal["auto", "dynamic"]
_LARGE = "MindSpore writes several above 1 GB (mindir) or 2 GB (onnx)"
_FIXED = 1  # the batch size of a file that cannot accept any, if none is given


@dataclass(frozen=True)
class Exported:
    """What was written.

    Attributes:
        check: how well its outputs agree with those of the model.
        batch_size: that it accepts; None: any.
        why_fixed: why it accepts no other batch size; empty: none was to be accepted.
        script: that runs it; None: there is none.
    """

    check: Check
    batch_size: int | None
    why_fixed: str = ""
    script: Path | None = None


def export_model(
    name: str,
    model: nn.Cell,
    inputs: Sequence[Tensor],
    path: Path,
    metadata: Mapping[str, str] | None = None,
    batch_size: BatchSize = "auto",
) -> Exported:
    """Write a model, after a check of what was written.

    Args:
        name: of the format.
        model: with nothing frozen; it is left in inference mode.
        inputs: a batch.
        path: written only if the check holds.
        metadata: text by key, for the file.
        batch_size: that the file accepts; dynamic: any; auto: any if that can be written, else 1.

    Raises:
        ConfigError: the model cannot be written in this format; the operator is named.
        TrainerExit: the outputs of the file differ by more than ``TOLERANCE``.
    """
    model.set_train(False)
    with TemporaryDirectory() as scratch:  # MindSpore accepts only plain characters in a path
        written = Path(scratch) / f"export.{name}"
        job = _Job(export_formats.load(name), model, written, metadata or {})
        exported = _write(job, inputs, batch_size)
        with atomic_files.atomic_write(path) as partial:
            shutil.copyfile(written, partial)
    return replace(exported, script=_write_script(path, job.format.script))


def _write_script(path: Path, text: str) -> Path | None:
    """Write the script that runs a file next to it, and return its path; None: there is none."""
    if not text:
        return None
    script = path.with_name(f"{path.name}.py")
    atomic_files.write_text(script, text)
    return script


@dataclass(frozen=True)
class _Job:
    """A model, the format and file to write it to, and the metadata of the file."""

    format: ExportFormat
    model: nn.Cell
    path: Path
    metadata: Mapping[str, str]


def _write(job: _Job, inputs: Sequence[Tensor], batch_size: BatchSize) -> Exported:
    if isinstance(batch_size, int):
        return _write_fixed(job, _fixed(inputs, batch_size))
    if job.format.write_dynamic is None and batch_size == "auto":
        return _write_fixed(job, inputs)
    try:
        return Exported(_write_dynamic(job, inputs), None)
    except Exception as error:  # MindSpore and onnxruntime raise many kinds; the screen shows it
        why_fixed = first_line(error)
        if batch_size == "dynamic":
            expected = "expected a model that can be written for any batch size"
            problem = f"batch_size: {expected}, received one that cannot ({why_fixed})"
            raise ConfigError([f"{problem}; try batch_size=1"]) from None
    for leftover in job.path.parent.iterdir():
        leftover.unlink()
    return _write_fixed(job, _fixed(inputs, _FIXED), why_fixed)


def _fixed(inputs: Sequence[Tensor], batch_size: int) -> Sequence[Tensor]:
    """Return inputs of a batch size, or as they are if they have no common first axis.

    Raises:
        ConfigError: such inputs, and another size than 1, which nobody needs to have given.
    """
    try:
        return batch.resized(inputs, batch_size)
    except FixedBatch as error:
        if batch_size == _FIXED:
            return inputs
        problem = f"batch_size: expected none, because {error}, received {batch_size}"
        raise ConfigError([problem]) from None


def _write_fixed(job: _Job, inputs: Sequence[Tensor], why_fixed: str = "") -> Exported:
    with compile_errors.as_config_error(job.model):
        job.format.write(job.model, inputs, job.path)
    check = _compare(job, [inputs])
    if not check.holds:
        raise TrainerExit(
            f"format={job.path.suffix[1:]}: expected the model's outputs, within {TOLERANCE:g} of "
            f"the largest value, received from the file: {check}; nothing was written"
        )
    return Exported(check, inputs[0].shape[0] if inputs[0].ndim else None, why_fixed)


def _write_dynamic(job: _Job, inputs: Sequence[Tensor]) -> Check:
    """Write a file for any batch size, and check it for 1, that of the inputs, and another one."""
    if job.format.write_dynamic is None:
        raise FixedBatch("the format has no such files")
    job.format.write_dynamic(job.model, inputs, job.path)
    size = batch.size(inputs)
    sizes = sorted({1, size, 3 if size != 3 else 5})
    check = _compare(job, [batch.resized(inputs, each) for each in sizes])
    if not check.holds:
        raise FixedBatch(f"the outputs of a file for any batch size are not the model's: {check}")
    return check


def _compare(job: _Job, batches: Sequence[Sequence[Tensor]]) -> Check:
    """Add the metadata, and return the worst comparison of the file with the model."""
    if len(list(job.path.parent.iterdir())) > 1:
        expected = "expected a model that fits into one file"
        raise ConfigError([f"format={job.path.suffix[1:]}: {expected}; {_LARGE}"])
    if job.metadata and job.format.annotate is not None:
        job.format.annotate(job.path, job.metadata)
    return worst(
        compare(job.format.expected(job.model, inputs), job.format.received(job.path, inputs))
        for inputs in batches
    )
