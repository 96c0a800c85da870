"""Averages of the weights: what is averaged, how, and that training does not notice."""

import math
from functools import partial
from itertools import chain
from typing import Any

import mindspore as ms
import numpy as np
import pytest
from mindspore import Tensor, amp, nn

from tests.support.nets import Normed, TwoConvs
from tests.support.phases import place_of, train_phases
from tests.support.training import (
    IMAGES,
    LOSS,
    Recorder,
    changed,
    from_start,
    momentum,
    plan_of,
    rule,
)
from trainer.backend.host_copy import to_numpy
from trainer.backend.optimizer_state import optimizer_state
from trainer.engine import train_step
from trainer.engine.ema import WeightAverages, decay_at
from trainer.engine.loop_spec import Loop
from trainer.engine.progress import Progress
from trainer.engine.step_builder import StepBuilder
from trainer.engine.step_rates import StepRates
from trainer.engine.update import StepOptions
from trainer.freezing.frozen_model import FrozenModel
from trainer.metrics.evaluator import Score

DECAY = 0.75


class Steps(Recorder):
    """Records the weights after each step, and how far the run had come."""

    def __init__(self, net: nn.Cell) -> None:
        super().__init__()
        self.net = net
        self.weights = [to_numpy(net)]
        self.progress: list[Progress] = []

    def on_step_end(self, loss: float, seconds: float, progress: Progress) -> None:
        self.weights.append(to_numpy(self.net))
        self.progress.append(progress)


class Run:
    """An epoch of some steps with averages; keeps what it asked for and left."""

    def __init__(
        self,
        net: nn.Cell,
        frozen: tuple[str, ...] = (),
        steps: int = 3,
        accumulation_steps: int = 1,
        scaler: amp.LossScaler | None = None,
    ) -> None:
        plan = plan_of(net, *([rule(*frozen)] if frozen else []))
        self.averages = WeightAverages(net, plan)
        self.steps = Steps(net)
        self.numbers: list[int] = []
        self.scores: list[dict[str, Any]] = []
        options = StepOptions(takes_rates=True, averages=True, reports=scaler is not None)
        parts = net, LOSS, scaler, None, options, accumulation_steps, 4.0, ()
        compilers = (lambda _, make: make(net)), (lambda _, cell: cell)
        builder = StepBuilder(*parts, *compilers, None, self.averages)

        def rates(number: int) -> Any:
            self.numbers.append(number)
            return np.array([0.1])

        def evaluate() -> Score:
            self.scores.append(to_numpy(net))
            return Score(0.0, None, 1)

        loop = Loop(
            net,
            momentum,
            lambda optimizer: builder.build(optimizer)(StepRates(rates, lambda _: 1 - DECAY)),
            from_start(lambda epoch: [IMAGES] * steps),
            evaluate,
            self.steps,
            *place_of([plan], math.ceil(steps / accumulation_steps)),
            accumulation_steps=accumulation_steps,
            averaged=self.averages.applied,
        )
        train_phases(loop)


def close(one: Any, other: Any) -> None:
    assert one.keys() == other.keys()
    for name, array in one.items():
        np.testing.assert_allclose(array, other[name], rtol=1e-5, atol=1e-6, err_msg=name)


@pytest.mark.slow
@pytest.mark.parametrize("accumulation_steps", [1, 2])
def test_averages_follow_the_weights_and_moving_statistics(accumulation_steps: int) -> None:
    run = Run(Normed(), steps=4, accumulation_steps=accumulation_steps)
    first, *later = run.steps.weights
    assert len(later) == 4 // accumulation_steps
    expected = {name: array.astype(np.float64) for name, array in first.items()}
    for weights in later:
        expected = {n: e + np.subtract(weights[n], e) * (1 - DECAY) for n, e in expected.items()}
    averages = run.averages.weights()
    assert {"bn1.moving_mean", "bn1.moving_variance", "bn1.gamma"} <= averages.keys()
    close(averages, expected)


def test_what_is_frozen_has_no_average_and_does_not_move() -> None:
    net = Normed()
    before = to_numpy(net)
    run = Run(net, ("conv1", "bn1"))
    names = run.averages.weights().keys()
    assert not [name for name in names if name.startswith(("conv1", "bn1"))]
    assert {"conv2.weight", "bn2.moving_mean", "fc.weight"} <= names
    still = before.keys() - changed(before, to_numpy(net))
    assert still == before.keys() - names


