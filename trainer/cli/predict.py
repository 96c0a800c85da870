"""Predict: ``python -m trainer.predict``, what a finished run's model says of new files."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from tqdm import tqdm

from trainer.cli import entry_point, predict_output, predict_source
from trainer.cli.predict_output import Columns, Row
from trainer.cli.predict_sheet import Sheet
from trainer.cli.predict_source import ALLOWED, PICTURE, Source
from trainer.core import plotting
from trainer.core.errors import BadData, Interrupted
from trainer.core.text import first_rows, printable, quantity
from trainer.losses.activation import ACTIVATIONS
from trainer.run.predictor import Prediction

_SHOWN = 20  # rows on the screen, if a file has them all

_USAGE = f"""usage: python -m trainer.predict RUN FILE|FOLDER|PATTERN ... [KEY=VALUE ...]

Prints the classes that a finished run's model finds in new images, with their probabilities. Images
are prepared as for the run's validation. Its data need not exist any more.
  RUN             the run's folder, RUN@EPOCH, RUN@last, RUN@best or RUN@ema; or a .mindir or .onnx
                  file of trainer.export
  FOLDER          is searched with the folders in it; what is no image is left out and counted
  top=N           classes to print and write, the most probable first; default: 3
  out=FILE        writes all predictions to FILE.csv or FILE.json
  picture=true    draws the first images with their predictions: {PICTURE}, next to out or here
  activation=A    {", ".join(ACTIVATIONS)}: how outputs become probabilities; default: by the loss
  KEY=VALUE       overrides of {", ".join(ALLOWED)} and the keys in them
Example:
  python -m trainer.predict outputs/2026-01-01/12-00-00 new_photos/ out=predictions.csv"""


def main() -> None:
    """Print and write the predictions, and exit with the code that reports how it ended."""
    with entry_point.exit_codes() as stop:
        if entry_point.printed_help(_USAGE):
            return
        source = predict_source.read(entry_point.arguments())
        columns = Columns.of(source.predictor, source.options.top)
        sheet = Sheet(columns, source.predictor.transform)
        rows = []
        for prediction in _with_bar(source):
            if stop():
                raise Interrupted("stopped; nothing was written")
            rows.append(columns.row(prediction))
            sheet.add(prediction)
        written = _write(source, rows, columns, sheet)
        print(_report(source, rows, columns, written))
        _raise_unreadable(rows)


def _with_bar(source: Source) -> Iterable[Prediction]:
    """Return the predictions with a progress bar, which is hidden where stderr is no terminal."""
    files = source.files.files
    predictions = source.predictor(files)
    return tqdm(predictions, total=len(files), unit="file", leave=False, disable=None)


def _write(source: Source, rows: Sequence[Row], columns: Columns, sheet: Sheet) -> list[Path]:
    """Write what is asked for; return the paths."""
    options, written = source.options, []
    if options.out is not None:
        predict_output.write(options.out, rows, columns, source.facts)
        written.append(options.out)
    if options.picture:
        plotting.save(sheet.figure(len(rows)), options.picture_path)
        written.append(options.picture_path)
    return written


def _report(source: Source, rows: Sequence[Row], columns: Columns, written: Sequence[Path]) -> str:
    """Return the page for the screen; rows that a file has too are cut."""
    files, out = source.files, source.options.out
    head = [f"weights   {source.facts['weights']}", f"files     {len(files.files):,}"]
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
