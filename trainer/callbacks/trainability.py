"""Trainability: which trainable parameters do not move, and the likely reason."""

import logging
from collections.abc import Mapping

import numpy as np
import xxhash
from mindspore import Parameter, nn
from numpy.typing import NDArray

from trainer.backend.optimizer_state import optimizer_state
from trainer.core.text import quantity, shorten
from trainer.engine.callback import Callback, EpochResult
from trainer.freezing.frozen_model import FrozenModel
from trainer.optim.coverage import check_coverage

log = logging.getLogger(__name__)
file_log = logging.getLogger(f"{__name__}.table")

ZERO_RATE = "learning rate 0"
NO_GRADIENT = (
    "no gradient: the loss does not use them, or the model stops the gradient behind them; "
    "python -m trainer.probe shows the gradients"
)
TOO_SMALL = "the steps are too small to change their values"
UNKNOWN = "no gradient, or steps too small to change their values"


class Trainability(Callback):
    """Checks each phase's optimizer before training, and the weights after its first epoch.

    What moves is known from the optimizer's first steps on; what has not moved by the end of the
    epoch is reported once.
    """

    def __init__(self) -> None:
        self._resumed = False
        self._pending: dict[str, str] = {}
        self._reported: set[str] = set()

    def on_resume(self, epoch: int) -> None:
        """Leave alone what an epoch before has checked."""
        self._resumed = epoch > 0

    def on_phase_start(self, applied: FrozenModel, optimizer: nn.Optimizer) -> None:
        """Check that the optimizer has what the plan trains, and note the weights.

        Raises:
            NotCovered: see ``check_coverage``.
        """
        check_coverage(applied.model, applied.plan, optimizer)
        self._optimizer = optimizer
        names = applied.plan.names("trainable")
        self._parameters = dict(zip(names, applied.trainable, strict=True))
        self._pending = {} if self._resumed else _hashes(self._parameters)
        self._resumed = False

    def on_epoch_end(self, epoch: EpochResult) -> None:
        """Report once what has not moved, after the first epoch of a phase that took a step."""
        if not epoch.steps:
            return
        unmoved = [
            name
            for name, before in self._pending.items()
            if name not in self._reported and _hash(epoch.weights[name]) == before
        ]
        self._pending = {}
        self._reported.update(unmoved)
        if unmoved:
            log.warning("%s", self._message(unmoved, epoch.steps))
            file_log.info("not moved: %s", ", ".join(unmoved))

    def _message(self, unmoved: list[str], steps: int) -> str:
        names_by_reason: dict[str, list[str]] = {}
        for name in unmoved:
            reason = _reason(self._optimizer, self._parameters[name])
            names_by_reason.setdefault(reason, []).append(name)
        reasons = [f"{shorten(names)} ({reason})" for reason, names in names_by_reason.items()]
        count = quantity(len(unmoved), "trainable tensor")
        verb = "has" if len(unmoved) == 1 else "have"
        after = quantity(steps, "step")
        return f"warning: {count} {verb} not moved after {after}: {'; '.join(reasons)}"


def _hashes(parameters: Mapping[str, Parameter]) -> dict[str, str]:
    return {name: _hash(p.asnumpy()) for name, p in parameters.items()}


def _hash(array: NDArray[np.generic]) -> str:
    flat: NDArray[np.uint8] = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
    return xxhash.xxh3_128_hexdigest(flat.data)  # much faster than SHA-256


def _reason(optimizer: nn.Optimizer, parameter: Parameter) -> str:
    """Return why a parameter has not moved, as far as the optimizer shows it."""
    rate = optimizer.get_lr_parameter(parameter)
    if isinstance(rate, Parameter) and float(rate.asnumpy()) == 0:
        return ZERO_RATE
    moments = [_average(p, optimizer_state(optimizer)) for p in (parameter, *optimizer.parameters)]
    if not any(moments):  # this optimizer averages nothing
        return UNKNOWN
    return TOO_SMALL if moments[0] else NO_GRADIENT


def _average(parameter: Parameter, state: Mapping[str, Parameter]) -> bool:
    """Tell whether an optimizer has averaged a gradient of a parameter that was not 0."""
    names = [name for name in state if name.endswith(f".{parameter.name}")]
    arrays = [state[name].asnumpy() for name in names if state[name].shape == parameter.shape]
    return any(array.any() and not (array == 1).all() for array in arrays)
