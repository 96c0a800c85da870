"""PyTorch: a hand-written loop, eager and compiled."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from scripts.benchmark import images, loaders, pytorch_nets
from scripts.benchmark.case import DECAY, MOMENTUM, RATE, SEED, Case
from scripts.benchmark.clock import Clock


@dataclass(frozen=True)
class Batches:
    """The batches of a task as tensors, for any loop that iterates over them."""

    arrays: images.Batches

    def __len__(self) -> int:
        return len(self.arrays)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        for image, label in self.arrays:
            yield torch.from_numpy(image), torch.from_numpy(label).long()


def train(case: Case, folder: Path, clock: Clock) -> int:
    """Train, with torch.compile if the case requests it; return the number of parameters."""
    net = pytorch_nets.make(case.task.net)
    net.train()
    for part in parts(case, net):
        part.requires_grad_(False).eval()
    optimizer, criterion = sgd(net), nn.CrossEntropyLoss()
    data = loaders.torchvision_loader(case, folder) if case.task.files else batches(case, folder)
    forward = torch.compile(net) if case.contender == "compile" else net
    for _ in range(case.epochs):
        clock.epoch()
        for image, label in data:
            optimizer.zero_grad()
            loss = criterion(forward(image), label)
            loss.backward()
            optimizer.step()
            clock.step(loss.item())
    return count(net)


def batches(case: Case, folder: Path) -> Batches:
    """Return the images of a case."""
    data = images.read(images.path(folder, case.task), case.images)
    return Batches(images.Batches(data, case.task.batch, np.random.default_rng(SEED)))


def parts(case: Case, net: nn.Module) -> list[nn.Module]:
    """Return the parts to freeze."""
    return [net.get_submodule(name) for name in case.parts]


def sgd(net: nn.Module) -> torch.optim.Optimizer:
    """Return the optimizer of all contenders, over the trainable parameters."""
    trained = [parameter for parameter in net.parameters() if parameter.requires_grad]
    return torch.optim.SGD(trained, RATE, MOMENTUM, weight_decay=DECAY)


def count(net: nn.Module) -> int:
    """Return the number of values of all parameters, frozen or not."""
    return sum(parameter.numel() for parameter in net.parameters())
