"""Learning-rate finder: ``python -m trainer.lr_find``, a range test on a copy of the weights.

It accepts the overrides of a run, and writes nothing into a run.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from trainer.checkpoint.resume import ResumeRequest
from trainer.cli import entry_point
from trainer.cli.plan_options import unwritable_reason
from trainer.config import overrides
from trainer.core import atomic_files
from trainer.optim import range_test
from trainer.optim.range_test import Curve
from trainer.run import configure

if TYPE_CHECKING:  # these import MindSpore, before which the device has to be set
    from mindspore import nn

    from trainer.backend.batch_types import Batch
    from trainer.config.schema import Settings
    from trainer.run.components import RunComponents

_USAGE = """usage: python -m trainer.lr_find [KEY=VALUE ...] [start=RATE] [end=RATE] [steps=N]
                                 [out=FOLDER]

Trains a copy of the weights for some steps while the learning rate grows, under the freeze that a
run with the same overrides would have; draws the loss and suggests an optimizer.lr. The schedule is
left out; the factors of a policy are multiplied.
  start=RATE    the first rate; default: 1e-6
  end=RATE      the last rate; default: 10. The test ends earlier where the loss rises fourfold
  steps=N       steps from start to end, at least 10; default: 100
  out=FOLDER    where lr_find.png and lr_find.json go; default: lr_find
Example:
  python -m trainer.lr_find freeze=conv1 optimizer=adam end=1"""

PICTURE, DATA = "lr_find.png", "lr_find.json"


@dataclass(frozen=True)
class Options:
    """The keys of this command alone."""

    start: float = 1e-6
    end: float = 10.0
    steps: int = 100
    out: Path = Path("lr_find")


@dataclass(frozen=True)
class RangeTest:
    """The rates that were tried, and the loss before each step."""

    rates: Curve
    losses: Curve
    steps: int

    @property
    def smoothed(self) -> Curve:
        """The smoothed losses; one that is not finite, which can only be the last, is left out."""
        return range_test.smoothed(self.losses[np.isfinite(self.losses)].tolist())

    def suggestions(self) -> dict[str, float | None]:
        """Return the suggested rates by name; None: the loss falls nowhere."""
        curve = self.smoothed
        rates = self.rates[: len(curve)]
        return {
            "steepest": range_test.steepest(rates, curve),
            "valley": range_test.valley(rates, curve),
        }


def main() -> None:
    """Try the rates, and exit with the code that reports how it ended."""
    with entry_point.exit_codes() as stop:
        if entry_point.printed_help(_USAGE):
            return
        options, lines, problems = read(entry_point.arguments())
        config, more = overrides.check(lines)
        request = ResumeRequest(lines)
        settings, components = configure.run_from_config(config, request, [*problems, *more])
        result = run_range_test(settings, components, options, stop)
        write(result, options.out)
        print(report(result, options))


def read(words: Sequence[str]) -> tuple[Options, list[str], list[str]]:
    """Return the command's own options, the other words, and the problems of the options."""
    keys = ("start", "end", "steps", "out")
    own = [word for word in words if word.partition("=")[0] in keys and "=" in word]
    values = {key: value for key, _, value in (word.partition("=") for word in own)}
    problems: list[str] = []
    start = _rate("start", values, Options.start, problems)
    end = _rate("end", values, Options.end, problems)
    if not problems and start >= end:
        problems.append(f"start: expected a rate below end={end:g}, received {start:g}")
    steps = values.get("steps", str(Options.steps))
    if not (steps.isdecimal() and int(steps) >= 10):
        problems.append(f"steps: expected a whole number of at least 10, received {steps!r}")
        steps = str(Options.steps)
    out = Path(values.get("out", Options.out))
    if why := unwritable_reason(out):
        problems.append(f"out: expected a folder to write in, received {str(out)!r} ({why})")
    return Options(start, end, int(steps), out), [w for w in words if w not in own], problems


def _rate(key: str, values: dict[str, str], default: float, problems: list[str]) -> float:
    try:
        rate = float(values.get(key, default))
    except ValueError:
        rate = np.nan
    if not (np.isfinite(rate) and rate > 0):
        problems.append(f"{key}: expected a rate above 0, received {values[key]!r}")
    return rate


