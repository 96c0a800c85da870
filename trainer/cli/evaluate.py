"""Evaluate: ``python -m trainer.evaluate``, the quality of a finished run's model by class."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from trainer.artifacts import finished_run
from trainer.checkpoint import class_names
from trainer.checkpoint.resume import ResumeRequest
from trainer.cli import entry_point, evaluation_report, plan_options
from trainer.cli.evaluation_report import Evaluation
from trainer.config import recorded_folder
from trainer.core.errors import ConfigError
from trainer.run import configure

if TYPE_CHECKING:  # these import MindSpore, before which the device has to be set
    from trainer.data.batch_source import BatchSource
    from trainer.run.components import RunComponents

_ALLOWED = ("dataset", "transform", "batch_size", "loss", "evaluation", "device", "seed")
_SPLITS = ("validation", "test")

_USAGE = f"""usage: python -m trainer.evaluate RUN [KEY=VALUE ...] [split=test] [out=FOLDER]

Prints loss and accuracy of a finished run's model on its validation data and, for each class,
precision, recall and the classes it is mistaken for. Writes evaluation.json and confusion.png and,
if there are classes, calibration.png: whether predictions are as often right as they are sure; of
images also examples.png: those with the highest loss, and those of which the model is least sure.
  RUN         the run's folder; its settings and its model.safetensors are used, or with RUN@EPOCH,
              RUN@last, RUN@best or RUN@ema those of a snapshot, its best checkpoint or its averages
  KEY=VALUE   overrides of {", ".join(_ALLOWED)} and the keys in them
  split=test  measures on the test data, if the dataset has some, instead of the validation data
  out=FOLDER  where the files go; default: RUN
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
        if why := plan_options.unwritable_reason(out):
            problems.append(f"out: expected a folder to write in, received {str(out)!r} ({why})")
        if (split := arguments.options.get("split", "validation")) not in _SPLITS:
            problems.append(f"split: expected {' or '.join(_SPLITS)}, received {split!r}")
        with finished_run.naming_start_folder(arguments.run):
            settings, components = configure.run_from_config(config, ResumeRequest([]), problems)
        configure.check_batch_size(settings, components, arguments.overrides)
        names, tta = _class_names(arguments.run, components), settings.evaluation.tta
        result = measure(components, names, split, tta)
        print(evaluation_report.report(arguments.weights, settings, result))
        evaluation_report.write(out, arguments.weights, settings, result)


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
    from trainer.cli.evaluation_observers import Observers
    from trainer.metrics.evaluator import Evaluator
    from trainer.metrics.per_class import recording

    source, per_class = _source(components, split), dict[str, list[float | None]]()
    observers = Observers.of(components.loss, source)
    forward = compile_errors.reported(with_dummy_branch(components.model))
    evaluator = Evaluator(components.model, components.loss, forward=forward)
    metrics = recording(components.extras.metrics, per_class)
    score = evaluator(source.batches(0), observers.count, metrics, tta, observers.examples)
    return Evaluation(score, observers, source, per_class, names, split)


def _source(components: "RunComponents", split: str) -> "BatchSource":
    """Return the batches that are measured; raises ConfigError if the run has none."""
    source = components.test if split == "test" else components.validation
    if source is None:
        expected = f"expected {split} data, received none, as the run had"
        raise ConfigError([f"dataset: {expected}; name other data: dataset=..."])
    return source


if __name__ == "__main__":
    main()
