"""Trainable parameters that do not move are named once, with the likely reason."""

import logging
from collections.abc import Callable
from functools import partial

import pytest
from mindspore import Tensor, nn, ops

from tests.support.nets import TwoConvs
from tests.support.training import ROWS, plan_of, rule, train
from trainer.callbacks import trainability
from trainer.callbacks.trainability import Trainability
from trainer.core.errors import NotCovered
from trainer.engine.callback import EpochResult
from trainer.freezing.frozen_model import FrozenModel
from trainer.freezing.plan import Plan
from trainer.optim.coverage import check_coverage
from trainer.optim.optimizers.adam import Adam


class Branches(nn.Cell):
    """One layer is used, one is not, and the gradient stops behind a third."""

    def __init__(self) -> None:
        super().__init__()
        self.used = nn.Dense(4, 3)
        self.dead = nn.Dense(4, 3)
        self.stopped = nn.Dense(4, 3)

    def construct(self, x: Tensor) -> Tensor:
        return self.used(x) + ops.stop_gradient(self.stopped(x))


Make = Callable[..., nn.Optimizer]


def warnings(
    caplog: pytest.LogCaptureFixture, net: nn.Cell, make: Make, *plans: Plan, resumed: int = 0
) -> list[str]:
    """Train one epoch under each plan; return what the callback has logged."""
    callback = Trainability()
    if resumed:
        callback.on_resume(resumed)
    with caplog.at_level(logging.WARNING):
        train(
            net,
            *plans,
            optimizer=lambda applied: make(applied.trainable),
            batches=lambda epoch: [ROWS] * 2,
            callback=callback,
        )
    return [r.getMessage() for r in caplog.records if r.name == trainability.__name__]


MAKERS = [
    partial(Adam, learning_rate=0.01),
    partial(nn.Momentum, learning_rate=0.1, momentum=0.9),
    partial(nn.SGD, learning_rate=0.1, momentum=0.9),
]


@pytest.mark.parametrize("make", MAKERS)
def test_what_gets_no_gradient_is_named_once(caplog: pytest.LogCaptureFixture, make: Make) -> None:
    net = Branches()
    plan = plan_of(net, batch=ROWS)
    (line,) = warnings(caplog, net, make, plan, plan)
    assert line.startswith("warning: 4 trainable tensors have not moved after 2 steps: dead.weight")
    assert "stopped.weight and 1 more (no gradient" in line
    assert "used" not in line


def test_an_optimizer_without_averages_leaves_the_reason_open(
    caplog: pytest.LogCaptureFixture,
) -> None:
    net = Branches()
    (line,) = warnings(caplog, net, partial(nn.SGD, learning_rate=0.1), plan_of(net, batch=ROWS))
    assert f"({trainability.UNKNOWN})" in line
    assert "used" not in line.partition(" (")[0]


def test_a_rate_of_0_is_the_reason(caplog: pytest.LogCaptureFixture) -> None:
    net = nn.SequentialCell(nn.Dense(4, 3))
    (line,) = warnings(caplog, net, partial(Adam, learning_rate=0.0), plan_of(net, batch=ROWS))
    assert line.endswith("have not moved after 2 steps: 0.weight, 0.bias (learning rate 0)")


def test_steps_below_the_precision_are_the_reason(caplog: pytest.LogCaptureFixture) -> None:
    net = nn.SequentialCell(nn.Dense(4, 3, weight_init="ones", bias_init="ones"))
    (line,) = warnings(caplog, net, partial(Adam, learning_rate=1e-12), plan_of(net, batch=ROWS))
    assert line.endswith(f"0.weight, 0.bias ({trainability.TOO_SMALL})")


def test_what_trains_and_what_is_frozen_is_not_named(caplog: pytest.LogCaptureFixture) -> None:
    net = nn.SequentialCell(nn.Dense(4, 3), nn.Dense(3, 3))
    frozen = plan_of(net, rule("0", method="requires_grad"), batch=ROWS)
    assert warnings(caplog, net, MAKERS[0], frozen, plan_of(net, batch=ROWS)) == []


def test_a_resumed_run_is_not_checked_again(caplog: pytest.LogCaptureFixture) -> None:
    net = Branches()
    plan = plan_of(net, batch=ROWS)
    assert warnings(caplog, net, MAKERS[0], plan, resumed=1) == []


def test_an_epoch_without_a_step_reports_nothing(caplog: pytest.LogCaptureFixture) -> None:
    net = Branches()
    applied, callback = FrozenModel(net, plan_of(net, batch=ROWS)), Trainability()
    callback.on_phase_start(applied, MAKERS[0](applied.trainable))
    weights = {name: p.asnumpy() for name, p in net.parameters_and_names()}
    callback.on_epoch_end(EpochResult(0, applied.plan, weights, None))  # type: ignore[arg-type]
    assert caplog.records == []


@pytest.mark.parametrize(
    ("names", "complaint"),
    [
        (["conv1.weight", "conv1.bias"], "2 trainable but not in the optimizer: fc.bias, fc.wei"),
        (["*", "conv2.weight"], "1 in the optimizer but not trainable: conv2.weight"),
    ],
)
def test_every_tensor_is_in_its_place(names: list[str], complaint: str) -> None:
    net = TwoConvs()
    applied = FrozenModel(net, plan_of(net, rule("conv2", method="requires_grad")))
    parameters = dict(net.parameters_and_names())
    held = [p for name in names for p in (applied.trainable if name == "*" else [parameters[name]])]
    with pytest.raises(NotCovered, match=complaint):
        check_coverage(net, applied.plan, nn.SGD(held))


def test_a_tensor_twice_in_the_optimizer_is_an_error() -> None:
    net = TwoConvs()
    applied = FrozenModel(net, plan_of(net))
    with pytest.raises(NotCovered, match=r"1 in the optimizer more than once: fc\.bias"):
        check_coverage(net, applied.plan, _Twice(applied.trainable))


class _Twice:
    def __init__(self, parameters: list[object]) -> None:
        self.parameters = [*parameters, parameters[-1]]
