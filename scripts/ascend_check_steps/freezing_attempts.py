"""Three training steps on a small model with something frozen, by MindSpore and by the trainer."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from mindspore import Tensor, nn, ops

from scripts.ascend_check_steps.nets import TwoConvs
from trainer import freeze
from trainer.core.errors import ConfigError

MOMENTUM = partial(nn.Momentum, learning_rate=0.1, momentum=0.9)
_random = np.random.default_rng(0)
IMAGES = Tensor(_random.normal(size=(4, 1, 6, 6)).astype(np.float32))
_LABELS = Tensor(np.array([0, 1, 2, 1], np.int32))


def plain_step(net: nn.Cell, optimizer: nn.Optimizer) -> nn.Cell:
    """Return a training step as in MindSpore's manual."""
    step = nn.TrainOneStepCell(nn.WithLossCell(net, nn.CrossEntropyLoss()), optimizer)
    return step.set_train()


def moved(net: nn.Cell, step: nn.Cell) -> set[str]:
    """Take three steps; return the names of the tensors that moved by a bit."""
    before = {name: p.asnumpy().copy() for name, p in net.parameters_and_names()}
    for _ in range(3):
        step(IMAGES, _LABELS)
    after = {name: p.asnumpy() for name, p in net.parameters_and_names()}
    return {name for name in after if before[name].tobytes() != after[name].tobytes()}


def cut(cell: nn.Cell, inputs: Any, output: Any) -> Any:
    """Stop the gradient behind a cell: a forward hook."""
    return ops.stop_gradient(output)


def clear_flags(*cells: nn.Cell) -> None:
    """Clear `requires_grad` of all parameters of cells."""
    for cell in cells:
        for parameter in cell.get_parameters():
            parameter.requires_grad = False


def moved_of(net: nn.Cell, step: nn.Cell, *cells: str) -> str:
    """Take three steps; return what moved of cells that were to remain as they are."""
    names = sorted(name for name in moved(net, step) if name.partition(".")[0] in cells)
    return f"moved: {', '.join(names)}" if names else ""


def guard(
    net: nn.Cell,
    *select: str,
    trains: Sequence[str],
    method: str = "stop_gradient",
    make: Callable[..., nn.Optimizer] = MOMENTUM,
) -> str:
    """Freeze by the library call, take three steps, verify; return what is wrong afterwards."""
    frozen = freeze(net, list(select), method=method, inputs=IMAGES)
    optimizer = make(frozen.trainable_parameters())
    step = plain_step(net, optimizer)
    frozen.check(step)
    cells = {name.partition(".")[0] for name in moved(net, step)}
    frozen.verify()
    frozen.undo()
    names = [", ".join(sorted(each)) or "none" for each in (set(trains), cells)]
    return "" if cells == set(trains) else f"expected to train: {names[0]}, received: {names[1]}"


def refused(*select: str, expected: str) -> str:
    """Return what is wrong with the refusal of patterns."""
    try:
        freeze(TwoConvs(), list(select), inputs=IMAGES)
    except ConfigError as error:
        return "" if expected in str(error) else f"refused without '{expected}': {error}"
    return f"{', '.join(select)} was not refused"
