"""Plan modes: in which execution modes a model runs, as far as it was tried."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import mindspore as ms
from mindspore import ParameterTuple, Tensor, nn

from trainer.backend import execution_mode
from trainer.backend.batch_types import Batch
from trainer.backend.compile import compile_errors
from trainer.backend.graph.dry_run import eager_mode, preserve_state
from trainer.core.errors import ConfigError
from trainer.core.text import first_line
from trainer.engine.train_step import forward
from trainer.freezing.frozen_model import FrozenModel
from trainer.freezing.plan import Plan

_COMPILES = "modes=true compiles the model"


def modes_known(runs_eagerly: bool) -> str:
    """Return in which modes a model runs, from whether it has run eagerly for the plan."""
    if runs_eagerly:
        return f"eager runs; graph and pynative were not tried: {_COMPILES}"
    return f"not tried: no example input fits the model; {_COMPILES}"


def modes_tried(model: nn.Cell, loss: nn.Cell, plan: Plan, batch: Batch) -> str:
    """Try a batch's gradients compiled, and its loss eagerly; return in which modes they run."""
    value = forward(model, loss)
    with _frozen(model, plan) as weights:
        compiled = execution_mode.compiled(ms.value_and_grad(value, None, weights))
        compile_error = _error(model, lambda: compiled(*batch)[0])
    with eager_mode(), _frozen(model, plan):  # without gradients, which an error would break
        eager_error = _error(model, lambda: value(*batch))
    if not compile_error and not eager_error:
        return "graph, pynative and eager run"
    return f"eager: {eager_error or 'runs'}; graph and pynative: {compile_error or 'run'}"


@contextmanager
def _frozen(model: nn.Cell, plan: Plan) -> Iterator[ParameterTuple]:
    """Apply a plan within the block; yield what it trains."""
    with preserve_state(model):
        frozen_model = FrozenModel(model, plan)
        frozen_model.set_train()
        try:
            yield ParameterTuple(frozen_model.trainable)
        finally:
            frozen_model.undo()


def _error(model: nn.Cell, loss: Callable[[], Tensor]) -> str:
    """Return why a loss cannot be computed; empty: it can."""
    try:
        with compile_errors.as_config_error(model):
            loss().asnumpy()
    except ConfigError as error:
        return error.problems[0]
    except Exception as error:  # a model may raise anything
        return f"fails: {first_line(error)}"
    return ""
