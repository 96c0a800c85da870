"""Evaluation report: what was measured, as a page, as JSON and as pictures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trainer.core import atomic_files

if TYPE_CHECKING:  # these import MindSpore, before which the device has to be set
    from trainer.cli.evaluation_observers import Observers
    from trainer.config.schema import Settings
    from trainer.data.batch_source import BatchSource
    from trainer.metrics.calibration import Calibration
    from trainer.metrics.confusion import Confusion
    from trainer.metrics.evaluator import Score


@dataclass(frozen=True)
class Evaluation:
    """What was measured.

    Attributes:
        score: on the data.
        observers: what was counted and kept of the batches.
        source: the batches that were measured.
        per_class: by metric, the value of each class, if it has such values.
        class_names: in the order of the class numbers; none: they are not known.
        split: what it was measured on, validation or test.
    """

    score: "Score"
    observers: "Observers"
    source: "BatchSource"
    per_class: Mapping[str, Sequence[float | None]]
    class_names: Sequence[str] = ()
    split: str = "validation"

    @property
    def confusion(self) -> "Confusion | None":
        """Of the classes; None: labels are no classes."""
        return None if self.score.accuracy is None else self.observers.confusion

    @property
    def calibration(self) -> "Calibration | None":
        """Of the probabilities; None: there are none, or labels are no classes."""
        return None if self.score.accuracy is None else self.observers.calibration


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
    if result.calibration is not None:
        error = f"{100 * result.calibration.error:.2f} %, expected calibration error"
        rows.append(("ECE", error))
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
    return evaluation | _sureness(result)


def _sureness(result: Evaluation) -> dict[str, Any]:
    """Return the calibration, and the examples with the names of their files."""
    from trainer.metrics import calibration, examples

    record: dict[str, Any] = {}
    if result.calibration is not None:
        record["calibration_error"] = result.calibration.error
        record["calibration"] = calibration.rows(result.calibration)
    kept = result.observers.examples
    if kept is not None and kept.worst:
        facts = result.class_names, getattr(result.source.origin, "files", None) or ()
        record["worst"] = examples.rows(kept.worst, *facts)
        record["least_sure"] = examples.rows(kept.least_sure, *facts)
    return record


def write(folder: Path, weights: str, settings: "Settings", result: Evaluation) -> None:
    """Write evaluation.json and the pictures."""
    from trainer.cli import example_sheet
    from trainer.core import plotting
    from trainer.metrics import calibration
    from trainer.metrics import confusion as confusions

    evaluation = as_json(weights, settings, result)
    atomic_files.write_lines(folder / "evaluation.json", evaluation)
    if result.confusion:
        title = f"{evaluation['samples']:,} samples, {100 * evaluation['accuracy']:.1f} % right"
        picture = confusions.figure(result.confusion, title, result.class_names)
        plotting.save(picture, folder / "confusion.png")
    if result.calibration is not None:
        plotting.save(calibration.figure(result.calibration), folder / "calibration.png")
    transform = getattr(getattr(result.source, "reader", None), "transform", None)
    kept = result.observers.examples
    if kept is not None and example_sheet.has_images(kept, transform):
        picture = example_sheet.figure(kept, result.class_names, transform)
        plotting.save(picture, folder / "examples.png")
