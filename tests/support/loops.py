"""Custom training loops of the three kinds that MindSpore offers."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import mindspore as ms
import mindspore.dataset as ds
from mindspore import nn, ops
from numpy.typing import NDArray

from tests.support.training import IMAGES, LOSS, plain_step

Loop = Callable[[nn.Cell, nn.Optimizer], Callable[[], None]]


def jitted_function_loop(net: nn.Cell, optimizer: nn.Optimizer) -> Callable[[], None]:
    """A jitted function; three steps per call."""

    def forward(images: Any, labels: Any) -> Any:
        return LOSS(net(images), labels)

    loss_and_gradients = ms.value_and_grad(forward, None, optimizer.parameters)

    @ms.jit
    def step(images: Any, labels: Any) -> Any:
        loss, gradients = loss_and_gradients(images, labels)
        return ops.depend(loss, optimizer(gradients))

    def epoch() -> None:
        net.set_train(True)
        for _ in range(3):
            step(*IMAGES)

    return epoch


def train_cell_loop(net: nn.Cell, optimizer: nn.Optimizer) -> Callable[[], None]:
    """TrainOneStepCell; three steps per call."""
    step = plain_step(net, optimizer)

    def epoch() -> None:
        step.set_train(True)
        for _ in range(3):
            step(*IMAGES)

    return epoch


def model_train_loop(
    net: nn.Cell, optimizer: nn.Optimizer, callbacks: Sequence[ms.Callback] = ()
) -> Callable[[], None]:
    """Model.train; three steps per call."""
    model = ms.Model(net, LOSS, optimizer)
    return lambda: model.train(1, _data(), callbacks=list(callbacks), dataset_sink_mode=False)


def _data() -> ds.Dataset:
    def rows() -> Iterator[tuple[NDArray[Any], ...]]:
        for _ in range(3):
            yield tuple(column.asnumpy() for column in IMAGES)

    return ds.GeneratorDataset(rows, ["images", "labels"], shuffle=False)
