"""PyTorch: a hand-written loop with the parts of a recipe, by PyTorch's own means."""

from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn
from torch.optim.lr_scheduler import CosineAnnealingLR
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from scripts.benchmark import pytorch_loops, pytorch_nets, recipe
from scripts.benchmark.case import Case
from scripts.benchmark.clock import Clock


def train(case: Case, folder: Path, clock: Clock) -> int:
    """Train with the part that the contender names; return the number of parameters."""
    part = case.contender.removeprefix("eager_")
    net = pytorch_nets.make(case.task.net)
    net.train()
    optimizer, data = pytorch_loops.sgd(net), pytorch_loops.batches(case, folder)
    update = _update(part, net, optimizer, case.steps)
    every = recipe.ACCUMULATED if part == "accumulate" else 1
    criterion, total = nn.CrossEntropyLoss(), 0.0
    for _ in range(case.epochs):
        clock.epoch()
        for number, (image, label) in enumerate(data, 1):
            loss = criterion(net(image), label) / every
            loss.backward()
            total += loss.item()
            if number % every == 0:
                update()
                clock.step(total)
                total = 0.0
    return pytorch_loops.count(net)


def _update(
    part: str, net: nn.Module, optimizer: torch.optim.Optimizer, steps: int
) -> Callable[[], None]:
    """Return what follows the gradients in a step."""
    scheduler = CosineAnnealingLR(optimizer, steps)
    average_fn = get_ema_multi_avg_fn(recipe.EMA_DECAY)
    average = AveragedModel(net, multi_avg_fn=average_fn, use_buffers=True)

    def update() -> None:
        if part in ("clip", "recipe"):
            torch.nn.utils.clip_grad_norm_(net.parameters(), recipe.CLIP)
        optimizer.step()
        optimizer.zero_grad()
        if part in ("schedule", "recipe"):
            scheduler.step()
        if part in ("ema", "recipe"):
            average.update_parameters(net)

    return update