def run_range_test(
    settings: "Settings",
    components: "RunComponents",
    options: Options,
    stop: Callable[[], object] = lambda: None,
) -> RangeTest:
    """Train with growing rates, and put the weights back; raise Interrupted if ``stop`` says so."""
    from trainer.backend import host_copy
    from trainer.backend.compile import compile_errors
    from trainer.freezing.frozen_model import FrozenModel

    rates = range_test.growing_rates(options.start, options.end, options.steps)
    model, losses = components.model, list[float]()
    before, frozen_model = host_copy.to_numpy(model), FrozenModel(model, components.plan)
    undo_recompute = _recompute(settings, model)
    try:
        step = _step(settings, components, frozen_model.trainable, rates)
        frozen_model.set_train()
        for batch, _ in zip(_batches(settings, components), rates, strict=False):
            entry_point.exit_if_stopped(stop)
            with compile_errors.as_config_error(model):
                losses.append(step(batch))
            if range_test.has_diverged(losses):
                break
    finally:
        undo_recompute()
        frozen_model.undo()
        host_copy.from_numpy(model, before)
    return RangeTest(rates[: len(losses)], np.array(losses), options.steps)


def _recompute(settings: "Settings", model: "nn.Cell") -> Callable[[], None]:
    """Have cells compute their activations again, as in a run; return what takes it back."""
    from trainer.backend.graph.module_tree import describe
    from trainer.backend.recompute import recompute
    from trainer.run import recomputed_cells

    return recompute(model, recomputed_cells.names(settings, describe(model)))


def _step(
    settings: "Settings", components: "RunComponents", trainable: "Sequence[object]", rates: Curve
) -> "Callable[[Batch], float]":
    """Return a function that takes the next step and returns its loss."""
    import mindspore as ms

    from trainer.backend import execution_mode
    from trainer.engine import train_step
    from trainer.engine.optimizer_step import SingleBatchStep
    from trainer.engine.step_rates import StepRates
    from trainer.engine.train_step import TrainStep
    from trainer.optim.optimizer import build_optimizer
    from trainer.optim.rate_schedule import RateSchedule, lr_factors
    from trainer.run.step_options import step_options

    ms.set_seed(settings.seed)
    peak = float(rates[-1])
    spec = settings.optimizer.spec() | {"lr": peak}
    optimizer = build_optimizer(spec, trainable, components.plan)
    scaler = train_step.loss_scaler(settings.device.loss_scale)
    options = replace(step_options(settings, components), takes_rates=True, reports=False)
    step = TrainStep(components.model, components.loss, optimizer, scaler, options=options)
    factors = lr_factors(components.plan)
    schedule = RateSchedule(peak, factors, lambda number: float(rates[number]) / peak)
    run = execution_mode.executable(step)
    scheduled, numbers = SingleBatchStep(run, StepRates(schedule.of(optimizer))), count()
    return lambda batch: float(scheduled([batch], next(numbers)).asnumpy())


def _batches(settings: "Settings", components: "RunComponents") -> "Iterator[Batch]":
    """Yield the training batches, epoch after epoch, in the order of a run."""
    from trainer.backend.graph.task import ignored_label
    from trainer.data.label_check import checked

    labels = components.classes, ignored_label(components.loss)
    for epoch in count(1):
        yield from checked(components.train.batches(epoch), *labels)


def write(result: RangeTest, folder: Path) -> None:
    """Write the picture and what it shows."""
    from trainer.cli.lr_find_figure import lr_find_figure
    from trainer.core import format_version, plotting

    parts = result.rates, result.losses, result.smoothed, result.suggestions()
    plotting.save(lr_find_figure(*parts), folder / PICTURE)
    rows = {"rates": result.rates.tolist(), "losses": result.losses.tolist()}
    data = {**rows, "smoothed": result.smoothed.tolist(), "suggestions": result.suggestions()}
    atomic_files.write_lines(folder / DATA, format_version.stamp(data))


def report(result: RangeTest, options: Options) -> str:
    """Return what was tried and the suggestions, as labelled lines."""
    curve = result.smoothed
    least, tried = int(np.argmin(curve)), len(result.losses)
    ended = f"ended at lr {result.rates[-1]:.3g}"
    if tried < result.steps:
        why = "4 times the least" if np.isfinite(result.losses[-1]) else "not finite"
        ended += f" (step {tried} of {result.steps}), where it was {why}"
    loss = f"{curve[0]:.4g} at first, {curve[least]:.4g} at lr {result.rates[least]:.3g}; {ended}"
    rows = [("loss", loss)]
    for name, rate in result.suggestions().items():
        text = "none: the loss does not fall" if rate is None else _MEANING[name].format(rate=rate)
        rows.append((name, text))
    rows.append(("written", f"{options.out / PICTURE}, {options.out / DATA}"))
    return "\n".join(f"{name:<11}{text}" for name, text in rows)


_MEANING = {
    "steepest": "optimizer.lr={rate:.2g}  the loss falls fastest there",
    "valley": "optimizer.lr={rate:.2g}  the middle of the longest fall",
}
