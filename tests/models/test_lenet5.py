import mindspore as ms
import numpy as np
import pytest
from mindspore import Tensor

from trainer.models.lenet5 import LeNet5

SHAPES = {
    "conv1.weight": (6, 1, 5, 5),
    "conv1.bias": (6,),
    "conv2.weight": (16, 6, 5, 5),
    "conv2.bias": (16,),
    "fc1.weight": (120, 400),
    "fc1.bias": (120,),
    "fc2.weight": (84, 120),
    "fc2.bias": (84,),
    "fc3.weight": (10, 84),
    "fc3.bias": (10,),
}


def test_parameters() -> None:
    parameters = list(LeNet5().get_parameters())
    assert {parameter.name: parameter.shape for parameter in parameters} == SHAPES
    assert sum(parameter.size for parameter in parameters) == 61_706
    assert all(parameter.dtype == ms.float32 for parameter in parameters)


@pytest.mark.parametrize(("batch", "num_classes"), [(1, 10), (3, 5)])
def test_gives_a_logit_for_every_class(batch: int, num_classes: int) -> None:
    output = LeNet5(num_classes)(Tensor(np.zeros((batch, 1, 32, 32), np.float32)))
    assert output.shape == (batch, num_classes)
    assert output.dtype == ms.float32


def test_weights_follow_from_the_seed() -> None:
    def weights(seed: int) -> list[bytes]:
        ms.set_seed(seed)
        return [parameter.asnumpy().tobytes() for parameter in LeNet5().get_parameters()]

    assert weights(3) == weights(3)
    assert weights(3) != weights(4)
