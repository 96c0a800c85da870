import numpy as np
import pytest
from mindspore import Tensor, nn

from tests.support.nets import TwoConvs
from trainer.backend import host_copy


def test_fetch_gives_a_copy_by_dotted_path() -> None:
    net = TwoConvs()
    fetched = host_copy.to_numpy(net)
    assert list(fetched) == [name for name, _ in net.parameters_and_names()]
    fetched["fc.bias"][:] = 7
    assert not (net.fc.bias.asnumpy() == 7).any()
    kept = fetched["conv1.bias"].copy()
    net.conv1.bias.set_data(Tensor(np.ones(2, np.float32)))
    assert (fetched["conv1.bias"] == kept).all()


def test_a_mirror_gives_the_same_array_while_its_bits_are_the_same() -> None:
    net = TwoConvs()
    mirror = host_copy.HostCopy(net)
    first = mirror.fetch()
    assert {name: a.tobytes() for name, a in first.items()} == {
        name: a.tobytes() for name, a in host_copy.to_numpy(net).items()
    }
    zeros = np.zeros(first["conv1.bias"].shape, np.float32)
    net.conv1.bias.set_data(Tensor(zeros))
    second = mirror.fetch()
    net.conv1.bias.set_data(Tensor(-zeros))
    third = mirror.fetch()
    same = [{n for n in a if a[n] is b[n]} for a, b in ((first, second), (second, third))]
    assert same == [set(first) - {"conv1.bias"}] * 2, "-0.0 has other bits than 0.0"
    assert np.signbit(third["conv1.bias"]).all()
    assert not np.signbit(second["conv1.bias"]).any()
    with pytest.raises(ValueError, match="read-only"):
        third["conv1.bias"][:] = 1


def test_a_mirror_follows_a_net_that_gets_other_parameters() -> None:
    net = TwoConvs()
    mirror = host_copy.HostCopy(net)
    before = mirror.fetch()
    net.fc = TwoConvs().conv1
    after = mirror.fetch()
    assert list(after) == [name for name, _ in net.parameters_and_names()]
    assert after["fc.weight"].shape != before["fc.weight"].shape


@pytest.mark.parametrize("place", [1_024, 4_999])
def test_one_changed_value_of_a_large_tensor_gives_another_array(place: int) -> None:
    net = nn.Dense(1_000, 5)
    mirror = host_copy.HostCopy(net)
    before = mirror.fetch()["weight"]
    assert mirror.fetch()["weight"] is before
    values = before.copy()
    values.flat[place] = 1
    net.weight.set_data(Tensor(values))
    after = mirror.fetch()["weight"]
    assert after is not before
    assert (after == values).all()
