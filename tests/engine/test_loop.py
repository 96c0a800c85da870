from collections.abc import Iterator
from functools import partial

import mindspore as ms
import numpy as np
import pytest
from mindspore import Tensor, nn

from tests.support.nets import TwoConvs
from tests.support.phases import place_of, train_phases
from tests.support.training import IMAGES, LOSS, Recorder, changed, from_start, plan_of, rule, train
from trainer.backend.batch_types import Batch
from trainer.backend.host_copy import to_numpy
from trainer.backend.optimizer_state import optimizer_state
from trainer.core.errors import BadData, NotFinite, Stopped
from trainer.engine import epoch as epochs
from trainer.engine.callback import Callback, EpochResult
from trainer.engine.history import History
from trainer.engine.loop_spec import Loop
from trainer.engine.optimizer_step import SingleBatchStep
from trainer.engine.phase_place import PhasePlace
from trainer.engine.progress import Progress
from trainer.engine.run_length import RunLength
from trainer.engine.train_step import TrainStep
from trainer.metrics.evaluator import Score
from trainer.phases.phase import Phase


class Sequence(Recorder):
    """Notes the order of events."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[str] = []

    def on_phase_start(self, *_: object) -> None:
        self.events.append("phase")

    def on_step_end(self, *_: object) -> None:
        self.events.append("step")

    def on_epoch_end(self, *_: object) -> None:
        self.events.append("epoch")


def test_order_of_events() -> None:
    net, watcher = TwoConvs(), Sequence()
    plans = plan_of(net), plan_of(net, rule("conv1"))
    train(net, *plans, callback=watcher, batches=lambda epoch: [IMAGES] * 2, steps=2)
    first, second = ["phase", "epoch", "step", "step", "epoch"], ["phase", "step", "step", "epoch"]
    assert watcher.events == first + second


@pytest.mark.parametrize(
    ("times", "speed"),
    [([], 0.0), ([(4, 8.0)], 0.5), ([(4, 8.0), (4, 1.0), (2, 1.0)], 3.0)],
)
def test_the_speed_leaves_out_the_first_step_which_compiles(
    times: list[tuple[int, float]], speed: float
) -> None:
    assert epochs._samples_per_second(times) == speed


def test_what_an_epoch_tells() -> None:
    net = TwoConvs()
    before = to_numpy(net)
    plan = plan_of(net, rule("conv1"))
    told = train(net, plan)
    start, end = told.epochs
    assert (start.number, start.steps, start.loss) == (0, 0, None)
    assert not changed(before, start.weights)
    assert (end.number, end.steps) == (1, 3)
    assert end.loss == pytest.approx(np.mean(told.losses))
    assert end.seconds > 0
    assert end.images_per_second > 0
    assert end.plan is plan
    assert not changed(end.weights, to_numpy(net))


def test_epochs_are_counted_through_all_phases_and_scores_are_passed_on() -> None:
    net, recorder, asked = TwoConvs(), Recorder(), list[int]()
    scores = iter([Score(float(number), None, 1) for number in range(4)])

    def batches(epoch: int) -> list[Batch]:
        asked.append(epoch)
        return [IMAGES]

    make = lambda applied: nn.SGD(applied.trainable, 0.1)  # noqa: E731
    step = lambda optimizer: SingleBatchStep(TrainStep(net, LOSS, optimizer))  # noqa: E731
    plans = [plan_of(net), plan_of(net), plan_of(net, rule("conv1"))]
    parts = from_start(batches), lambda: next(scores), recorder, *place_of(plans, 1)
    last = train_phases(Loop(net, make, step, *parts))
    assert asked == [1, 2, 3]
    assert [epoch.number for epoch in recorder.epochs] == [0, 1, 2, 3]
    assert [epoch.validation.loss for epoch in recorder.epochs] == [0, 1, 2, 3]
    assert last == Progress(3)


def test_weights_whose_evaluation_ends_the_run_are_evaluated_once() -> None:
    net, recorder, scores = TwoConvs(), Recorder(), list[Score]()

    def evaluate() -> Score:
        scores.append(Score(float(len(scores)), None, 1))
        return scores[-1]

    make = lambda applied: nn.SGD(applied.trainable, 0.1)  # noqa: E731
    step = lambda optimizer: SingleBatchStep(TrainStep(net, LOSS, optimizer))  # noqa: E731
    length = RunLength(2, 3, every_steps=2)
    loop = Loop(
        net, make, step, from_start(lambda epoch: [IMAGES] * 3), evaluate, recorder,
        length=length, place=PhasePlace([Phase("", plan_of(net))], length, History()),
        end_reason=lambda: "stopped early" if len(scores) == 2 else "",
    )  # fmt: skip
    assert train_phases(loop).steps == 2
    assert [epoch.validation.loss for epoch in recorder.epochs] == [0, 1]
    assert len(scores) == 2


def test_the_net_is_thawed_at_the_end() -> None:
    net = TwoConvs()
    train(net, plan_of(net, rule("conv1")), batches=lambda epoch: [IMAGES], steps=1)
    assert len(net.trainable_params()) == 6


def test_training_is_bitwise_repeatable() -> None:
    first = TwoConvs()
    second = TwoConvs()
    for mine, other in zip(first.get_parameters(), second.get_parameters(), strict=True):
        other.set_data(Tensor(mine.asnumpy()))
    ends = [train(net, plan_of(net)).epochs[-1].weights for net in (first, second)]
    assert not changed(*ends)


def test_a_loss_that_is_not_finite_ends_the_run_before_it_does_damage() -> None:
    bad = Tensor(np.full((4, 1, 6, 6), np.inf, np.float32)), IMAGES[1]
    net, recorder = TwoConvs(), Recorder()
    with pytest.raises(NotFinite, match=r"nan in epoch 1, step 2; .*Input 1 .* in 4 of 4"):
        train(net, plan_of(net), batches=lambda epoch: [IMAGES, bad, IMAGES], callback=recorder)
    assert len(recorder.losses) == 1
    assert all(np.isfinite(array).all() for array in to_numpy(net).values())


class Stops(Recorder):
    """Notes where the run stops."""

    def __init__(self) -> None:
        super().__init__()
        self.stops: list[Progress] = []

    def on_interrupt(self, progress: Progress) -> None:
        self.stops.append(progress)


def test_a_stop_ends_the_run_after_the_step_and_the_watchers_hear_where() -> None:
    net, recorder = TwoConvs(), Stops()
    with pytest.raises(Stopped, match="stopped in epoch 1, after step 2; all is saved"):
        train(net, plan_of(net), callback=recorder, stopped=lambda: len(recorder.losses) == 2)
    assert [epoch.number for epoch in recorder.epochs] == [0]
    (stop,) = recorder.stops
    assert (stop.epochs, stop.steps, stop.samples) == (0, 2, 8)
    assert stop.loss == sum(recorder.losses)


def test_a_phase_has_an_optimizer_of_its_own_over_its_trainable_parameters() -> None:
    net = TwoConvs()
    plans = plan_of(net), plan_of(net, rule("conv1"))
    first, second = train(net, *plans, batches=lambda epoch: [IMAGES], steps=1).optimizers
    assert len(first.parameters) == 6
    assert [p.name for p in second.parameters] == list(plans[1].names("trainable"))
    assert optimizer_state(second)["global_step"].asnumpy() == 2


class _Settled(Callback):
    """Notes how far the loop has come when the weights are those of what it has told."""

    def __init__(self) -> None:
        self.steps: list[int] = []

    def on_weights_synced(self, progress: Progress) -> None:
        self.steps.append(progress.steps)


@pytest.mark.slow
def test_losses_fetched_later_are_the_same() -> None:
    found = []
    for fetch_every in (1, 2, 5):
        ms.set_seed(0)
        net, settled = TwoConvs(), _Settled()
        told = train(net, plan_of(net), callback=settled, fetch_every=fetch_every)
        found.append((told.losses, told.epochs[-1].loss, to_numpy(net)["fc.weight"].tobytes()))
        assert settled.steps == {1: [1, 2, 3], 2: [2, 3], 5: [3]}[fetch_every]
    assert found[0] == found[1] == found[2]


def _same(batches: list[Batch], epoch: int) -> list[Batch]:
    return batches


@pytest.mark.slow
def test_a_loss_that_is_not_finite_stops_later_steps_before_it_is_looked_at() -> None:
    broken = Tensor(np.full(IMAGES[0].shape, np.nan, np.float32)), IMAGES[1]
    weights = []
    for fetch_every, later in ((1, 0), (4, 2)):
        ms.set_seed(0)
        net, batches = TwoConvs(), [IMAGES, broken, *[IMAGES] * later]
        with pytest.raises(NotFinite, match="received nan in epoch 1, step 2;"):
            train(net, plan_of(net), batches=partial(_same, batches), fetch_every=fetch_every)
        weights.append({name: array.tobytes() for name, array in to_numpy(net).items()})
    assert weights[0] == weights[1]


def test_a_stop_waits_for_the_losses_of_the_steps_taken() -> None:
    net, settled = TwoConvs(), _Settled()
    answers = iter([False, True, True])
    with pytest.raises(Stopped, match="in epoch 1, after step 2;"):
        train(net, plan_of(net), callback=settled, stopped=lambda: next(answers), fetch_every=3)
    assert settled.steps == [2]


class _Kept(Callback):
    def __init__(self) -> None:
        self.events: list[str] = []

    def on_epoch_end(self, epoch: EpochResult) -> None:
        self.events.append(f"epoch {epoch.number}")

    def on_epoch_overhead(self, seconds: float) -> None:
        assert seconds > 0
        self.events.append("kept")


@pytest.mark.slow
def test_what_an_epochs_end_takes_is_told_after_it() -> None:
    net, watcher = TwoConvs(), _Kept()
    train(net, plan_of(net), callback=watcher)
    assert watcher.events == ["epoch 0", "epoch 1", "kept"]


def test_bad_data_end_the_run_before_their_step_and_the_callbacks_hear_where() -> None:
    def batches(epoch: int) -> Iterator[Batch]:
        yield from [IMAGES] * 2
        raise BadData("a label is no class")

    net, recorder = TwoConvs(), Stops()
    with pytest.raises(BadData, match=r"epoch 1, step 3: a label is no class; all before is saved"):
        train(net, plan_of(net, rule("conv1")), callback=recorder, batches=batches)
    assert len(recorder.losses) == 2
    assert [progress.steps for progress in recorder.stops] == [2]
