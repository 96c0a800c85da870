from pathlib import Path

import mindspore as ms
import numpy as np
import pytest
from mindspore import Tensor, nn
from mindspore.train.checkpoint_pb2 import Checkpoint

from tests.support.nets import Normed
from tests.support.training import LOSS, changed
from trainer.backend import host_copy
from trainer.checkpoint.pretrained import loading, source
from trainer.checkpoint.snapshot_store import SnapshotStore
from trainer.core import atomic_files, tensors
from trainer.core.errors import ConfigError


def test_locate_finds_a_path_a_packages_file_and_a_runs_folder(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.touch()
    assert source.locate(str(path)) == path
    assert source.locate(str(tmp_path)) == path
    assert source.locate("pkg://trainer.conf/train.yaml").name == "train.yaml"


def test_a_snapshot_of_a_run(tmp_path: Path) -> None:
    run = tmp_path / "run"
    atomic_files.write_json(run / "plan.json", {})
    SnapshotStore(run / "snapshots").write(3, {"a": np.ones(2, np.float32)})
    found = source.find(f"{run}@3")
    assert (found.kind, found.weights["a"].tolist()) == (source.SAFETENSORS, [1, 1])
    with pytest.raises(ConfigError, match="init_from: expected an epoch that"):
        source.find(f"{run}@4")


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("wieghts.safetensors", r"no file .* \(nearest: weights\.safetensors\)"),
        ("deeper/w.safetensors", "no file "),
        (".", r"no file model\.safetensors \(nearest: weights\.safetensors\)"),
        ("pkg://no_such_package/w.safetensors", "no package 'no_such_package'"),
        ("pkg://trainer.conf/w.safetensors", "no file "),
    ],
)
def test_locate_tells_mistakes(
    name: str, complaint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for beside in ("weights.safetensors", "other.ckpt", "notes.txt"):
        Path(beside).touch()
    with pytest.raises(ConfigError, match=f"init_from: {complaint}"):
        source.locate(name)


def test_a_checkpoint_of_mindspores_with_its_optimizer(tmp_path: Path) -> None:
    net, other = Normed(), Normed()
    rates = nn.cosine_decay_lr(0.0, 0.1, 10, 5, 2)
    optimizer = nn.Momentum(net.trainable_params(), rates, 0.9)
    path = str(tmp_path / "w.ckpt")
    step = nn.TrainOneStepCell(nn.WithLossCell(net, LOSS), optimizer)
    ms.save_checkpoint(step, path, append_dict={"epoch_num": 3, "note": "text"})
    done = loading.load_weights(other, source.read(Path(path)))
    assert not changed(host_copy.to_numpy(net), host_copy.to_numpy(other))
    assert done.kind == "MindSpore checkpoint"
    moments = [f"moments.{p.name}" for p in net.trainable_params()]
    state = ["epoch_num", "global_step", "learning_rate", "momentum", *moments]
    assert sorted(done.ignored.pop("optimizer state")) == sorted(state)
    assert not done.ignored


def test_bfloat16_in_a_checkpoint(tmp_path: Path) -> None:
    content = Checkpoint()
    value = content.value.add(tag="w")
    value.tensor.dims.extend([2])
    value.tensor.tensor_type = "BFloat16"
    value.tensor.tensor_content = np.array([0x3FC0, 0xC010], "<u2").tobytes()
    (tmp_path / "w.ckpt").write_bytes(content.SerializeToString())
    assert source.read(tmp_path / "w.ckpt").weights["w"].tolist() == [1.5, -2.25]


@pytest.mark.parametrize("content", ["cut", "text", "empty"])
def test_a_file_that_is_no_whole_checkpoint_is_a_mistake(
    content: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "w.ckpt"
    holder = nn.Cell()
    holder.w = ms.Parameter(Tensor(np.ones(100, np.float32)), name="w")
    ms.save_checkpoint(holder, str(path))
    whole = path.read_bytes()
    path.chmod(0o600)
    path.write_bytes({"cut": whole[:-4], "text": b"weights, honestly", "empty": b""}[content])
    with pytest.raises(ConfigError, match="not a complete MindSpore checkpoint"):
        source.read(path)
    assert not "".join(capfd.readouterr()), "MindSpore's own log of it"


def test_a_file_of_another_kind_is_a_mistake(tmp_path: Path) -> None:
    (tmp_path / "w.h5").touch()
    with pytest.raises(ConfigError, match=r"expected a file named \*\.safetensors, \.ckpt, \.pth"):
        source.read(tmp_path / "w.h5")


KINDS = ["i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8", "?"]


def test_what_is_written_is_read_bit_for_bit(tmp_path: Path) -> None:
    arrays = {kind: np.array([[0, 1, 1], [1, 0, 1]], kind) for kind in KINDS}
    arrays |= {"scalar": np.array(2.5, np.float32), "empty": np.zeros((0, 3), np.float32)}
    tensors.write(tmp_path / "w.safetensors", arrays)
    stored = source.read(tmp_path / "w.safetensors").weights
    assert {n: (a.dtype, a.shape) for n, a in stored.items()} == {
        n: (a.dtype, a.shape) for n, a in arrays.items()
    }
    assert not changed(arrays, dict(stored))


def by_hand(path: Path, kind: str, shape: str, content: bytes) -> Path:
    header = f'{{"a":{{"dtype":"{kind}","shape":{shape},"data_offsets":[0,{len(content)}]}}}}'
    path.write_bytes(len(header).to_bytes(8, "little") + header.encode() + content)
    return path


def test_bfloat16_is_widened_without_a_loss(tmp_path: Path) -> None:
    halves = np.array([0x3FC0, 0xC010, 0x7F80, 0x0001], "<u2")  # 1.5, -2.25, infinity, the least
    path = by_hand(tmp_path / "w.safetensors", "BF16", "[2,2]", halves.tobytes())
    stored = source.read(path).weights["a"]
    assert stored.dtype == np.float32
    assert stored.tolist() == [[1.5, -2.25], [np.inf, 2.0**-133]]


def test_a_type_that_numpy_has_not_is_a_mistake(tmp_path: Path) -> None:
    path = by_hand(tmp_path / "w.safetensors", "F8_E4M3", "[2]", b"ab")
    with pytest.raises(ConfigError, match="types that NumPy lacks: F8_E4M3"):
        source.read(path)


@pytest.mark.parametrize("content", ["cut", "text", "empty"])
def test_a_file_that_is_no_whole_safetensors_is_a_mistake(content: str, tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    tensors.write(path, {"a": np.ones(100, np.float32)})
    whole = path.read_bytes()
    path.write_bytes({"cut": whole[:-4], "text": b"weights, honestly", "empty": b""}[content])
    with pytest.raises(ConfigError, match="not a complete safetensors file"):
        source.read(path)
