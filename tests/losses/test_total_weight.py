"""The total weight of a batch: in a graph and eagerly, with and without a method of the loss."""

import mindspore as ms
import numpy as np
import pytest
from mindspore import Parameter, Tensor, nn, ops

from trainer.losses.total_weight import total_weight

OUTPUT = Tensor(np.eye(3, dtype=np.float32)[[0, 1, 2, 0]])
LABEL = Tensor(np.array([0, 7, 2, 1], np.int32))


class Counted(nn.Cell):
    """Counts the labels that are not 7."""

    def __init__(self) -> None:
        super().__init__()
        self.ignored = Tensor(7, ms.int32)

    def construct(self, output: Tensor, label: Tensor) -> Tensor:
        return output.sum() * (label != self.ignored).astype(ms.float32).mean()

    def total_weight(self, output: Tensor, label: Tensor) -> Tensor:
        return (label != self.ignored).astype(ms.float32).sum()


class Step(nn.Cell):
    """Loss and weight within a function of which a gradient is taken, as a training step has it."""

    def __init__(self, loss: nn.Cell) -> None:
        super().__init__()
        self.factor = Parameter(Tensor(2.0), name="factor")

        def weighed(*batch: Tensor) -> tuple[Tensor, Tensor]:
            output = batch[0] * self.factor
            return loss(output, batch[-1]), total_weight(loss, output, batch[-1])

        self.gradient = ms.value_and_grad(weighed, None, [self.factor], has_aux=True)

    def construct(self, *batch: Tensor) -> tuple[Tensor, Tensor]:
        (_, weight), gradients = self.gradient(*batch)
        return weight, ops.abs(gradients[0])


@pytest.mark.parametrize(("loss", "expected"), [(Counted(), 3), (nn.MAELoss(), 4)])
def test_eagerly_it_is_a_float32_scalar(loss: nn.Cell, expected: int) -> None:
    weight = total_weight(loss, OUTPUT, LABEL)
    assert (weight.dtype, weight.shape, float(weight.asnumpy())) == (ms.float32, (), expected)


def test_in_a_graph_each_batch_size_has_its_own() -> None:
    step = Step(Counted())
    for label, expected in ((LABEL, 3), (Tensor(np.array([7, 7], np.int32)), 0)):
        weight, _ = step(OUTPUT[: len(label)], label)
        assert (weight.dtype, weight.shape, float(weight.asnumpy())) == (ms.float32, (), expected)
    plain = Step(nn.MSELoss())
    for size in (4, 2):
        weight, gradient = plain(OUTPUT[:size], OUTPUT[:size])
        assert float(weight.asnumpy()) == size
        assert float(gradient.asnumpy()) > 0
