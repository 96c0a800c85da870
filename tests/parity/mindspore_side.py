"""MindSpore's side of the parity tests: all of it goes through the trainer, plan to loop."""

from collections.abc import Callable, Sequence

from mindspore import Tensor, nn, ops

from tests.parity.case import LR, MOMENTUM, WEIGHT_DECAY, Batch, Case, End
from tests.support.training import plan_of, rule, train
from trainer.backend import host_copy
from trainer.checkpoint.pretrained import loading
from trainer.checkpoint.pretrained.source import SAFETENSORS, WeightsSource
from trainer.core.tensors import Weights
from trainer.freezing.frozen_model import FrozenModel
from trainer.models.lenet5 import LeNet5
from trainer.optim import optimizer


class ConvNorm(nn.Cell):
    """A convolution and its normalisation."""

    def __init__(self, inputs: int, outputs: int, size: int, stride: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, size, stride, "pad", size // 2)
        self.norm = nn.BatchNorm2d(outputs, eps=1e-5, momentum=0.9)  # keeps 0.9 of the old

    def construct(self, x: Tensor) -> Tensor:
        return self.norm(self.conv(x))


class Block(nn.Cell):
    """Two convolutions, and a third one that leads past them."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.first = ConvNorm(inputs, outputs, 3, stride)
        self.second = ConvNorm(outputs, outputs, 3)
        self.short = ConvNorm(inputs, outputs, 1, stride)

    def construct(self, x: Tensor) -> Tensor:
        return ops.silu(self.second(ops.silu(self.first(x))) + self.short(x))


class Residual(nn.Cell):
    """A small ResNet; [N, 1, 32, 32] to [N, 10].

    With SiLU, both frameworks ended within 7e-7 of each other from each of 5 starts. With ReLU they
    parted by 1e-3 to 5e-2 from 4 of 10: an input near 0 is rounded to either side of it. From 3 of
    those PyTorch parts as far from itself in float64, at the first sign that differs. With tanh
    they ended within 3e-5: MindSpore's is wrong by up to 1e-4 on the CPU.
    """

    def __init__(self) -> None:
        super().__init__()
        self.stem = ConvNorm(1, 8, 3, stride=2)
        self.block1 = Block(8, 8, stride=1)
        self.block2 = Block(8, 16, stride=2)
        self.fc = nn.Dense(16, 10)

    def construct(self, x: Tensor) -> Tensor:
        x = self.block2(self.block1(ops.silu(self.stem(x))))
        return self.fc(x.mean((2, 3)))


class Chain(nn.Cell):
    """Three convolutions and a head, which are compiled fast; [N, 1, 32, 32] to [N, 10]."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = ConvNorm(1, 8, 3, stride=2)
        self.body = ConvNorm(8, 8, 3, stride=2)
        self.top = ConvNorm(8, 16, 3, stride=2)
        self.fc = nn.Dense(16, 10)

    def construct(self, x: Tensor) -> Tensor:
        x = ops.silu(self.top(ops.silu(self.body(ops.silu(self.stem(x))))))
        return self.fc(x.mean((2, 3)))


NETS: dict[str, type[nn.Cell]] = {"lenet5": LeNet5, "residual": Residual, "chain": Chain}


def shapes(net: str) -> dict[str, tuple[int, ...]]:
    """The shape of each weight, by its name."""
    return {name: tuple(p.shape) for name, p in NETS[net]().parameters_and_names()}


def run(case: Case, start: Weights, batches: Sequence[Batch]) -> End:
    """Train with the case's part frozen, from given weights, a step a batch."""
    net = NETS[case.net]()
    loading.load_weights(net, WeightsSource(SAFETENSORS, start))
    order = [(Tensor(images), Tensor(labels)) for images, labels in batches]
    rules = [rule(*case.freeze, method=case.method)] if case.freeze else []
    plan = plan_of(net, *rules, batch=order[0])
    told = train(net, plan, optimizer=_maker(case.optimizer), batches=lambda epoch: order)
    return End(host_copy.to_numpy(net), told.losses, frozenset(plan.names("frozen")))


def _maker(name: str) -> Callable[[FrozenModel], nn.Optimizer]:
    spec = {
        "_target_": f"mindspore.nn.{name}",
        "lr": LR,
        "momentum": MOMENTUM,
        "weight_decay": WEIGHT_DECAY,
    }
    return lambda applied: optimizer.build_optimizer(spec, applied.trainable)
