"""PyTorch's side of the parity tests, written by hand: it knows nothing of rules and plans."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from tests.parity.case import LR, MOMENTUM, WEIGHT_DECAY, Batch, Case, End
from tests.support.norm_names import NORM_NAMES
from trainer.core.tensors import Weights


class LeNet5(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, 5)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1 = nn.Linear(16 * 5 * 5, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.max_pool2d(functional.relu(self.conv1(x)), 2)
        x = functional.max_pool2d(functional.relu(self.conv2(x)), 2)
        x = functional.relu(self.fc1(x.flatten(1)))
        return self.fc3(functional.relu(self.fc2(x)))


class ConvNorm(nn.Module):
    def __init__(self, inputs: int, outputs: int, size: int, stride: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, size, stride, size // 2, bias=False)
        self.norm = nn.BatchNorm2d(outputs, eps=1e-5, momentum=0.1)  # takes 0.1 of the new

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.conv(x))


class Block(nn.Module):
    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.first = ConvNorm(inputs, outputs, 3, stride)
        self.second = ConvNorm(outputs, outputs, 3)
        self.short = ConvNorm(inputs, outputs, 1, stride)

    def forward(self, x: Tensor) -> Tensor:
        return functional.silu(self.second(functional.silu(self.first(x))) + self.short(x))


class Residual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = ConvNorm(1, 8, 3, stride=2)
        self.block1 = Block(8, 8, stride=1)
        self.block2 = Block(8, 16, stride=2)
        self.fc = nn.Linear(16, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.block2(self.block1(functional.silu(self.stem(x))))
        return self.fc(x.mean((2, 3)))


class Chain(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = ConvNorm(1, 8, 3, stride=2)
        self.body = ConvNorm(8, 8, 3, stride=2)
        self.top = ConvNorm(8, 16, 3, stride=2)
        self.fc = nn.Linear(16, 10)

    def forward(self, x: Tensor) -> Tensor:
        silu = functional.silu
        x = silu(self.top(silu(self.body(silu(self.stem(x))))))
        return self.fc(x.mean((2, 3)))


NETS: dict[str, type[nn.Module]] = {"lenet5": LeNet5, "residual": Residual, "chain": Chain}


def run(case: Case, start: Weights, batches: Sequence[Batch], frozen_mode: str = "eval") -> End:
    """Train with the case's part frozen, from given weights, a step a batch.

    Args:
        case: what to freeze.
        start: weights by MindSpore's names.
        batches: images and labels.
        frozen_mode: mode of the frozen part; `train` is wrong, and there to show that it shows.
    """
    torch.set_num_threads(1)  # small nets are faster so, and no threads stay for other tests
    net = NETS[case.net]()
    load(net, start)
    still = [net.get_submodule(name) for name in case.still]
    _freeze(net, case)
    net.train()
    for module in still:
        module.train(frozen_mode == "train")
    frozen = {p for module in still for p in module.parameters()}
    losses = _train(net, _optimizer(net, frozen), batches)
    assert {p for p in net.parameters() if p.grad is None} == frozen
    return End(fetch(net, start), losses, case.select(start))


def _freeze(net: nn.Module, case: Case) -> None:
    for name in case.freeze:
        module = net.get_submodule(name)
        if case.method == "requires_grad":
            module.requires_grad_(False)
        else:
            module.register_forward_hook(_detach)


def _detach(module: nn.Module, inputs: Any, output: Tensor) -> Tensor:
    return output.detach()


def _optimizer(net: nn.Module, frozen: set[Any]) -> Any:
    """SGD over what is not frozen; MindSpore lets no gamma and no beta decay."""
    norms = [module for module in net.modules() if isinstance(module, nn.BatchNorm2d)]
    plain = {p for module in norms for p in module.parameters()}
    trained = [p for p in net.parameters() if p not in frozen]
    groups = [
        {"params": [p for p in trained if p not in plain], "weight_decay": WEIGHT_DECAY},
        {"params": [p for p in trained if p in plain], "weight_decay": 0.0},
    ]
    return torch.optim.SGD(groups, lr=LR, momentum=MOMENTUM)


def _train(net: nn.Module, optimizer: Any, batches: Sequence[Batch]) -> list[float]:
    losses = []
    for images, labels in batches:
        output = net(torch.from_numpy(images))
        loss = functional.cross_entropy(output, torch.from_numpy(labels).long())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def _name(name: str) -> str:
    module, _, last = name.rpartition(".")
    return f"{module}.{NORM_NAMES.get(last, last)}"


def load(net: nn.Module, start: Weights) -> None:
    """Give a net weights by MindSpore's names."""
    state = {_name(name): torch.tensor(array) for name, array in start.items()}
    counters = {name: t for name, t in net.state_dict().items() if t.ndim == 0}
    net.load_state_dict(counters | state)  # each name once, or it raises


def fetch(net: nn.Module, start: Weights) -> Weights:
    """Return the weights by MindSpore's names; they share their memory with the net."""
    state = net.state_dict()
    return {name: state[_name(name)].numpy() for name in start}
