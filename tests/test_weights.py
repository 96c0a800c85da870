import numpy as np
from mindspore import Tensor

from tests.nets import TwoConvs
from trainer import weights


def test_fetch_gives_a_copy_by_dotted_path() -> None:
    net = TwoConvs()
    fetched = weights.fetch(net)
    assert list(fetched) == [name for name, _ in net.parameters_and_names()]
    fetched["fc.bias"][:] = 7
    assert not (net.fc.bias.asnumpy() == 7).any()
    kept = fetched["conv1.bias"].copy()
    net.conv1.bias.set_data(Tensor(np.ones(2, np.float32)))
    assert (fetched["conv1.bias"] == kept).all()
