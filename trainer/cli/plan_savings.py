"""Plan savings: what a plan saves compared with training everything, counted or timed."""

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from mindspore import nn

from trainer.backend import execution_mode
from trainer.backend.batch_types import Batch
from trainer.backend.graph import example_inputs, module_tree, tracer
from trainer.backend.graph.autograd_graph import AutogradGraph
from trainer.backend.graph.module_tree import ModuleTree
from trainer.backend.optimizer_state import optimizer_state
from trainer.config.schema import Settings
from trainer.engine import train_step
from trainer.freezing.frozen_model import FrozenModel
from trainer.freezing.plan import Plan, resolve
from trainer.optim import optimizer

_WARM_UP = 3  # steps: the compile and what settles after it
_STEPS = 10


@dataclass(frozen=True)
class Savings:
    """What is counted without a step.

    Attributes:
        weights: bytes of all weights, running statistics left out.
        frozen: bytes of those that are frozen.
        half: bytes of those of them that are stored as float16.
        state: bytes of the optimizer's state.
        full_state: the same if everything is trained.
    """

    weights: int
    frozen: int
    half: int
    state: int
    full_state: int


def loss_graph(model: nn.Cell, cuts: Collection[str] = ()) -> AutogradGraph | None:
    """Return the graph as far as it is known without data, for the estimate of work alone.

    Args:
        model: the model.
        cuts: names of the cells whose outputs are needed.
    """
    try:
        return tracer.trace(model, example_inputs.default_inputs(model), cuts)
    except Exception:  # raised by the model for the last example input
        return None


def count(model: nn.Cell, plan: Plan, spec: dict[str, Any]) -> Savings:
    """Return what a plan saves, by counting.

    Args:
        model: the model.
        plan: the plan for it.
        spec: of the optimizer, as ``optimizer.make`` takes it.
    """
    tree = module_tree.describe(model)
    statistics = {p.name for p in tree.parameters if p.statistic}
    weights = [p for p in plan.parameters if p.name not in statistics]
    return Savings(
        weights=sum(p.nbytes for p in weights),
        frozen=sum(p.nbytes for p in weights if p.state == "frozen"),
        half=sum(p.nbytes for p in weights if p.dtype),
        state=_state(model, plan, spec),
        full_state=_state(model, everything(tree), spec),
    )


def everything(tree: ModuleTree) -> Plan:
    """Return the plan that trains everything."""
    return resolve([], tree)


def times(
    model: nn.Cell, loss: nn.Cell, plans: Sequence[Plan], settings: Settings, batch: Batch
) -> list[float]:
    """Return the median seconds of a step under each plan; the model's weights are changed."""
    return [_time(model, loss, plan, settings, batch) for plan in plans]


def _time(model: nn.Cell, loss: nn.Cell, plan: Plan, settings: Settings, batch: Batch) -> float:
    frozen_model = FrozenModel(model, plan)
    train_optimizer = optimizer.build_optimizer(
        settings.optimizer.spec(), frozen_model.trainable, plan
    )
    scaler = train_step.loss_scaler(settings.device.loss_scale)
    step = train_step.TrainStep(model, loss, train_optimizer, scaler)
    train = execution_mode.executable(step)
    frozen_model.set_train()
    seconds = [_seconds(lambda: train(*batch).asnumpy()) for _ in range(_WARM_UP + _STEPS)]
    frozen_model.undo()
    return median(seconds[_WARM_UP:])


def _seconds(act: Callable[[], Any]) -> float:
    start = time.perf_counter()
    act()
    return time.perf_counter() - start


def _state(model: nn.Cell, plan: Plan, spec: dict[str, Any]) -> int:
    """Return the bytes of the state of an optimizer made for a plan."""
    parameters = dict(model.parameters_and_names())
    trained = [parameters[name] for name in plan.names("trainable")]
    return sum(
        p.nbytes for p in optimizer_state(optimizer.build_optimizer(spec, trained, plan)).values()
    )
