"""The key of a cached graph changes with each of the things that the graph depends on."""

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import mindspore as ms
import numpy as np
import pytest
from mindspore import Tensor, nn

from tests.support.nets import TwoConvs
from tests.support.training import plan_of, rule
from trainer.backend.compile import mindir
from trainer.checkpoint import checkpoint
from trainer.config.schema import Settings
from trainer.core import atomic_files, cpu_cores
from trainer.run import compile_cache

SETTINGS = {
    "model": {"_target_": "tests.support.nets.TwoConvs"},
    "dataset": {"_target_": "trainer.datasets.ones.ones"},
    "loss": {"_target_": "mindspore.nn.CrossEntropyLoss"},
    "optimizer": {"_target_": "mindspore.nn.SGD", "lr": 0.1},
    "device": {"target": "cpu"},
    "epochs": 1,
}
FREED = ["MS_COMPILER_CACHE_ENABLE", "MS_COMPILER_CACHE_PATH"]
Keys = Callable[..., str]


class NoGraphs:
    """Stands for a store without graphs; records the keys that it is asked for."""

    def __init__(self) -> None:
        self.keys: list[str] = []

    def read(self, key: str) -> None:
        self.keys.append(key)


@pytest.fixture
def key(monkeypatch: pytest.MonkeyPatch) -> Keys:
    """Returns the key of a graph, given what differs from the usual."""
    for name in FREED:
        monkeypatch.delenv(name, raising=False)
    store = NoGraphs()
    monkeypatch.setattr(compile_cache, "GraphStore", lambda folder, limit: store)
    monkeypatch.setattr(mindir, "call_with_graph", lambda cell, batch, graph: (None, None, False))

    def key(
        settings: dict[str, Any] | None = None,
        frozen: str = "conv1",
        graph: str = "step",
        cell: str = "a fingerprint",
        shape: Sequence[int] = (4, 1, 6, 6),
        dtype: Any = np.float32,
    ) -> str:
        run: Any = SimpleNamespace(repeatable=True, plan=plan_of(TwoConvs(), rule(frozen)))
        cache = compile_cache.of_run(Settings.model_validate(SETTINGS | (settings or {})), run)
        cached = cache.cached(graph, nn.ReLU(), lambda: {"cell": cell})
        cached(Tensor(np.zeros(shape, dtype)))
        return store.keys[-1]

    return key


@pytest.mark.parametrize(
    "changed",
    [
        {"settings": {"device": {"target": "cpu", "precision": "float16"}}},
        {"frozen": "conv2"},
        {"graph": "evaluation"},
        {"cell": "another fingerprint"},
        {"shape": (3, 1, 6, 6)},
        {"dtype": np.float16},
    ],
    ids=lambda changed: "".join(changed),
)
def test_what_a_run_and_its_graphs_differ_in_changes_the_key(
    key: Keys, changed: dict[str, Any]
) -> None:
    assert key() == key() != key(**changed)


@pytest.mark.parametrize("name", ["MS_DEV_SOMETHING", "ONEDNN_MAX_CPU_ISA", "DNNL_VERBOSE"])
def test_so_does_the_environment(key: Keys, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    before = key()
    monkeypatch.setenv(name, "another value")
    changed = key()
    monkeypatch.setenv(name, "a third value")
    assert len({before, changed, key()}) == 3


def test_so_do_versions(key: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    before = key()
    versions = checkpoint.versions() | {"mindspore": "2.10.1"}
    monkeypatch.setattr(checkpoint, "versions", lambda: versions)
    assert key() != before


def test_the_number_of_cores_changes_no_graph(key: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    before = key()
    monkeypatch.setattr(cpu_cores, "used", lambda: 99)
    assert key() == before


def test_so_does_each_source_file_of_the_trainer(
    key: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, digest = key(), atomic_files.digest

    def changed(path: Any, *args: Any) -> str:
        return "changed" if path.parts[-3:-1] == ("trainer", "engine") else digest(path, *args)

    monkeypatch.setattr(atomic_files, "digest", changed)
    assert key() != before


def test_epochs_seed_and_other_variables_do_not(key: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    before = key()
    monkeypatch.setenv("SOME_VARIABLE", "another value")
    monkeypatch.setenv("MS_COMPILER_CACHE_PATH", "another folder")
    assert key(settings={"seed": 7, "epochs": 3}) == before
    assert ms.get_context("device_target") == "CPU"
