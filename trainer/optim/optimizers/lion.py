"""Lion as timm defines it."""

import mindspore as ms
from mindspore import Parameter, Tensor, nn, ops

from trainer.optim.optimizers.arguments import Groups, check_betas, decays

_updated = ops.MultitypeFuncGraph("lion_updated")


@_updated.register("Tensor", "Tensor", "Tensor", "Tensor", "Tensor", "Tensor", "Tensor")
def _update(
    beta1: Tensor,
    beta2: Tensor,
    rate: Tensor,
    decay: Tensor,
    gradient: Tensor,
    parameter: Parameter,
    moment: Parameter,
) -> bool:
    """Update one parameter by the sign of its averaged gradient, then the average."""
    direction = ops.sign(moment + (gradient - moment) * (1 - beta1))
    ops.assign(parameter, parameter * (1 - rate * decay) - direction * rate)
    ops.assign(moment, moment + (gradient - moment) * (1 - beta2))
    return True


class Lion(nn.Optimizer):
    """Lion with decoupled weight decay, as ``timm.optim.Lion``.

    Args:
        params: parameters, or groups of them.
        learning_rate: of the parameters whose group has none.
        betas: how much of the average is in a step, and in the next average; 0 to below 1.
        weight_decay: of the parameters whose group has none.
    """

    def __init__(
        self,
        params: Groups,
        learning_rate: float = 1e-4,
        betas: tuple[float, float] = (0.9, 0.99),
        weight_decay: float = 0.0,
    ) -> None:
        check_betas(betas)
        super().__init__(learning_rate, params, weight_decay)
        self.beta1, self.beta2 = (Tensor(beta, ms.float32) for beta in betas)
        self.moment = self._parameters.clone(prefix="moment", init="zeros")
        self.decays = tuple(Tensor(decay, ms.float32) for decay in decays(self))

    def construct(self, gradients: tuple[Tensor, ...]) -> tuple[bool, ...]:
        """Update the parameters by their gradients."""
        rates = self.get_lr() if self.is_group_lr else (self.get_lr(),) * len(self.decays)
        update = ops.partial(_updated, self.beta1, self.beta2)
        return self.hyper_map(update, rates, self.decays, gradients, self._parameters, self.moment)
