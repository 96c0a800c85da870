"""Export: ``python -m trainer.export``, a finished run's model in a file for use elsewhere."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from trainer.artifacts import export_formats, finished_run
from trainer.artifacts.export_formats.check import TOLERANCE
from trainer.artifacts.finished_run import RunArguments
from trainer.checkpoint import class_names
from trainer.checkpoint.resume import ResumeRequest
from trainer.cli import entry_point, plan
from trainer.config import recorded_folder
from trainer.core.errors import nearest
from trainer.core.text import shorten
from trainer.run import configure

if TYPE_CHECKING:  # these import MindSpore, before which the device has to be set
    from trainer.config.schema import Settings
    from trainer.run.components import RunComponents

_ALLOWED = ("dataset", "transform", "batch_size", "device", "seed")

_USAGE = f"""usage: python -m trainer.export RUN format=FORMAT [KEY=VALUE ...] [out=FILE]

Writes the model of a finished run, in inference mode and with nothing frozen, then loads the file
and compares its outputs for the first validation batch with those of the model. The file has as
metadata class_names, a JSON list, if the run has recorded them, and preparation, a JSON object.
  RUN         the run's folder; its settings and its model.safetensors are used, or with RUN@EPOCH,
              RUN@last, RUN@best or RUN@ema those of a snapshot, its best checkpoint or its averages
  KEY=VALUE   overrides of {", ".join(_ALLOWED)}, which determine the shapes of the inputs
  FORMAT      mindir, onnx, safetensors, or your own (export_format/ of --config-dir)
  out=FILE    default: RUN/export.FORMAT
Example:
  python -m trainer.export outputs/2026-01-01/12-00-00 format=mindir batch_size=1"""


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
        _export(arguments, settings, components, kind, path)


def _export(
    arguments: RunArguments,
    settings: "Settings",
    components: "RunComponents",
    kind: str,
    path: Path,
) -> None:
    """Write and check the file, and print what was written."""
    from trainer.artifacts.export_formats.export_model import export_model
    from trainer.cli import export_metadata

    model, names = components.model.set_train(False), class_names.read(arguments.run)
    *inputs, label = next((components.validation or components.train).batches(0))
    metadata, why_unprepared = export_metadata.metadata(
        settings, components.loss, [*inputs, label], names
    )
    check = export_model(kind, model, inputs, path, metadata)
    shapes = ", ".join(f"{tensor.dtype} {tuple(tensor.shape)}" for tensor in inputs)
    print(f"weights    {arguments.weights}")
    print(f"inputs     {shapes}")
    if names:
        print(f"classes    {shorten(names)}")
    if why_unprepared:
        print(f"prepared   not in the file: {why_unprepared}")
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


if __name__ == "__main__":
    main()
