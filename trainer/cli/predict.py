"""Predict: ``python -m trainer.predict``, what a finished run's model says of new files."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from trainer.artifacts import finished_run
from trainer.checkpoint import class_names
from trainer.cli import entry_point, plan, predict_output
from trainer.cli.predict_output import Columns, Row
from trainer.cli.predict_sheet import Sheet
from trainer.config import recorded_folder
from trainer.core import plotting
from trainer.core.errors import BadData
from trainer.core.text import first_rows, printable, quantity
from trainer.losses.activation import ACTIVATIONS
from trainer.run import configure
from trainer.run.predictor import Prediction, PredictRequest

if TYPE_CHECKING:
    from trainer.data.input_files import InputFiles
    from trainer.run.predictor import Predictor

PICTURE = "predictions.png"
_ALLOWED = ("transform", "batch_size", "evaluation", "device")
_OPTIONS = ("top", "out", "picture", "activation")
_SHOWN = 20  # rows on the screen, if a file has them all

_USAGE = f"""usage: python -m trainer.predict RUN FILE|FOLDER|PATTERN ... [KEY=VALUE ...]

Prints the classes that a finished run's model finds in new images, with their probabilities. Images
are prepared as for the run's validation. Its data need not exist any more.
  RUN             the run's folder, RUN@EPOCH, RUN@last, RUN@best or RUN@ema
  FOLDER          is searched with the folders in it; what is no image is left out and counted
  top=N           classes to print and write, the most probable first; default: 3
  out=FILE        writes all predictions to FILE.csv or FILE.json
  picture=true    draws the first images with their predictions: {PICTURE}, next to out or here
  activation=A    {", ".join(ACTIVATIONS)}: how outputs become probabilities; default: by the loss
  KEY=VALUE       overrides of {", ".join(_ALLOWED)} and the keys in them
Example:
  python -m trainer.predict outputs/2026-01-01/12-00-00 new_photos/ out=predictions.csv"""


def main() -> None:
    """Print and write the predictions, and exit with the code that reports how it ended."""
    with entry_point.exit_codes() as stop:
        if entry_point.printed_help(_USAGE):
            return
        inputs, words = _split(entry_point.arguments())
        arguments = finished_run.parse_arguments(words, _OPTIONS)
        options, problems = read_options(arguments.options)
        facts, predictor, files = _from_run(arguments, inputs, options, problems)
        columns = Columns.of(predictor, options.top)
        sheet = Sheet(columns, predictor.transform)
        rows = []
        for prediction in _with_bar(predictor(files.files), len(files.files)):
            entry_point.exit_if_stopped(stop)
            rows.append(columns.row(prediction))
            sheet.add(prediction)
        written = _write(options, rows, columns, facts, sheet)
        print(_report(facts, files, rows, columns, written, options.out))
        _raise_unreadable(rows)


@dataclass(frozen=True)
class Options:
    """The keys of this command alone; see the usage."""

    top: int = 3
    out: Path | None = None
    picture: bool = False
    activation: Any = None

    @property
    def picture_path(self) -> Path:
        """Where the picture goes."""
        return Path(PICTURE) if self.out is None else self.out.with_name(PICTURE)


def _split(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the names of inputs, and the run with the other words."""
    run, rest = words[:1], words[1:]
    inputs = [word for word in rest if "=" not in word or Path(word).exists()]
    return inputs, [*run, *(word for word in rest if word not in inputs)]


def read_options(values: dict[str, str]) -> tuple[Options, list[str]]:
    """Return the command's own options, and what is wrong with them."""
    problems: list[str] = []
    checked: dict[str, Any] = {}
    if "top" in values:
        if values["top"].isdecimal() and int(values["top"]) > 0:
            checked["top"] = int(values["top"])
        else:
            problems.append(f"top: expected a whole number above 0, received {values['top']!r}")
    if "picture" in values:
        checked["picture"] = values["picture"].lower() == "true"
        if values["picture"].lower() not in ("true", "false"):
            problems.append(f"picture: expected true or false, received {values['picture']!r}")
    if "activation" in values:
        checked["activation"] = values["activation"]
        if values["activation"] not in ACTIVATIONS:
            expected = f"expected {' or '.join(ACTIVATIONS)}"
            problems.append(f"activation: {expected}, received {values['activation']!r}")
    if "out" in values:
        checked["out"] = Path(values["out"]).expanduser()
        problems += _out_problems(checked["out"])
    return Options(**checked), problems


