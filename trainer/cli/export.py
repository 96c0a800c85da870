"""Export: ``python -m trainer.export``, a finished run's model in a file for use elsewhere."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from trainer.artifacts import export_formats, finished_run
from trainer.artifacts.export_formats.check import TOLERANCE
from trainer.artifacts.finished_run import RunArguments
from trainer.checkpoint import class_names
from trainer.checkpoint.resume import ResumeRequest
from trainer.cli import entry_point, plan_options
from trainer.config import recorded_folder
from trainer.core.errors import nearest
from trainer.core.text import shorten
from trainer.run import configure

if TYPE_CHECKING:  # these import MindSpore, before which the device has to be set
    from mindspore import Tensor

    from trainer.artifacts.export_formats.export_model import BatchSize, Exported
    from trainer.config.schema import Settings
    from trainer.run.components import RunComponents

_ALLOWED = ("dataset", "transform", "device", "seed")
_KEYS = ("format", "batch_size", "out")

_USAGE = f"""\
usage: python -m trainer.export RUN format=FORMAT [batch_size=N] [KEY=VALUE ...] [out=FILE]

Writes the model of a finished run, in inference mode and with nothing frozen, then loads the file
and compares its outputs with those of the model. The file has as metadata class_names, a JSON list,
if the run has recorded them, and preparation, a JSON object. With format=onnx, FILE.py is a script
that runs the file with onnxruntime alone: python FILE.py photo.jpg
  RUN         the run's folder; its settings and its model.safetensors are used, or with RUN@EPOCH,
              RUN@last, RUN@best or RUN@ema those of a snapshot, its best checkpoint or its averages
  FORMAT      mindir, onnx, safetensors, or your own (export_format/ of --config-dir)
  KEY=VALUE   overrides of {", ".join(_ALLOWED)}, which determine the shapes of the inputs
  batch_size  a number: the file accepts batches of that size; dynamic: of any size; default: auto,
              which is dynamic, or 1 where that cannot be written
  out=FILE    default: RUN/export.FORMAT
Example:
  python -m trainer.export outputs/2026-01-01/12-00-00 format=onnx"""


def main() -> None:
    """Write and check the file, and exit with the code that reports how it ended."""
    with entry_point.exit_codes():
        if entry_point.printed_help(_USAGE):
            return
        arguments = finished_run.parse_arguments(entry_point.arguments(), _KEYS)
        recorded_folder.use(arguments.run)
        request, wrong_options = _request(arguments.run, arguments.options)
        config, problems = finished_run.model_configuration(arguments, _ALLOWED)
        problems = [*wrong_options, *problems]
        with finished_run.naming_start_folder(arguments.run):
            settings, components = configure.run_from_config(config, ResumeRequest([]), problems)
        _export(arguments, settings, components, request)


@dataclass(frozen=True)
class _Request:
    """The format, the file to write, and the batch size that it is to accept."""

    format: str
    path: Path
    batch_size: "BatchSize" = "auto"


def _export(
    arguments: RunArguments, settings: "Settings", components: "RunComponents", request: _Request
) -> None:
    """Write and check the file, and print what was written."""
    from trainer.artifacts.export_formats.export_model import export_model
    from trainer.cli import export_metadata

    names = class_names.read(arguments.run)
    *inputs, label = next((components.validation or components.train).batches(0))
    metadata, why_unprepared = export_metadata.metadata(
        settings, components.loss, [*inputs, label], names
    )
    options = request.path, metadata, request.batch_size
    exported = export_model(request.format, components.model, inputs, *options)
    print(f"weights    {arguments.weights}")
    print(f"inputs     {_shapes(inputs, exported)}")
    if exported.why_fixed:
        print(f"batch      fixed, because: {exported.why_fixed}")
    if names:
        print(f"classes    {shorten(names)}")
    if why_unprepared:
        print(f"prepared   not in the file: {why_unprepared}")
    print(f"checked    {exported.check} (allowed: {TOLERANCE:g} of that)")
    print(f"written    {request.path} ({request.path.stat().st_size:,} bytes)")
    if exported.script:
        print(f"script     {exported.script}")


def _shapes(inputs: "Sequence[Tensor]", exported: "Exported") -> str:
    size = "batch" if exported.batch_size is None else str(exported.batch_size)
    shapes = [", ".join([size, *map(str, tensor.shape[1:])]) for tensor in inputs]
    types = [str(tensor.dtype) for tensor in inputs]
    return ", ".join(f"{dtype} ({shape})" for dtype, shape in zip(types, shapes, strict=True))


def _request(folder: Path, options: Mapping[str, str]) -> tuple[_Request, list[str]]:
    """Return what is to be written, and the problems of the options."""
    name = options.get("format", "")
    path = Path(options.get("out", folder / f"export.{name}"))
    known = export_formats.names()
    if name not in known:
        near = nearest(name, known) if name else ""
        expected = f"expected one of {', '.join(known)}"
        return _Request(name, path), [f"format: {expected}, received {name or 'none'}{near}"]
    problems = []
    if path.suffix != f".{name}":
        problems.append(f"out: expected a file named *.{name}, received {path}")
    if path.is_dir() or (why := plan_options.unwritable_reason(path.parent)):
        reason = "it is a folder" if path.is_dir() else why
        problems.append(f"out: expected a file to write, received {path} ({reason})")
    batch_size = _batch_size(options.get("batch_size", "auto"))
    if batch_size is None:
        received = f"received {options['batch_size']}"
        problems.append(f"batch_size: expected a number above 0, dynamic or auto, {received}")
    return _Request(name, path, batch_size or "auto"), problems


def _batch_size(text: str) -> "BatchSize | None":
    if text == "dynamic":
        return "dynamic"
    if text == "auto":
        return "auto"
    return int(text) if text.isdecimal() and int(text) else None


if __name__ == "__main__":
    main()
