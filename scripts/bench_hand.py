"""The loop as one writes it for MindSpore by hand, freezing included."""

from collections.abc import Callable, Sequence
from typing import Any

import mindspore as ms
import mindspore.dataset as ds
from mindspore import Parameter, Tensor, nn, ops

from scripts.bench_task import NETS, SEED, Clock, Task
from trainer.data import batches


def train(task: Task, net: nn.Cell, pipeline: ds.Dataset, clock: Clock) -> None:
    """Train until the clock has enough."""
    optimizer = momentum(_freeze(task, net))
    step = {"cell": _cell, "jit": _jit}[task.by_hand](net, optimizer)
    net.set_train()
    for epoch in (1, 2):
        for image, label in batches(pipeline, SEED, epoch):
            clock.step(float(step(image, label).asnumpy()))
            if clock.done():
                return


def momentum(parameters: Sequence[Parameter]) -> nn.Optimizer:
    """Return the optimizer of all variants."""
    return nn.Momentum(parameters, learning_rate=0.001, momentum=0.9, weight_decay=1e-4)


def _cell(net: nn.Cell, optimizer: nn.Optimizer) -> Callable[..., Tensor]:
    """MindSpore's own train step, which its `Model.train` uses."""
    return nn.TrainOneStepCell(nn.WithLossCell(net, nn.CrossEntropyLoss()), optimizer)


def _jit(net: nn.Cell, optimizer: nn.Optimizer) -> Callable[..., Tensor]:
    criterion = nn.CrossEntropyLoss()

    def forward(image: Tensor, label: Tensor) -> Tensor:
        return criterion(net(image), label)

    gradients = ms.value_and_grad(forward, None, optimizer.parameters)

    @ms.jit
    def step(image: Tensor, label: Tensor) -> Tensor:
        loss, gradient = gradients(image, label)
        optimizer(gradient)
        return loss

    return step


def _freeze(task: Task, net: nn.Cell) -> list[Parameter]:
    """Freeze; return what is left to train."""
    if task.frozen == "nothing":
        return list(net.trainable_params())
    if task.frozen == "head":
        for _, cell in net.cells_and_names():
            if isinstance(cell, nn.BatchNorm2d):
                cell.use_batch_statistics = False  # bn.set_train(False) would not last
    frozen = [p for name, p in net.parameters_and_names() if _is_frozen(task, name)]
    if task.method == "requires_grad":
        for parameter in frozen:
            parameter.requires_grad = False
        return list(net.trainable_params())
    dict(net.cells_and_names())[task.behind].register_forward_hook(_cut)
    left_out = {id(parameter) for parameter in frozen}
    return [p for p in net.trainable_params() if id(p) not in left_out]


def _is_frozen(task: Task, name: str) -> bool:
    if task.frozen == "conv1":
        return name.startswith("conv1.")
    return not name.startswith(f"{NETS[task.net].head}.")


def _cut(cell: nn.Cell, inputs: Any, output: Any) -> Any:
    return ops.stop_gradient(output)
