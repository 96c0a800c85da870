"""EfficientNet-Lite0: its parameters and shapes; its values are compared in tests/parity."""

import numpy as np
import pytest
from mindspore import Tensor

from trainer.models.efficientnet_lite0 import EfficientNetLite0


@pytest.fixture(scope="module")
def model() -> EfficientNetLite0:
    return EfficientNetLite0(num_classes=5)


def test_parameters(model: EfficientNetLite0) -> None:
    shapes = {parameter.name: parameter.shape for parameter in model.get_parameters()}
    assert len(shapes) == 247  # and 49 counters, in a file of PyTorch
    assert shapes["_blocks.1._expand_conv.weight"] == (96, 16, 1, 1)
    assert shapes["_fc.weight"] == (5, 1280)
    trainable = sum(parameter.size for parameter in model.trainable_params())
    assert trainable + 995 * 1281 == 4_652_008  # with 1,000 classes


def test_gives_a_logit_for_every_class_of_images_of_any_size(model: EfficientNetLite0) -> None:
    output = model(Tensor(np.zeros((2, 3, 33, 47), np.float32)))
    assert output.shape == (2, 5)
