"""Evaluate: ``python -m trainer.evaluate``, the quality of a finished run's model by class."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trainer.artifacts import finished_run
from trainer.checkpoint import class_names
from trainer.checkpoint.resume import ResumeRequest
from trainer.cli import entry_point, plan
from trainer.config import recorded_folder
from trainer.core import atomic_files
from trainer.core.errors import ConfigError
from trainer.run import configure

if TYPE_CHECKING:  # these import MindSpore, before which the device has to be set
    from trainer.config.schema import Settings
    from trainer.data.batch_source import BatchSource
    from trainer.metrics.confusion import Confusion
    from trainer.metrics.evaluator import Score
    from trainer.run.components import RunComponents

_ALLOWED = ("dataset", "transform", "batch_size", "loss", "evaluation", "device", "seed")
_SPLITS = ("validation", "test")

_USAGE = f"""usage: python -m trainer.evaluate RUN [KEY=VALUE ...] [split=test] [out=FOLDER]

Prints loss and accuracy of a finished run's model on its validation data and, for each class,
precision, recall and the classes it is mistaken for. Writes evaluation.json and confusion.png.
  RUN         the run's folder; its settings and its model.safetensors are used, or with RUN@EPOCH,
              RUN@last, RUN@best or RUN@ema those of a snapshot, its best checkpoint or its averages
  KEY=VALUE   overrides of {", ".join(_ALLOWED)} and the keys in them
  split=test  measures on the test data, if the dataset has some, instead of the validation data
  out=FOLDER  where the two files go; default: RUN
Example:
  python -m trainer.evaluate outputs/2026-01-01/12-00-00 dataset=fashion_mnist"""


def main() -> None:
    """Print and write the evaluation, and exit with the code that reports how it ended."""
    with entry_point.exit_codes():
        if entry_point.printed_help(_USAGE):
            return
        arguments = finished_run.parse_arguments(entry_point.arguments(), ("out", "split"))
        out = Path(arguments.options.get("out", arguments.run))
        recorded_folder.use(arguments.run)
        config, problems = finished_run.model_configuration(arguments, _ALLOWED)
        if why := plan.unwritable_reason(out):
            problems.append(f"out: expected a folder to write in, received {str(out)!r} ({why})")
        if (split := arguments.options.get("split", "validation")) not in _SPLITS:
            problems.append(f"split: expected {' or '.join(_SPLITS)}, received {split!r}")
        with finished_run.naming_start_folder(arguments.run):
            settings, components = configure.run_from_config(config, ResumeRequest([]), problems)
        configure.check_batch_size(settings, components, arguments.overrides)
        names, tta = _class_names(arguments.run, components), settings.evaluation.tta
        result = measure(components, names, split, tta)
        print(report(arguments.weights, settings, result))
        _write(out, as_json(arguments.weights, settings, result), result)


@dataclass(frozen=True)
class Evaluation:
    """What was measured.

    Attributes:
        score: on the data.
        confusion: of the classes; None: labels are no classes.
        per_class: by metric, the value of each class, if it has such values.
        class_names: in the order of the class numbers; none: they are not known.
        split: what it was measured on, validation or test.
    """

    score: "Score"
    confusion: "Confusion | None"
    per_class: Mapping[str, Sequence[float | None]]
    class_names: Sequence[str] = ()
    split: str = "validation"


def _class_names(run: Path, components: "RunComponents") -> Sequence[str]:
    """Return the names of the run's classes, or those of the data if the run has recorded none.

    Raises:
        ConfigError: the data have other classes.
    """
    recorded = class_names.read(run)
    if problems := class_names.problems(recorded, components.class_names):
        raise ConfigError(problems)
    return recorded or components.class_names


def measure(
    components: "RunComponents",
    names: Sequence[str] = (),
    split: str = "validation",
    tta: str | None = None,
) -> Evaluation:
    """Return what is measured on the validation or test data.

    Args:
        components: of the run.
        names: of the classes.
        split: validation or test.
        tta: as ``evaluation.tta``.
    """
    from trainer.backend.compile import compile_errors
    from trainer.backend.cpu_threads import with_dummy_branch
    from trainer.metrics.confusion import Confusion
    from trainer.metrics.evaluator import Evaluator
    from trainer.metrics.per_class import recording

    confusion, per_class = Confusion(), dict[str, list[float | None]]()
    forward = compile_errors.reported(with_dummy_branch(components.model))
    evaluator = Evaluator(components.model, components.loss, forward=forward)
    metrics = recording(components.extras.metrics, per_class)
    score = evaluator(_source(components, split).batches(0), confusion, metrics, tta)
    counted = None if score.accuracy is None else confusion
    return Evaluation(score, counted, per_class, names, split)


def _source(components: "RunComponents", split: str) -> "BatchSource":
    """Return the batches that are measured; raises ConfigError if the run has none."""
    source = components.test if split == "test" else components.validation
    if source is None:
        expected = f"expected {split} data, received none, as the run had"
        raise ConfigError([f"dataset: {expected}; name other data: dataset=..."])
    return source


def report(weights: str, settings: "Settings", result: Evaluation) -> str:
    """Return what was measured, as a page."""
    from trainer.metrics import confusion as confusions
    from trainer.metrics import per_class

    score = result.score
    rows = [
        ("weights", weights),
        ("data", f"{settings.dataset.target}, {score.samples:,} samples for {result.split}"),
        ("loss", f"{score.loss:.6g}, by {settings.loss.target}"),
    ]
    if score.accuracy is not None:
        rows.append(("accuracy", f"{100 * score.accuracy:.2f} %"))
    named = {name for name, _ in rows}  # accuracy may be one of the metrics as well
    rows += [(n, f"{value:.6g}") for n, value in score.metrics.items() if n not in named]
    width = max(11, *(len(name) + 2 for name, _ in rows))
    parts = ["\n".join(f"{name:<{width}}{text}" for name, text in rows)]
    if result.confusion:
        parts.append(confusions.text(result.confusion, result.class_names))
    if result.per_class:
        parts.append(per_class.text(result.per_class, result.class_names))
    return "\n\n".join(parts)


def as_json(weights: str, settings: "Settings", result: Evaluation) -> dict[str, Any]:
    """Return what was measured, in full."""
    from trainer.metrics import confusion as confusions
    from trainer.metrics import per_class

    score, confusion = result.score, result.confusion
    evaluation: dict[str, Any] = {
        "weights": weights,
        "dataset": settings.dataset.spec(),
        **({} if result.split == "validation" else {"split": result.split}),
        "samples": score.samples,
        "loss": score.loss,
        "accuracy": score.accuracy,
        **({"metrics": dict(score.metrics)} if score.metrics else {}),
    }
    names = result.class_names
    counted = confusions.rows(confusion, names) if confusion else []
    if classes := per_class.rows(result.per_class, counted, names):
        evaluation["classes"] = classes
    if confusion:
        evaluation["confusion"] = confusion.counts.tolist()
    return evaluation


def _write(folder: Path, evaluation: dict[str, Any], result: Evaluation) -> None:
    from trainer.core import plotting
    from trainer.metrics import confusion as confusions

    atomic_files.write_lines(folder / "evaluation.json", evaluation)
    if result.confusion:
        title = f"{evaluation['samples']:,} samples, {100 * evaluation['accuracy']:.1f} % right"
        picture = confusions.figure(result.confusion, title, result.class_names)
        plotting.save(picture, folder / "confusion.png")


if __name__ == "__main__":
    main()
