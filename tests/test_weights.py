from pathlib import Path

import numpy as np
import pytest
from mindspore import Parameter, Tensor, nn

from tests.nets import Dotted, Normed, TwoConvs
from tests.training import changed
from trainer import weights
from trainer.errors import Mistake


def test_fetch_gives_a_copy_by_dotted_path() -> None:
    net = TwoConvs()
    fetched = weights.fetch(net)
    assert list(fetched) == [name for name, _ in net.parameters_and_names()]
    fetched["fc.bias"][:] = 7
    assert not (net.fc.bias.asnumpy() == 7).any()
    kept = fetched["conv1.bias"].copy()
    net.conv1.bias.set_data(Tensor(np.ones(2, np.float32)))
    assert (fetched["conv1.bias"] == kept).all()


@pytest.mark.parametrize(
    ("before", "after", "same"),
    [
        ([1.0, 2.0], [1.0, 2.0], True),
        ([1.0], [1.0000001], False),
        ([0.0], [-0.0], False),
        ([np.nan], [np.nan], True),
        (3.0, 3.0, True),
        ([], [], True),
    ],
)
def test_same_bits(before: object, after: object, same: bool) -> None:
    pair = (np.array(values, np.float32) for values in (before, after))
    assert weights.same_bits(*pair) is same


@pytest.mark.parametrize("net_type", [TwoConvs, Normed])
def test_what_is_written_is_read_and_loaded_bit_for_bit(
    net_type: type[nn.Cell], tmp_path: Path
) -> None:
    net, other = net_type(), net_type()
    weights.write(tmp_path / "w.safetensors", weights.fetch(net))
    weights.load(other, weights.read(tmp_path / "w.safetensors"), [])
    assert not changed(weights.fetch(net), weights.fetch(other))


def test_a_scalar_keeps_its_shape(tmp_path: Path) -> None:
    net = nn.Cell()
    net.scale = Parameter(Tensor(2.0), name="scale")
    weights.write(tmp_path / "w.safetensors", weights.fetch(net))
    stored = weights.read(tmp_path / "w.safetensors")
    assert stored["scale"].shape == ()
    weights.load(net, stored, [])


def test_an_array_in_another_order_is_written_right(tmp_path: Path) -> None:
    array = np.arange(6, dtype=np.float32).reshape(2, 3)
    weights.write(tmp_path / "w.safetensors", {"a": np.asfortranarray(array), "b": array.T})
    stored = weights.read(tmp_path / "w.safetensors")
    assert (stored["a"] == array).all()
    assert (stored["b"] == array.T).all()


def test_what_is_made_anew_keeps_its_values_whatever_the_file_holds() -> None:
    net = TwoConvs()
    before = weights.fetch(net)
    offered = {name: array + 1 for name, array in before.items()}
    offered["fc.weight"] = np.zeros((10, 8), np.float32)
    del offered["fc.bias"]
    weights.load(net, offered, ["fc"])
    moved = changed(before, weights.fetch(net))
    assert moved == {"conv1.weight", "conv1.bias", "conv2.weight", "conv2.bias"}


def test_every_misfit_is_named_and_nothing_is_loaded() -> None:
    net = TwoConvs()
    before = weights.fetch(net)
    offered = {name: array + 1 for name, array in before.items()}
    del offered["conv1.weight"]
    offered["conv1.weigth"] = before["conv1.weight"]
    offered["fc.weight"] = np.zeros((10, 8), np.float32)
    with pytest.raises(Mistake) as caught:
        weights.load(net, offered, [])
    expected = (
        "init_from: conv1.weight is missing",
        "init_from: fc.weight has shape (10, 8), the net expects (3, 8) "
        "(to make it anew: new_head=fc)",
        "init_from: conv1.weigth is not in the net (nearest: conv1.weight",
    )
    for problem, start in zip(caught.value.problems, expected, strict=True):
        assert problem.startswith(start)
    assert not changed(before, weights.fetch(net))


def test_a_misfit_names_the_cell_whatever_dots_the_parameters_own_name_has() -> None:
    offered = {**weights.fetch(Dotted()), "scaled.scales.0": np.zeros(5, np.float32)}
    with pytest.raises(Mistake, match="new_head=scaled\\)"):
        weights.load(Dotted(), offered, [])


def test_locate_finds_a_path_and_a_packages_file(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    path.touch()
    assert weights.locate(str(path)) == path
    assert weights.locate("pkg://trainer.conf/train.yaml").name == "train.yaml"


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        ("wieghts.safetensors", r"no file .* \(nearest: weights\.safetensors\)"),
        ("deeper/w.safetensors", "no file "),
        ("pkg://no_such_package/w.safetensors", "no package 'no_such_package'"),
        ("pkg://trainer.conf/w.safetensors", "no file "),
    ],
)
def test_locate_tells_mistakes(
    source: str, complaint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("weights.safetensors").touch()
    with pytest.raises(Mistake, match=f"init_from: {complaint}"):
        weights.locate(source)


@pytest.mark.parametrize("content", ["cut", "text", "empty"])
def test_a_file_that_is_no_whole_safetensors_is_a_mistake(content: str, tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    weights.write(path, {"a": np.ones(100, np.float32)})
    whole = path.read_bytes()
    path.write_bytes({"cut": whole[:-4], "text": b"weights, honestly", "empty": b""}[content])
    with pytest.raises(Mistake, match="not a whole safetensors file"):
        weights.read(path)