def test_an_epoch_is_evaluated_with_the_averages_too_and_training_does_not_notice() -> None:
    ms.set_seed(0)
    with_averages = Run(TwoConvs())
    start, averaged_start, end, averaged_end = with_averages.scores
    assert not changed(start, averaged_start)
    assert not changed(end, to_numpy(with_averages.steps.net))
    assert not changed(with_averages.averages.weights(), averaged_end)
    assert changed(end, averaged_end) == end.keys()
    (first, last) = with_averages.steps.epochs
    assert first.ema is not None
    assert last.ema is not None


def test_weights_come_back_bit_for_bit_even_where_the_evaluation_fails() -> None:
    net = TwoConvs()
    values = np.array([-0.0, np.nan, np.inf, 1e-45], np.float32)
    odd = np.resize(values, net.fc.weight.shape)
    net.fc.weight.set_data(Tensor(odd))
    averages = WeightAverages(net, plan_of(net))
    net.conv1.weight.set_data(net.conv1.weight + 1)
    before = to_numpy(net)
    with pytest.raises(KeyError, match="evaluation"), averages.applied():
        assert changed(before, to_numpy(net)) == {"conv1.weight"}
        raise KeyError("the evaluation")
    assert not changed(before, to_numpy(net))
    assert averages.weights()["fc.weight"].tobytes() == odd.tobytes()


def test_compiled_graphs_compute_with_the_averages_within_the_block() -> None:
    net = TwoConvs().set_train(False)
    averages = WeightAverages(net, plan_of(net))
    first = net(IMAGES[0]).asnumpy()
    net.fc.weight.set_data(net.fc.weight * 2)
    second = net(IMAGES[0]).asnumpy()
    with averages.applied():
        assert (net(IMAGES[0]).asnumpy() == first).all()
    assert (net(IMAGES[0]).asnumpy() == second).all()
    assert not (first == second).all()


@pytest.mark.slow
@pytest.mark.parametrize("accumulation_steps", [1, 2])
def test_an_overflow_skips_weights_averages_optimizer_and_the_number_of_the_update(
    accumulation_steps: int,
) -> None:
    net = TwoConvs()
    train_step.set_precision(net, "float16")
    scaler = amp.DynamicLossScaler(2.0**24, 2, 1000)  # the gradients overflow in float16
    run = Run(net, (), 12 * accumulation_steps, accumulation_steps, scaler)
    skipped = [progress.skipped for progress in run.steps.progress]
    count = skipped[-1]
    assert 0 < count < 12
    assert skipped == [*range(1, count + 1), *[count] * (12 - count)]
    assert run.numbers == [0] * count + list(range(13 - count))[:-1]
    start, *later = run.steps.weights
    assert all(not changed(start, weights) for weights in later[:count])
    assert changed(start, later[count])
    assert float(scaler.scale_value.asnumpy()) == 2.0 ** (24 - count)
    state = optimizer_state(run.steps.optimizers[-1])
    assert state["global_step"].asnumpy().item() == 12 - count
    expected = {name: array.astype(np.float64) for name, array in start.items()}
    for weights in later[count:]:
        expected = {n: e + np.subtract(weights[n], e) * (1 - DECAY) for n, e in expected.items()}
    close(run.averages.weights(), expected)


def test_the_decay_grows_to_its_value() -> None:
    decay = partial(decay_at, decay=0.9)
    assert [decay(updates, warmup=10) for updates in (0, 1, 10)] == [0.1, 2 / 11, 11 / 20]
    assert decay(10_000, warmup=10) == 0.9
    assert decay(0, warmup=0) == 0.9


def test_the_share_is_the_last_of_the_rates() -> None:
    rates = StepRates(lambda number: np.array([0.1, 0.2]) / (number + 1), lambda number: 0.5)
    values = list(chain.from_iterable(rates(number).asnumpy().tolist() for number in (0, 1)))
    assert values == pytest.approx([0.1, 0.2, 0.5, 0.05, 0.1, 0.5])
    assert rates(1) is rates(1)


def test_a_model_under_a_plan_has_only_its_own_parameters() -> None:
    net = TwoConvs()
    names = [p.name for p in net.get_parameters()]
    WeightAverages(net, plan_of(net))
    applied = FrozenModel(net, plan_of(net))
    assert [p.name for p in applied.trainable] == names
    assert [p.name for p in net.get_parameters()] == names
