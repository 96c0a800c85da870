"""LAMB as timm defines it."""

import mindspore as ms
from mindspore import Parameter, Tensor, ops

from trainer.optim.optimizers.arguments import Groups
from trainer.optim.optimizers.moments import MomentOptimizer

_updated = ops.MultitypeFuncGraph("lamb_updated")


@_updated.register(
    *("Tensor", "Tensor", "Tensor", "Tensor", "Bool", "Tensor", "Tensor", "Tensor", "Tensor"),
    *("Tensor", "Tensor", "Tensor", "Tensor"),
)
def _update(
    clip: Tensor,
    beta1: Tensor,
    beta2: Tensor,
    eps: Tensor,
    decays: bool,
    decay: Tensor,
    rate: Tensor,
    bias1: Tensor,
    root: Tensor,
    gradient: Tensor,
    parameter: Parameter,
    moment1: Parameter,
    moment2: Parameter,
) -> bool:
    """Update one parameter; one without weight decay is not scaled by its norm."""
    gradient = gradient / clip
    mean = moment1 + (gradient - moment1) * (1 - beta1)
    square = moment2 + (gradient * gradient - moment2) * (1 - beta2)
    ops.assign(moment1, mean)
    ops.assign(moment2, square)
    update = (mean / bias1) / (ops.sqrt(square) / root + eps)
    if decays:
        update = update + parameter * decay
        update = update * _trust_ratio(_norm(parameter), _norm(update))
    ops.assign(parameter, parameter - update * rate)
    return True


def _norm(values: Tensor) -> Tensor:
    return ops.sqrt(ops.reduce_sum(values * values))


def _trust_ratio(weight: Tensor, update: Tensor) -> Tensor:
    """Return the ratio of two norms; 1 if one of them is 0."""
    valid = ops.logical_and(weight > 0, update > 0)
    one = ops.ones_like(weight)
    return ops.select(valid, weight / ops.select(valid, update, one), one)


class Lamb(MomentOptimizer):
    """LAMB, as ``timm.optim.Lamb``: Adam's step, scaled for each parameter by its norm.

    Args:
        params, learning_rate, betas, eps, weight_decay: see the base class.
        max_grad_norm: gradients whose global norm is larger are scaled down to it; None: none are.
    """

    def __init__(
        self,
        params: Groups,
        learning_rate: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-6,
        weight_decay: float = 0.01,
        max_grad_norm: float | None = 1.0,
    ) -> None:
        super().__init__(params, learning_rate, betas, eps, weight_decay)
        if max_grad_norm is not None and not max_grad_norm > 0:
            expected = "expected a number above 0, or null"
            raise ValueError(f"max_grad_norm: {expected}, received {max_grad_norm}")
        self.max_grad_norm = max_grad_norm
        self.one = Tensor(1.0, ms.float32)

    def construct(self, gradients: tuple[Tensor, ...]) -> tuple[bool, ...]:
        """Update the parameters by their gradients."""
        bias1, bias2 = self.corrections()
        clip = self.clip(gradients)
        return self.hyper_map(
            ops.partial(_updated, clip, self.beta1, self.beta2, self.eps),
            self.decays_each,
            ops.unstack(self.decay_of_each),
            ops.unstack(self.rates() * self.ones),
            ops.unstack(bias1),
            ops.unstack(ops.sqrt(bias2)),
            gradients,
            self._parameters,
            self.moment1,
            self.moment2,
        )

    def clip(self, gradients: tuple[Tensor, ...]) -> Tensor:
        """Return what the gradients are divided by."""
        if self.max_grad_norm is None:
            return self.one
        norms = self.hyper_map(_norm, gradients)
        return ops.maximum(_norm(ops.stack(norms)) / self.max_grad_norm, self.one)