def _out_problems(path: Path) -> list[str]:
    if path.suffix not in (".csv", ".json"):
        return [f"out: expected a file named *.csv or *.json, received {path}"]
    why = "it is a folder" if path.is_dir() else plan.unwritable_reason(path.parent)
    return [f"out: expected a file to write, received {path} ({why})"] if why else []


def _from_run(
    arguments: finished_run.RunArguments,
    inputs: Sequence[str],
    options: Options,
    problems: list[str],
) -> "tuple[dict[str, Any], Predictor, InputFiles]":
    """Return what there is to say of a run's model, its predictor, and the files to predict."""
    recorded_folder.use(arguments.run)
    config, more = finished_run.model_configuration(arguments, _ALLOWED)
    names = class_names.read(arguments.run)
    if not inputs:
        problems.append("expected a file, a folder or a pattern after RUN, received none")
    request = PredictRequest(inputs, names, options.activation)
    with finished_run.naming_start_folder(arguments.run):
        parts = configure.predictor_from_config(
            finished_run.without_data(config), request, [*problems, *more]
        )
    settings, predictor, files = parts
    transform = None if settings.transform is None else settings.transform.spec()
    facts: dict[str, Any] = {"weights": arguments.weights, "transform": transform}
    facts |= {"activation": predictor.activation, "class_names": list(names)}
    return facts, predictor, files


def _write(
    options: Options, rows: Sequence[Row], columns: Columns, facts: dict[str, Any], sheet: Sheet
) -> list[Path]:
    """Write what is asked for; return the paths, that of all predictions first."""
    written = []
    if options.out is not None:
        predict_output.write(options.out, rows, columns, facts)
        written.append(options.out)
    if options.picture:
        plotting.save(sheet.figure(len(rows)), options.picture_path)
        written.append(options.picture_path)
    return written


def _with_bar(predictions: Iterable[Prediction], count: int) -> Iterable[Prediction]:
    """Return predictions with a progress bar, which is hidden where stderr is no terminal."""
    return tqdm(predictions, total=count, unit="file", leave=False, disable=None)


def _report(
    facts: dict[str, Any],
    files: "InputFiles",
    rows: Sequence[Row],
    columns: Columns,
    written: Sequence[Path],
    out: Path | None,
) -> str:
    """Return the page for the screen; rows that a file has too are cut."""
    head = [f"weights   {facts['weights']}", f"files     {len(files.files):,}"]
    if files.ignored:
        kinds = (f"{count:,} {kind}" for kind, count in files.ignored.items())
        head.append(f"left out  {printable(', '.join(kinds))}")
    if columns.share == "score" and columns.is_ranked:
        head.append(
            "scores    the loss does not say how they become probabilities: activation=softmax"
        )
    shown = rows[:_SHOWN] if out else rows
    parts = ["\n".join(head), predict_output.text(shown, columns)]
    if len(rows) > len(shown):
        parts[-1] += f"\n{len(rows) - len(shown):,} more in {out}"
    parts += ["\n".join(f"written   {path}" for path in written)] if written else []
    return "\n\n".join(parts)


def _raise_unreadable(rows: Sequence[Row]) -> None:
    """Report the files without a prediction, after all others.

    Raises:
        BadData: there are some.
    """
    errors = [f"  - {printable(row.error)}" for row in rows if row.error]
    if errors:
        head = f"{len(errors):,} of {quantity(len(rows), 'file')} could not be predicted:"
        raise BadData("\n".join([head, *first_rows(errors)]))
