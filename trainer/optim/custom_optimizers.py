"""Custom optimizers: what classes of other packages need, and which of them cannot work."""

import inspect
import re
from collections.abc import Mapping
from typing import Any

import mindspore as ms
import numpy as np
from hydra.utils import get_object
from mindspore import Parameter, Tensor, nn, ops

from trainer.backend.optimizer_state import learning_rates
from trainer.core import text
from trainer.core.errors import ConfigError

_OTHER_KIND = "mindspore.experimental.optim"  # mint's are of it too
_SHIPPED = re.compile(r"trainer\.|mindspore\.nn\.(SGD|Momentum|Adam|AdamWeightDecay)$")
_NO_KERNEL = re.compile(r"Unsupported op \[\w+\] on \w+")


def rate_argument(target: str) -> str:
    """Return what a class or function calls the learning rate: ``learning_rate``, or ``lr``."""
    names = _parameters(target)
    return "lr" if "lr" in names and "learning_rate" not in names else "learning_rate"


def default_decay(target: str) -> float:
    """Return the weight decay that a class or function has where none is given."""
    parameter = _parameters(target).get("weight_decay")
    default = parameter.default if parameter is not None else 0.0
    return float(default) if isinstance(default, int | float) else 0.0


def _parameters(target: str) -> Mapping[str, inspect.Parameter]:
    try:
        return inspect.signature(get_object(target)).parameters
    except Exception:  # it does not exist, or has no signature: whoever calls it reports that
        return {}


def check_kind(target: str, optimizer: object) -> None:
    """Refuse what is no optimizer that the trainer can work with.

    Raises:
        ConfigError: it is of another kind, or has no learning rate that can be set.
    """
    kind = type(optimizer)
    if any(base.__module__.startswith(_OTHER_KIND) for base in kind.__mro__):
        expected = "expected a mindspore.nn.Optimizer"
        why = "has its own learning rates, groups and state, which no schedule or policy reaches"
        remedy = "use optimizer=adamw, adam or sgd, which equal PyTorch's"
        raise ConfigError([f"optimizer: {expected}, received {target}, which {why}; {remedy}"])
    if not isinstance(optimizer, nn.Optimizer):
        expected = "expected a mindspore.nn.Optimizer"
        raise ConfigError([f"optimizer: {expected}, received a {kind.__name__}"])
    if optimizer.dynamic_lr or not learning_rates(optimizer):
        expected = "expected an optimizer whose learning rate is the number optimizer.lr"
        received = f"received {target}, which has its own schedule or no such rate"
        raise ConfigError([f"optimizer: {expected}, {received}; use schedule=..."])


def check_device(spec: Mapping[str, Any], optimizer: nn.Optimizer) -> None:
    """Refuse an optimizer of another package whose step the device cannot compute.

    One step is compiled, over two parameters of its own. What the trainer ships is not tried.

    Raises:
        ConfigError: the step failed; most likely the device has no kernel for it.
    """
    if _SHIPPED.match(str(spec["_target_"])):
        return
    try:
        gradients = [Tensor(np.ones(p.shape, np.float32)) for p in optimizer.parameters]
        OptimizerOnly(optimizer)(*gradients)
        np.asarray(optimizer.parameters[0].asnumpy())  # an error may come this late
    except Exception as error:  # of any package
        why = match[0] if (match := _NO_KERNEL.search(str(error))) else text.first_line(error)
        expected = (
            f"expected an optimizer that can take a step on {ms.get_context('device_target')}"
        )
        raise ConfigError([f"optimizer: {expected}, received {spec['_target_']}: {why}"]) from None


def scratch_parameters() -> list[Parameter]:
    """Return parameters for ``check_device``."""
    shapes = {"scratch.weight": (3, 2), "scratch.bias": (3,)}
    return [Parameter(Tensor(np.ones(s, np.float32)), name=n) for n, s in shapes.items()]


class OptimizerOnly(nn.Cell):
    """A graph of nothing but an optimizer's step."""

    def __init__(self, optimizer: nn.Optimizer) -> None:
        super().__init__(auto_prefix=False)
        self.optimizer = optimizer
        self.zero = Tensor(0.0, ms.float32)

    def construct(self, *gradients: Tensor) -> Tensor:
        """Update the parameters by their gradients."""
        return ops.depend(self.zero, self.optimizer(gradients))
