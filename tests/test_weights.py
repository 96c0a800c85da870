from pathlib import Path

import numpy as np
import pytest
from mindspore import Tensor

from tests.nets import TwoConvs
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


KINDS = ["i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8", "?"]


def test_what_is_written_is_read_bit_for_bit(tmp_path: Path) -> None:
    arrays = {kind: np.array([[0, 1, 1], [1, 0, 1]], kind) for kind in KINDS}
    arrays |= {"scalar": np.array(2.5, np.float32), "empty": np.zeros((0, 3), np.float32)}
    weights.write(tmp_path / "w.safetensors", arrays)
    stored = weights.read(tmp_path / "w.safetensors")
    assert {n: (a.dtype, a.shape) for n, a in stored.items()} == {
        n: (a.dtype, a.shape) for n, a in arrays.items()
    }
    assert not changed(arrays, stored)


def by_hand(path: Path, kind: str, shape: str, content: bytes) -> Path:
    header = f'{{"a":{{"dtype":"{kind}","shape":{shape},"data_offsets":[0,{len(content)}]}}}}'
    path.write_bytes(len(header).to_bytes(8, "little") + header.encode() + content)
    return path


def test_bfloat16_is_widened_without_a_loss(tmp_path: Path) -> None:
    halves = np.array([0x3FC0, 0xC010, 0x7F80, 0x0001], "<u2")  # 1.5, -2.25, infinity, the least
    path = by_hand(tmp_path / "w.safetensors", "BF16", "[2,2]", halves.tobytes())
    stored = weights.read(path)["a"]
    assert stored.dtype == np.float32
    assert stored.tolist() == [[1.5, -2.25], [np.inf, 2.0**-133]]


def test_a_type_that_numpy_has_not_is_a_mistake(tmp_path: Path) -> None:
    path = by_hand(tmp_path / "w.safetensors", "F8_E4M3", "[2]", b"ab")
    with pytest.raises(Mistake, match="a type that NumPy has not: F8_E4M3"):
        weights.read(path)


@pytest.mark.parametrize("content", ["cut", "text", "empty"])
def test_a_file_that_is_no_whole_safetensors_is_a_mistake(content: str, tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    weights.write(path, {"a": np.ones(100, np.float32)})
    whole = path.read_bytes()
    path.write_bytes({"cut": whole[:-4], "text": b"weights, honestly", "empty": b""}[content])
    with pytest.raises(Mistake, match="not a whole safetensors file"):
        weights.read(path)
