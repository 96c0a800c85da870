"""Moments: what Adam and LAMB keep of each parameter, with a count of the steps it has taken."""

import math

import mindspore as ms
import numpy as np
from mindspore import Parameter, ParameterTuple, Tensor, nn, ops

from trainer.optim.optimizers.arguments import Groups, check_betas, check_eps, decays

_counted = ops.MultitypeFuncGraph("counted")


@_counted.register("Tensor", "Tensor")
def _count(one: Tensor, steps: Tensor) -> Tensor:
    return ops.assign_add(steps, one)


class MomentOptimizer(nn.Optimizer):
    """Averages of each parameter's gradient and of its square, with exact bias correction.

    Each parameter has its own step count, as in PyTorch. With one for all, as in MindSpore, a
    parameter that is thawed late would begin with too large steps.

    Args:
        params: parameters, or groups of them.
        learning_rate: of the parameters whose group has none.
        betas: decay of the average of gradients, and of that of their squares; 0 to below 1.
        eps: is added to the denominator; above 0.
        weight_decay: of the parameters whose group has none.
    """

    def __init__(
        self,
        params: Groups,
        learning_rate: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        check_betas(betas)
        check_eps(eps)
        super().__init__(learning_rate, params, weight_decay)
        self.beta1, self.beta2 = (Tensor(beta, ms.float32) for beta in betas)
        self.log_beta1, self.log_beta2 = (Tensor(_log(beta), ms.float32) for beta in betas)
        self.eps = Tensor(eps, ms.float32)
        self.moment1 = self._parameters.clone(prefix="moment1", init="zeros")
        self.moment2 = self._parameters.clone(prefix="moment2", init="zeros")
        self.step_count = ParameterTuple(
            [
                Parameter(Tensor(0, ms.int32), f"step_count.{p.name}", requires_grad=False)
                for p in self._parameters
            ]
        )
        self.decays = decays(self)
        self.decays_each = tuple(decay > 0 for decay in self.decays)
        self.decay_of_each = Tensor(np.array(self.decays, np.float32))
        self.ones = ops.ones_like(self.decay_of_each)
        self.one_step = Tensor(1, ms.int32)

    def corrections(self) -> tuple[Tensor, Tensor]:
        """Count a step; return the bias of each parameter's first and second moment as a vector."""
        counts = self.hyper_map(ops.partial(_counted, self.one_step), self.step_count)
        steps = ops.stack(counts).astype(ms.float32)
        # expm1, because 1 - beta2 ** steps loses digits in float32
        return -ops.expm1(steps * self.log_beta1), -ops.expm1(steps * self.log_beta2)

    def rates(self) -> Tensor:
        """Return the learning rates: one for all, or a vector with that of each parameter."""
        rates = self.get_lr()
        return ops.stack(rates) if self.is_group_lr else rates


def _log(beta: float) -> float:
    """Return the logarithm of what the kernels compute with: the beta rounded to float32."""
    return math.log(float(np.float32(beta))) if beta > 0 else -1e4
