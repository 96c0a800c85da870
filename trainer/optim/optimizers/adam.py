"""Adam and AdamW as PyTorch defines them, on MindSpore's fused kernel."""

import mindspore as ms
from mindspore import Parameter, Tensor, ops

from trainer.optim.optimizers.arguments import Groups
from trainer.optim.optimizers.moments import MomentOptimizer

_updated = ops.MultitypeFuncGraph("adam_updated")
_decayed = ops.MultitypeFuncGraph("adamw_decayed")


@_updated.register(
    *("Function", "Tensor", "Tensor", "Tensor", "Tensor", "Tensor"),
    *("Tensor", "Tensor", "Tensor", "Tensor"),
)
def _update(
    kernel: ops.Primitive,
    zero: Tensor,
    beta1: Tensor,
    beta2: Tensor,
    rate: Tensor,
    eps: Tensor,
    gradient: Tensor,
    parameter: Parameter,
    moment1: Parameter,
    moment2: Parameter,
) -> bool:
    """Update one parameter; powers of beta of 0 keep the kernel from correcting once more."""
    moments = parameter, moment1, moment2
    return ops.depend(True, kernel(*moments, zero, zero, rate, beta1, beta2, eps, gradient))


@_decayed.register("Bool", "Tensor", "Tensor")
def _decay(decays: bool, factor: Tensor, parameter: Parameter) -> bool:
    if decays:
        ops.assign(parameter, parameter * factor)
    return True


class Adam(MomentOptimizer):
    """Adam with an L2 penalty, as ``torch.optim.Adam``; the arguments are the base class's."""

    def __init__(
        self,
        params: Groups,
        learning_rate: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(params, learning_rate, betas, eps, weight_decay)
        self.kernel = ops.Adam()
        self.zero = Tensor(0.0, ms.float32)

    def construct(self, gradients: tuple[Tensor, ...]) -> tuple[bool, ...]:
        """Update the parameters by their gradients."""
        return self.update(self.decay_weight(gradients), self.rates())

    def update(self, gradients: tuple[Tensor, ...], rates: Tensor) -> tuple[bool, ...]:
        """Take the step of Adam.

        The kernel computes ``rate * m / (sqrt(v) + eps)`` of uncorrected moments, so the correction
        goes into its rate and eps: one number per parameter, computed for all of them at once.
        """
        bias1, bias2 = self.corrections()
        root = ops.sqrt(bias2)
        return self.hyper_map(
            ops.partial(_updated, self.kernel, self.zero, self.beta1, self.beta2),
            ops.unstack(rates * root / bias1),
            ops.unstack(self.eps * root),
            gradients,
            self._parameters,
            self.moment1,
            self.moment2,
        )


class AdamW(Adam):
    """Adam with decoupled weight decay, as ``torch.optim.AdamW``."""

    def __init__(
        self,
        params: Groups,
        learning_rate: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.01,
    ) -> None:
        super().__init__(params, learning_rate, betas, eps, weight_decay)

    def construct(self, gradients: tuple[Tensor, ...]) -> tuple[bool, ...]:
        """Decay the parameters, then update them by their gradients."""
        rates = self.rates()
        if any(self.decays_each):
            factors = ops.unstack(self.ones - rates * self.decay_of_each)
            decayed = self.hyper_map(_decayed, self.decays_each, factors, self._parameters)
            gradients = ops.depend(gradients, decayed)
        return self.update(gradients, rates)
