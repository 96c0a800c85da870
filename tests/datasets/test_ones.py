import numpy as np
import pytest
from mindspore import Tensor, nn

from trainer.datasets.ones import ones
from trainer.models.three_convs import ThreeConvs
from trainer.models.three_linears import ThreeLinears


def test_ones_with_zeros_for_labels() -> None:
    for data in ones(batch_size=2, shape=[3, 4], label_shape=[5], samples=6):
        batches = list(data.create_tuple_iterator(num_epochs=1, output_numpy=True))
        assert data.get_dataset_size() == len(batches) == 3
        for image, label in batches:
            np.testing.assert_array_equal(image, np.ones((2, 3, 4), np.float32), strict=True)
            np.testing.assert_array_equal(label, np.zeros((2, 5), np.float32), strict=True)


@pytest.mark.parametrize(
    ("net", "shape", "label_shape"),
    [(ThreeConvs, [1, 32, 32], [6, 27, 27]), (ThreeLinears, [1], [2])],
)
def test_labels_are_shaped_like_the_output(
    net: type[nn.Cell], shape: list[int], label_shape: list[int]
) -> None:
    train, _ = ones(batch_size=1, shape=shape, label_shape=label_shape, samples=1)
    image, label = next(train.create_tuple_iterator(num_epochs=1))
    assert isinstance(image, Tensor)
    assert net()(image).shape == label.shape


def test_batch_size_above_the_samples() -> None:
    with pytest.raises(ValueError, match="batch_size: expected at most 3, .* received 4"):
        ones(batch_size=4, shape=[1], label_shape=[2], samples=3)
