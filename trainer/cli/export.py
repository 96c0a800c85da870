"""Export: ``python -m trainer.export``, a finished run's model in a file for use elsewhere."""

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from trainer.artifacts import export_formats, finished_run
from trainer.checkpoint import class_names
from trainer.checkpoint.resume import ResumeRequest
from trainer.cli import entry_point, plan
from trainer.config import recorded_folder
from trainer.core import atomic_files
from trainer.core.errors import ConfigError, TrainerExit, nearest
from trainer.core.text import shorten
from trainer.run import configure

if TYPE_CHECKING:  # these import MindSpore, before which the device has to be set
    from mindspore import Tensor, nn

TOLERANCE = 1e-4  # of the largest output; the worst of twelve models in ONNX was within 2e-6
_LARGE = "MindSpore writes several above 1 GB (mindir) or 2 GB (onnx)"
_ALLOWED = ("dataset", "transform", "batch_size", "device", "seed")

_USAGE = f"""usage: python -m trainer.export RUN format=FORMAT [KEY=VALUE ...] [out=FILE]

Writes the model of a finished run, in inference mode and with nothing frozen, then loads the file
and compares its outputs for the first validation batch with those of the model. Where the run has
recorded names of classes, the file has them as metadata: class_names, a JSON list.
  RUN         the run's folder; its settings and its model.safetensors are used, or with RUN@EPOCH,
              RUN@last, RUN@best or RUN@ema those of a snapshot, its best checkpoint or its averages
  KEY=VALUE   overrides of {", ".join(_ALLOWED)}, which determine the shapes of the inputs
  FORMAT      mindir, onnx, safetensors, or your own (export_format/ of --config-dir)
  out=FILE    default: RUN/export.FORMAT
Example:
  python -m trainer.export outputs/2026-01-01/12-00-00 format=mindir batch_size=1"""


@dataclass(frozen=True)
class Check:
    """How far the outputs of a file are from those expected.

    Attributes:
        difference: the largest of all values; NaN if one is not finite where the other is.
        largest: the largest absolute value that is expected.
    """

    difference: float
    largest: float

    @property
    def holds(self) -> bool:
        """Whether the difference is within the tolerance."""
        return self.difference <= TOLERANCE * self.largest

    def __str__(self) -> str:
        return f"largest difference {self.difference:.3g}, largest value {self.largest:.4g}"


def main() -> None:
    """Write and check the file, and exit with the code that reports how it ended."""
    with entry_point.exit_codes():
        if entry_point.printed_help(_USAGE):
            return
        arguments = finished_run.parse_arguments(entry_point.arguments(), ("format", "out"))
        recorded_folder.use(arguments.run)
        kind, path, wrong_options = _options(arguments.run, arguments.options)
        config, problems = finished_run.model_configuration(arguments, _ALLOWED)
        problems = [*wrong_options, *problems]
        with finished_run.naming_start_folder(arguments.run):
            settings, components = configure.run_from_config(config, ResumeRequest([]), problems)
        configure.check_batch_size(settings, components, arguments.overrides)
        data = components.validation or components.train
        *inputs, _ = next(data.batches(0))
        names = class_names.read(arguments.run)
        check = export(kind, components.model, inputs, path, names)
        shapes = ", ".join(f"{tensor.dtype} {tuple(tensor.shape)}" for tensor in inputs)
        print(f"weights    {arguments.weights}")
        print(f"inputs     {shapes}")
        if names:
            print(f"classes    {shorten(names)}")
        print(f"checked    {check} (allowed: {TOLERANCE:g} of that)")
        print(f"written    {path} ({path.stat().st_size:,} bytes)")


def _options(folder: Path, own: Mapping[str, str]) -> tuple[str, Path, list[str]]:
    """Return the format, the file to write, and the problems of both."""
    kind = own.get("format", "")
    path = Path(own.get("out", folder / f"export.{kind}"))
    known = export_formats.names()
    if kind not in known:
        near = nearest(kind, known) if kind else ""
        expected = f"expected one of {', '.join(known)}"
        return kind, path, [f"format: {expected}, received {kind or 'none'}{near}"]
    problems = []
    if path.suffix != f".{kind}":
        problems.append(f"out: expected a file named *.{kind}, received {path}")
    if path.is_dir() or (why := plan.unwritable_reason(path.parent)):
        reason = "it is a folder" if path.is_dir() else why
        problems.append(f"out: expected a file to write, received {path} ({reason})")
    return kind, path, problems


def export(
    kind: str,
    model: "nn.Cell",
    inputs: "Sequence[Tensor]",
    path: Path,
    names: Sequence[str] = (),
) -> Check:
    """Write a model and check what was written; return how well it agrees.

    The file is written elsewhere first: it is checked before it takes its place, and MindSpore
    accepts only plain characters in a path, makes the file read-only and its folder private.

    Args:
        kind: name of the format.
        model: with nothing frozen; it is left in inference mode.
        inputs: a batch; the file accepts inputs of these shapes alone.
        path: the file, written only if the check holds.
        names: of the classes, for the file's metadata.

    Raises:
        ConfigError: MindSpore cannot write this model in this format; the operator is named.
        TrainerExit: the outputs of the file differ by more than ``TOLERANCE``.
    """
    model.set_train(False)
    with TemporaryDirectory() as scratch:
        written = Path(scratch) / f"export.{kind}"
        check = _write_and_check(kind, model, inputs, written, names)
        with atomic_files.atomic_write(path) as partial:
            shutil.copyfile(written, partial)
    return check


def _write_and_check(
    kind: str, model: "nn.Cell", inputs: "Sequence[Tensor]", path: Path, names: Sequence[str]
) -> Check:
    from trainer.backend.compile import compile_errors

    export_format = export_formats.load(kind)
    with compile_errors.as_config_error(model):
        export_format.write(model, inputs, path)
    if len(list(path.parent.iterdir())) > 1:
        raise ConfigError([f"format={kind}: expected a model that fits into one file; {_LARGE}"])
    if names and export_format.annotate is not None:
        export_format.annotate(path, {"class_names": json.dumps(list(names))})
    check = compare(export_format.expected(model, inputs), export_format.received(path, inputs))
    if not check.holds:
        raise TrainerExit(
            f"format={kind}: expected the model's outputs, within {TOLERANCE:g} of the largest "
            f"value, received from the file: {check}; nothing was written"
        )
    return check


def compare(expected: Sequence[NDArray[Any]], received: Sequence[NDArray[Any]]) -> Check:
    """Compare arrays one by one; another shape, or another number of arrays, does not agree."""
    largest = max((float(np.abs(array).max(initial=0)) for array in expected), default=0.0)
    if [array.shape for array in expected] != [array.shape for array in received]:
        return Check(float("nan"), largest)
    pairs = zip(expected, received, strict=True)
    differences = [np.abs(one.astype(np.float64) - other).max(initial=0) for one, other in pairs]
    return Check(float(np.max(differences, initial=0)), largest)


if __name__ == "__main__":
    main()
