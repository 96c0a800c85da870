"""Export: ``python -m trainer.export``, a finished run's net in a file for use elsewhere."""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from trainer.artifacts import export_formats, finished_run
from trainer.checkpoint.resume import ResumeRequest
from trainer.cli import entry_point, plan
from trainer.config import recorded_folder
from trainer.core import atomic_files
from trainer.core.errors import ConfigError, TrainerExit, nearest
from trainer.run import configure

if TYPE_CHECKING:  # these import MindSpore, for which the device is to be set before
    from mindspore import Tensor, nn

TOLERANCE = 1e-4  # of the largest output; the worst of twelve nets in ONNX was within 2e-6
_LARGE = "MindSpore writes several above 1 GB (mindir) or 2 GB (onnx)"
_ALLOWED = ("dataset", "batch_size", "device", "seed")

_USAGE = f"""usage: python -m trainer.export RUN format=FORMAT [KEY=VALUE ...] [out=FILE]

Writes the net of a finished run, in inference mode and without a trace of what was frozen, then
loads the file and compares what it gives for the first validation batch with what the net gives.
  RUN         the run's folder; its settings and its model.safetensors are used, or with RUN@EPOCH,
              RUN@last or RUN@best the weights of a snapshot or of its best checkpoint
  KEY=VALUE   overrides of {", ".join(_ALLOWED)}: they give the inputs their shapes
  FORMAT      mindir, onnx, safetensors, or your own (export_format/ of --config-dir)
  out=FILE    RUN/export.FORMAT, if not given
Example:
  python -m trainer.export outputs/2026-01-01/12-00-00 format=mindir batch_size=1"""


@dataclass(frozen=True)
class Check:
    """How far what a file gives is from what it should give.

    Attributes:
        difference: the largest of all values; NaN if one is not finite where the other is.
        largest: the largest absolute value that it should give.
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
    """Write and check the file, and exit with the code that tells how it ended."""
    with entry_point.exit_codes():
        if entry_point.printed_help(_USAGE):
            return
        given = finished_run.parse_arguments(entry_point.arguments(), ("format", "out"))
        recorded_folder.use(given.run)
        kind, path, found = _options(given.run, given.own)
        config, problems = finished_run.model_configuration(given, _ALLOWED)
        settings, setup = configure.run_from_config(config, ResumeRequest([]), [*found, *problems])
        from trainer.data import batches

        *inputs, _ = next(iter(batches.batches(setup.validation, settings.seed, 0)))
        check = export(kind, setup.model, inputs, path)
        shapes = ", ".join(f"{tensor.dtype} {tuple(tensor.shape)}" for tensor in inputs)
        print(f"weights    {given.weights}")
        print(f"inputs     {shapes}")
        print(f"checked    {check} (allowed: {TOLERANCE:g} of that)")
        print(f"written    {path} ({path.stat().st_size:,} bytes)")


def _options(folder: Path, own: Mapping[str, str]) -> tuple[str, Path, list[str]]:
    """Return the format, the file to write, and what is wrong with these."""
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
    if path.is_dir() or (why := plan.unfit(path.parent)):
        reason = "it is a folder" if path.is_dir() else why
        problems.append(f"out: expected a file to write, received {path} ({reason})")
    return kind, path, problems


def export(kind: str, net: "nn.Cell", inputs: "Sequence[Tensor]", path: Path) -> Check:
    """Write a net and check what was written; return how well it agrees.

    Args:
        kind: name of the format.
        net: with nothing frozen; it is left in inference mode.
        inputs: a batch; the file takes inputs of these shapes alone.
        path: the file, written only if the check holds.

    Raises:
        ConfigError: MindSpore cannot write this net in this format; the operator is named.
        TrainerExit: what was written differs by more than ``TOLERANCE``.
    """
    export_format = export_formats.load(kind)
    net.set_train(False)
    # Apart from its place: the check comes first, and MindSpore takes only plain characters in a
    # path, and makes the file read-only and its folder private.
    with TemporaryDirectory() as scratch:
        made = Path(scratch) / f"export.{kind}"
        export_format.write(net, inputs, made)
        if len(list(Path(scratch).iterdir())) > 1:
            raise ConfigError([f"format={kind}: expected a net that goes into one file; {_LARGE}"])
        check = compare(export_format.expected(net, inputs), export_format.received(made, inputs))
        if not check.holds:
            raise TrainerExit(
                f"format={kind}: expected what the net gives, within {TOLERANCE:g} of its largest "
                f"value, received from the file: {check}; nothing was written"
            )
        with atomic_files.atomic_write(path) as partial:
            shutil.copyfile(made, partial)
    return check


def compare(wanted: Sequence[NDArray[Any]], received: Sequence[NDArray[Any]]) -> Check:
    """Compare arrays one by one; other shapes, or another number of arrays, are no agreement."""
    largest = max((float(np.abs(each).max(initial=0)) for each in wanted), default=0.0)
    if [each.shape for each in wanted] != [each.shape for each in received]:
        return Check(float("nan"), largest)
    pairs = zip(wanted, received, strict=True)
    apart = [np.abs(one.astype(np.float64) - other).max(initial=0) for one, other in pairs]
    return Check(float(np.max(apart, initial=0)), largest)


if __name__ == "__main__":
    main()
