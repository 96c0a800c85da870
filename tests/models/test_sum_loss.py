import mindspore as ms
from mindspore import Tensor

from trainer.models.sum_loss import SumLoss


def test_sums_the_output_over_every_dimension() -> None:
    loss = SumLoss()(Tensor([[1.0, 2.0], [3.0, 4.5]], ms.float32), Tensor([0.0, 0.0], ms.float32))
    assert loss.shape == ()
    assert loss.asnumpy() == 10.5


def test_ignores_the_label() -> None:
    output = Tensor([[1.0, 2.0]], ms.float32)
    labels = [Tensor([[100.0, 7.0]], ms.float32), Tensor([3], ms.int32)]
    assert [SumLoss()(output, label).asnumpy() for label in labels] == [3, 3]
