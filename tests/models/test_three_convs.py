import mindspore as ms
import numpy as np
from mindspore import Tensor, nn

from trainer.models.three_convs import ThreeConvs


def test_parameters_are_the_sources() -> None:
    shapes = {parameter.name: parameter.shape for parameter in ThreeConvs().get_parameters()}
    assert shapes == {
        "conv1.weight": (6, 1, 4, 4),
        "conv2.weight": (2, 6, 2, 2),
        "conv3.weight": (6, 2, 2, 2),
    }


def test_cells_are_three_valid_convolutions_and_nothing_else() -> None:
    cells = dict(ThreeConvs().cells_and_names())
    assert list(cells) == ["", "conv1", "conv2", "conv3"]
    for name in ("conv1", "conv2", "conv3"):
        assert isinstance(cells[name], nn.Conv2d)
        assert cells[name].pad_mode == "valid"
        assert cells[name].stride == (1, 1)
        assert not cells[name].has_bias


def test_conv1_starts_from_a_normal_distribution() -> None:
    ms.set_seed(0)
    weights = np.concatenate(
        [ThreeConvs().conv1.weight.asnumpy().ravel() for _ in range(100)]
    )  # MindSpore's `normal` has a standard deviation of 0.01
    assert abs(weights.mean()) < 0.0005
    assert abs(weights.std() - 0.01) < 0.0005


def test_shape_of_the_sources_output() -> None:
    assert ThreeConvs()(Tensor(np.ones((1, 1, 32, 32), np.float32))).shape == (1, 6, 27, 27)


def test_smallest_input() -> None:
    assert ThreeConvs()(Tensor(np.ones((2, 1, 6, 6), np.float32))).shape == (2, 6, 1, 1)
