"""What a word for weights refers to, and what is offered where it refers to nothing."""

from pathlib import Path

import numpy as np
import pytest

from trainer.checkpoint import checkpoint_index, weights_ref
from trainer.checkpoint.checkpoint import Checkpoint
from trainer.checkpoint.pretrained import source
from trainer.checkpoint.snapshot_store import SnapshotStore
from trainer.core import tensors
from trainer.core.errors import ConfigError
from trainer.core.tensors import Weights
from trainer.engine.progress import Progress


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two runs, one of them without snapshots and model, and a file."""
    for name in ("runs/a", "runs/bare"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "plan.json").write_text("{}")
    store = SnapshotStore(tmp_path / "runs/a/snapshots")
    for epoch in (0, 5, 10):
        store.write(epoch, {"w": np.full(2, epoch, np.float32)})
    for name in ("runs/a/model", "alone"):
        tensors.write(tmp_path / f"{name}.safetensors", {"w": np.full(2, -1, np.float32)})
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("text", "value", "run"),
    [
        ("runs/a@0", 0, "runs/a"),
        ("runs/a@5", 5, "runs/a"),
        ("runs/a@last", 10, "runs/a"),
        ("runs/a", -1, "runs/a"),
        ("runs/a/", -1, "runs/a"),
        ("runs/a/model.safetensors", -1, "runs/a"),
        ("alone.safetensors", -1, None),
    ],
)
def test_what_a_word_refers_to(folder: Path, text: str, value: int, run: str | None) -> None:
    found = weights_ref.find(text)
    assert found.weights()["w"].tolist() == [value, value]
    assert found.run == (Path(run) if run else None)


def test_so_is_a_checkpoint_what_is_frozen_in_it_included(folder: Path) -> None:
    weights: Weights = {"w": np.ones(2, np.float32), "f": np.zeros(2, np.float32)}
    saved = Checkpoint(Progress(1), weights, {}, {"f": "its hash"}, {}, {}, 1, {})
    checkpoint_index.save(folder / "runs/a/checkpoints", saved)
    referred = weights_ref.find(f"runs/a/checkpoints/{saved.name}")
    found = referred.weights()
    assert referred.run == Path("runs/a")
    assert {name: array.tolist() for name, array in found.items()} == {"w": [1, 1], "f": [0, 0]}
    assert source.find(f"runs/a/checkpoints/{saved.name}").weights.keys() == weights.keys()


@pytest.mark.parametrize("name", ["weights", "frozen"])
def test_a_checkpoint_that_is_not_whole_is_a_mistake(folder: Path, name: str) -> None:
    weights: Weights = {"w": np.ones(2, np.float32), "f": np.zeros(2, np.float32)}
    saved = Checkpoint(Progress(1), weights, {}, {"f": "its hash"}, {}, {}, 1, {})
    checkpoint_index.save(folder / "runs/a/checkpoints", saved, 0.5)
    (folder / f"runs/a/checkpoints/{saved.name}/{name}.safetensors").unlink()
    for text in ("runs/a@best", f"runs/a/checkpoints/{saved.name}"):
        with pytest.raises(ConfigError, match=f"{name}.safetensors: No such file"):
            weights_ref.find(text).weights()


def test_the_best_is_a_checkpoint(folder: Path) -> None:
    with pytest.raises(ConfigError, match="expected a run with a best checkpoint"):
        weights_ref.find("runs/a@best")
    for epoch, metric in enumerate([0.5, 0.1, 0.3]):
        weights: Weights = {"w": np.full(2, epoch, np.float32)}
        saved = Checkpoint(Progress(epoch), weights, {}, {}, {}, {}, 1, {})
        checkpoint_index.save(folder / "runs/a/checkpoints", saved, metric)
    assert weights_ref.find("runs/a@best").weights()["w"].tolist() == [1, 1]


def test_a_file_may_have_an_at_in_its_name(folder: Path) -> None:
    (folder / "alone.safetensors").rename(folder / "a@5")
    assert weights_ref.find("a@5").weights()["w"].tolist() == [-1, -1]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "runs/a@7",
            "expected an epoch that runs/a retained (0, 5, 10, last or best), received 'runs/a@7'",
        ),
        ("runs/a@", "(0, 5, 10, last or best), received 'runs/a@'"),
        ("runs/a@" + 100 * "9", "(0, 5, 10, last or best)"),
        ("runs/b@0", "received 'runs/b', which does not exist (known: a, bare)"),
        ("runs/bare@0", "received 'runs/bare@0'; runs/bare has none"),
        ("runs/bare", "expected model.safetensors in runs/bare, which has none"),
        ("runs", "received 'runs', which holds no plan.json (runs in it: a, bare)"),
        ("runs/aa", "folder or a safetensors file, received 'runs/aa' (nearest: a)"),
        ("alon.safetensors", "(nearest: alone.safetensors)"),
        ("no/such/place", "received 'no/such/place'"),
    ],
)
def test_what_refers_to_nothing_is_a_mistake(folder: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        weights_ref.find(text, "init_from")
    (problem,) = caught.value.problems
    assert problem.startswith("init_from: expected ")
    assert said in problem
