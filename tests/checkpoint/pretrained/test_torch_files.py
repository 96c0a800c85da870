"""PyTorch's checkpoints: the same outputs, every wrapper, and no code run."""

import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mindspore as ms
import numpy as np
import pytest
from mindspore import Tensor, nn

from tests.support.training import changed
from trainer.backend import host_copy
from trainer.checkpoint.pretrained import loading, source, torch_files
from trainer.core.errors import ConfigError

torch = pytest.importorskip("torch", reason="PyTorch's checkpoints are not tested: no PyTorch")
from tests.support import torch_nets  # noqa: E402

RANDOM = np.random.default_rng(0)


class Reader(nn.Cell):
    """``torch_nets.Reader`` in MindSpore."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(11, 8)
        self.norm = nn.LayerNorm((8,), epsilon=1e-5)
        self.lstm = nn.LSTM(8, 6, bidirectional=True, batch_first=True)
        self.conv = nn.Conv1d(12, 6, 3, pad_mode="valid", has_bias=True)
        self.group = nn.GroupNorm(2, 6)
        self.act = nn.PReLU(6)
        self.head = nn.Dense(6, 3)

    def construct(self, x: Tensor) -> Tensor:
        x, _ = self.lstm(self.norm(self.embed(x)))
        x = self.conv(x.swapaxes(1, 2))
        x = self.act(self.group(x.expand_dims(-1)))
        return self.head(x.mean((2, 3)))


def farthest(net: nn.Cell, other: Any, batch: Any) -> float:
    """Return the largest difference of the outputs of both nets for one batch."""
    net.set_train(False)
    ours = net(Tensor(batch)).asnumpy()
    with torch.no_grad():
        theirs = other(torch.from_numpy(batch)).numpy()
    assert np.ptp(theirs) > 0.01, "outputs that differ enough to be told apart"
    return float(np.abs(ours - theirs).max())


def test_a_net_of_all_that_differs_gives_the_same_outputs(tmp_path: Path) -> None:
    theirs, ours = torch_nets.unusual(torch_nets.Reader()), Reader()
    torch.save(theirs.state_dict(), tmp_path / "w.pth")
    done = loading.load_weights(ours, source.read(tmp_path / "w.pth"))
    assert done.reshaped == {"conv.weight": (6, 12, 3)}
    assert done.loaded["norm.gamma"] == "norm.weight"
    tokens = RANDOM.integers(0, 11, (4, 9)).astype(np.int32)
    assert farthest(ours, theirs, tokens) < 1e-5


@pytest.mark.filterwarnings("ignore")  # MindCV's own
def test_mindcvs_resnet18_takes_torchvisions_names(tmp_path: Path) -> None:
    mindcv = pytest.importorskip("mindcv")
    theirs = torch_nets.unusual(torch_nets.ResNet18(5))
    ours = mindcv.create_model("resnet18", num_classes=5)
    torch.save(theirs.state_dict(), tmp_path / "w.pth")
    names = {"fc": "classifier", "downsample": "down_sample"}
    done = loading.load_weights(ours, source.read(tmp_path / "w.pth"), mapping=names)
    assert not done.missing
    assert not done.unexpected
    assert len(done.loaded) == len(list(ours.get_parameters())) == 102
    assert len(done.ignored["num_batches_tracked"]) == 20
    images = RANDOM.normal(size=(2, 3, 64, 64)).astype(np.float32)
    assert farthest(ours, theirs, images) < 1e-5


WRAPPED: dict[str, tuple[Callable[[Any], Any], list[str]]] = {
    "bare": (lambda state: state, []),
    "state_dict": (lambda state: {"epoch": 3, "state_dict": state}, ["under its key 'state_dict'"]),
    "model": (
        lambda state: {"optimizer": {"state": {}}, "model": {"state_dict": state}},
        ["under its key 'model'", "under its key 'state_dict'"],
    ),
    "module": (lambda state: {f"module.{n}": t for n, t in state.items()}, ["all under 'module.'"]),
}


@pytest.mark.parametrize("wrapper", WRAPPED)
@pytest.mark.parametrize("zipped", [True, False])
def test_wrappers_are_taken_off_and_said(wrapper: str, zipped: bool, tmp_path: Path) -> None:
    wrap, notes = WRAPPED[wrapper]
    theirs = torch_nets.unusual(torch_nets.Reader()).state_dict()
    path = tmp_path / "w.pt"
    torch.save(wrap(theirs), path, _use_new_zipfile_serialization=zipped)
    net = Reader()
    done = loading.load_weights(net, source.read(path))
    assert done.notes == notes
    assert (net.head.weight.asnumpy() == theirs["head.weight"].numpy()).all()


def test_a_key_selects_one_of_several_states(tmp_path: Path) -> None:
    trained, averaged = {"a": torch.ones(2)}, {"a": torch.zeros(2)}
    torch.save({"epoch": 3, "model": trained, "model_ema": averaged}, tmp_path / "w.pth")
    first = source.find(str(tmp_path / "w.pth"))
    assert first.weights["a"].tolist() == [1, 1]
    assert first.notes[-1] == "the file also holds 'model_ema', which init_key= selects"
    assert source.find(str(tmp_path / "w.pth"), "model_ema").weights["a"].tolist() == [0, 0]


def test_lightnings_ckpt_is_pytorchs(tmp_path: Path) -> None:
    torch.save({"state_dict": {"a": torch.ones(2)}}, tmp_path / "w.ckpt")
    assert source.read(tmp_path / "w.ckpt").kind == source.PYTORCH


def test_half_precision_and_views(tmp_path: Path) -> None:
    wide = torch.tensor([[1.5, -2.25], [3.0, 0.125]])
    state = {"b": wide.bfloat16(), "h": wide.half(), "t": wide.T, "s": torch.tensor(2), "v": 7}
    torch.save(state, tmp_path / "w.bin")
    arrays, notes = torch_files.read(tmp_path / "w.bin")
    assert notes == ["1 of bfloat16 widened to float32"]
    assert {n: a.dtype.name for n, a in arrays.items()} == {
        "b": "float32",
        "h": "float16",
        "t": "float32",
        "s": "int64",
    }
    assert (arrays["b"] == wide.numpy()).all()
    assert (arrays["t"] == wide.numpy().T).all()


class Exploit:
    """What a file may hold that, once unpickled, runs a command."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self.path}",)


