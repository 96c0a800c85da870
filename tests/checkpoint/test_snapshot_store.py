"""The store: each tensor once, every epoch whole, whatever happens in between."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from tests.support.command import CHECKOUT
from tests.support.killed_store import VALUES, weights, written
from trainer.checkpoint.snapshot_store import SnapshotStore
from trainer.core import tensors
from trainer.core.errors import ConfigError


def test_an_epoch_is_an_index_and_what_changed(tmp_path: Path) -> None:
    written(tmp_path)
    held = {path.name: sorted(load_file(path)) for path in tmp_path.glob("*.safetensors")}
    assert held == {
        "epoch_000.safetensors": ["fast", "slow", "still"],
        "epoch_001.safetensors": ["fast"],
        "epoch_002.safetensors": ["fast", "slow"],
        "epoch_003.safetensors": ["fast"],
        "epoch_004.safetensors": ["fast"],
    }
    index = json.loads((tmp_path / "epoch_003.json").read_text())
    files = {row["name"]: (row["file"], row["shape"], row["dtype"]) for row in index["tensors"]}
    assert files == {
        "still": ("epoch_000.safetensors", [3], "float32"),
        "slow": ("epoch_002.safetensors", [3], "float32"),
        "fast": ("epoch_003.safetensors", [3], "float32"),
    }
    assert index["tensors"][1]["sha256"] == tensors.sha256(weights(3)["slow"])


def test_every_epoch_is_read_in_the_order_written(tmp_path: Path) -> None:
    written(tmp_path)
    store = SnapshotStore(tmp_path)
    assert store.epochs() == [0, 1, 2, 3, 4]
    for epoch in store.epochs():
        read = store.read(epoch)
        assert list(read) == list(VALUES)
        assert all(read[name].tolist() == weights(epoch)[name].tolist() for name in read)
    assert store.problems() == []


def test_what_has_not_changed_is_not_hashed_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed: list[float] = []
    sha256 = tensors.sha256

    def counted(array: tensors.Weights) -> str:
        hashed.append(1)
        return sha256(array)  # type: ignore[arg-type]

    monkeypatch.setattr(tensors, "sha256", counted)
    written(tmp_path)
    assert len(hashed) == 3 + 1 + 2 + 1 + 1


def test_a_change_of_bits_or_type_alone_is_a_change(tmp_path: Path) -> None:
    store = SnapshotStore(tmp_path)
    values = [np.float32(0.0), np.float32(-0.0), np.int32(-(2**31)), np.float32(np.nan)]
    for epoch, value in enumerate(values):  # the third has the bits of the second
        store.write(epoch, {"a": np.array(value)})
    assert len(list(tmp_path.glob("*.safetensors"))) == 4
    store.write(4, {"a": np.array(np.float32(np.nan))})
    assert len(list(tmp_path.glob("*.safetensors"))) == 4
    read = store.read(1)["a"]
    assert (read.shape, bool(np.signbit(read))) == ((), True)


def test_epochs_are_written_in_order(tmp_path: Path) -> None:
    written(tmp_path)
    with pytest.raises(ValueError, match="after 4, received 4"):
        SnapshotStore(tmp_path).write(4, weights(4))


def test_what_has_not_changed_is_not_written_again_at_epoch_1000(tmp_path: Path) -> None:
    """Names of files sort by their numbers only up to 999."""
    store = SnapshotStore(tmp_path)
    for epoch in (998, 999, 1000):
        store.write(epoch, {"still": np.zeros(3), "moves": np.full(3, epoch)})
    store.write(1001, {"still": np.ones(3), "moves": np.full(3, 1000)})
    held = {path.name: sorted(load_file(path)) for path in tmp_path.glob("*.safetensors")}
    assert held["epoch_1000.safetensors"] == ["moves"]
    assert held["epoch_1001.safetensors"] == ["still"]
    assert store.epochs() == [998, 999, 1000, 1001]
    assert SnapshotStore(tmp_path).read(1000)["still"].tolist() == [0, 0, 0]


def test_what_later_epochs_refer_to_survives(tmp_path: Path) -> None:
    written(tmp_path)
    store = SnapshotStore(tmp_path)
    before = store.size()
    store.drop([0, 2, 3])
    assert store.epochs() == [1, 4]
    held = {path.name: sorted(load_file(path)) for path in tmp_path.glob("*.safetensors")}
    assert held == {
        "epoch_000.safetensors": ["slow", "still"],
        "epoch_001.safetensors": ["fast"],
        "epoch_002.safetensors": ["slow"],
        "epoch_004.safetensors": ["fast"],
    }
    assert store.read(4)["slow"].tolist() == [2, 2, 2]
    assert store.size() < before
    store.drop([1, 4])
    assert list(tmp_path.iterdir()) == []


def test_a_resume_forgets_later_epochs_and_refers_to_the_one_before(tmp_path: Path) -> None:
    written(tmp_path)
    store = SnapshotStore(tmp_path)
    assert store.resume(2)["fast"].tolist() == [2, 2, 2]
    assert store.epochs() == [0, 1, 2]
    store.write(3, weights(3))
    assert list(load_file(tmp_path / "epoch_003.safetensors")) == ["fast"]
    assert store.problems() == []


def test_after_a_resume_from_what_is_damaged_the_next_epoch_stands_alone(tmp_path: Path) -> None:
    written(tmp_path)
    (tmp_path / "epoch_002.safetensors").write_bytes(b"")
    store = SnapshotStore(tmp_path)
    with pytest.raises(ConfigError, match=r"epoch_002\.safetensors"):
        store.resume(3)
    store.write(4, weights(4))
    assert sorted(load_file(tmp_path / "epoch_004.safetensors")) == sorted(VALUES)
    assert store.read(4)["slow"].tolist() == [2, 2, 2]


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-10])


def swap(path: Path) -> None:
    """Put the file of another epoch in its place, which is whole in itself."""
    path.write_bytes(path.with_stem("epoch_001").read_bytes())


def edit(path: Path) -> None:
    path.write_text(path.read_text().replace("float32", "float64", 1))


@pytest.mark.parametrize(
    ("harm", "name"),
    [
        (flip, "epoch_002.safetensors"),
        (cut, "epoch_002.safetensors"),
        (swap, "epoch_002.safetensors"),
        (Path.unlink, "epoch_002.safetensors"),
        (cut, "epoch_003.json"),
        (swap, "epoch_003.json"),
        (edit, "epoch_003.json"),
        (Path.unlink, "epoch_003.json"),
    ],
)
def test_what_is_damaged_is_refused_by_name(
    harm: Callable[[Path], None], name: str, tmp_path: Path
) -> None:
    written(tmp_path)
    harm(tmp_path / name)
    store = SnapshotStore(tmp_path)
    with pytest.raises(ConfigError, match=f"{name}: expected"):
        store.read(3)
    assert store.read(1)["fast"].tolist() == [1, 1, 1]
    if (tmp_path / name).exists():
        assert name in "\n".join(store.problems())


def test_nothing_goes_that_a_damaged_index_may_have_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    written(tmp_path)
    cut(tmp_path / "epoch_001.json")
    SnapshotStore(tmp_path).drop([0, 3])
    assert len(list(tmp_path.glob("*.safetensors"))) == 5
    assert "epoch_001.json" in caplog.text


def test_of_several_damaged_indexes_the_first_is_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    written(tmp_path)
    for epoch in (1, 3):
        (tmp_path / f"epoch_00{epoch}.json").write_text("{")
    SnapshotStore(tmp_path).drop([0])
    (message,) = caplog.messages
    assert "snapshots take more space than they need" in message
    assert "epoch_001.json" in message
    assert "epoch_003.json" not in message


def test_what_no_index_names_is_a_problem(tmp_path: Path) -> None:
    written(tmp_path)
    (tmp_path / "epoch_003.json").unlink()
    assert (
        "epoch_003.safetensors: expected only tensors that an index"
        in SnapshotStore(tmp_path).problems()[0]
    )


@pytest.mark.slow
def test_killed_before_any_file_operation_no_kept_epoch_is_lost(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "tests.support.killed_store", str(tmp_path)],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 0, ended.stderr
    assert int(ended.stdout) > 50  # moments at which it was killed