@pytest.mark.parametrize("wrapped", ["in a checkpoint", "in the old format", "bare"])
def test_an_exploit_is_refused_by_name_and_not_run(wrapped: str, tmp_path: Path) -> None:
    path, proof = tmp_path / "w.pth", tmp_path / "pwned"
    state = {"state_dict": {"a": torch.ones(2), "b": Exploit(proof)}}
    if wrapped == "bare":
        path.write_bytes(pickle.dumps(Exploit(proof), protocol=2))
    else:
        torch.save(state, path, _use_new_zipfile_serialization=wrapped == "in a checkpoint")
    with pytest.raises(ConfigError, match=r"to read it, posix\.system would have to be run"):
        source.read(path)
    assert not proof.exists()
    torch.load(path, weights_only=False) if wrapped != "bare" else pickle.loads(path.read_bytes())
    assert proof.exists(), "the exploit is one"


def test_a_whole_net_is_refused_by_its_class(tmp_path: Path) -> None:
    torch.save(torch.nn.Linear(2, 3), tmp_path / "w.pth")
    with pytest.raises(ConfigError, match=r"linear\.Linear would have to be run.*state_dict\(\)"):
        source.read(tmp_path / "w.pth")


@pytest.mark.parametrize("content", ["text", "empty", "cut"])
def test_a_file_that_is_no_whole_checkpoint_is_a_mistake(content: str, tmp_path: Path) -> None:
    path = tmp_path / "w.pth"
    torch.save({"a": torch.ones(100)}, path)
    whole = path.read_bytes()
    path.write_bytes({"cut": whole[:-100], "text": b"weights, honestly", "empty": b""}[content])
    with pytest.raises(ConfigError, match="is not a complete PyTorch checkpoint"):
        source.read(path)


def test_tensors_beside_a_wrapper_are_no_weights(tmp_path: Path) -> None:
    state = {"model": {"a": torch.ones(2)}, "decay": torch.tensor(0.9)}
    torch.save(state, tmp_path / "w.pth")
    assert list(source.read(tmp_path / "w.pth").weights) == ["a"]


def test_tensors_that_numpy_has_not_are_a_mistake(tmp_path: Path) -> None:
    torch.save({"a": torch.eye(2).to_sparse()}, tmp_path / "w.pth")
    with pytest.raises(ConfigError, match="holds types that NumPy lacks: "):
        source.read(tmp_path / "w.pth")


def test_an_old_pytorch_is_a_mistake_for_it_could_be_fooled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.save({"a": torch.ones(2)}, tmp_path / "w.pth")
    monkeypatch.setattr(torch, "__version__", "2.5.1+cpu")
    with pytest.raises(ConfigError, match=r"expected PyTorch 2\.6 or newer, received 2\.5\.1"):
        source.read(tmp_path / "w.pth")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({0: torch.ones(2)}, "expected tensors by name, found 0"),
        ({"epoch": 3, "best": {}}, "expected tensors by name, found 'epoch', 'best'"),
        ([1, 2], "expected tensors by name, received a list"),
        ({"model": {}}, "found nothing"),
    ],
)
def test_a_checkpoint_without_weights_is_a_mistake(content: Any, said: str, tmp_path: Path) -> None:
    torch.save(content, tmp_path / "w.pth")
    with pytest.raises(ConfigError, match=said):
        source.read(tmp_path / "w.pth")


def test_what_was_taken_is_what_the_file_holds(tmp_path: Path) -> None:
    theirs, ours = torch_nets.unusual(torch_nets.Reader()).state_dict(), Reader()
    torch.save(theirs, tmp_path / "w.pth")
    done = loading.load_weights(ours, source.read(tmp_path / "w.pth"))
    held = {own: theirs[origin].numpy() for own, origin in done.loaded.items()}
    assert not changed(held, host_copy.to_numpy(ours))
    assert ms.get_context("mode") == ms.GRAPH_MODE
