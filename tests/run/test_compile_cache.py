"""The trap T7, and the compile cache that does not fall into it.

What is frozen is no part of the key of MindSpore's own cache; a run with another freeze gets the
graph of the first. Here each graph has a folder of its own.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from mindspore import Tensor, nn

from tests.support.command import CHECKOUT, Command, start, trained
from tests.support.training import changed
from trainer.backend.compile import mindir
from trainer.backend.compile.graph_store import GraphStore
from trainer.backend.execution_mode import PYNATIVE, Mode
from trainer.checkpoint.snapshot_store import SnapshotStore
from trainer.core.run_files import LOG
from trainer.run.compile_cache import _Cached

pytestmark = pytest.mark.slow

SMALL = ("experiment=seed_mindspore", "epochs=1", "batch_size=2", "dataset.samples=4")
OWN = """
from mindspore import nn, ops

class Dropping(nn.Cell):
    def __init__(self):
        super().__init__()
        self.flatten, self.dense = nn.Flatten(), nn.Dense(1024, 10)
        self.dropout = nn.Dropout(p=0.5)

    def construct(self, x):
        return self.dropout(self.dense(self.flatten(x)))

class Noisy(Dropping):
    def construct(self, x):
        return self.dense(self.flatten(x + ops.standard_normal(x.shape)))

class Held(Dropping):
    def __init__(self):
        super().__init__()
        self.lock = object()
"""


def told(run: Path) -> list[str]:
    """What a run's log says of the cache."""
    return re.findall(r"compile cache: (.*)", (run / LOG).read_text())


def bits(run: Path) -> bytes:
    return (run / "model.safetensors").read_bytes()


COMPILED = ["evaluation compiled", "step compiled"]
HITS = ["evaluation cache hit", "step cache hit"]


@pytest.fixture
def folder(tmp_path: Path) -> str:
    """Has the test's graphs kept in a folder of its own."""
    return f"compile_cache.folder={tmp_path / 'graphs'}"


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nets of the user's own, in a module that can be imported."""
    (tmp_path / "own_nets.py").write_text(OWN)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "own_nets", raising=False)


def place(tmp_path: Path, name: str) -> Path:
    found = tmp_path / name
    found.mkdir()
    return found


@pytest.mark.parametrize(
    ("mode", "methods"),
    [
        ("graph", ["none", "stop_gradient", "requires_grad"]),
        ("pynative", ["none", "requires_grad"]),
    ],
)
def test_t7_compile_cache_knows_nothing_of_freezing(
    tmp_path: Path, mode: str, methods: list[str]
) -> None:
    """A second run with another freeze gets the first one's graph, and trains the layer."""
    cache = {"MS_COMPILER_CACHE_ENABLE": "1", "MS_COMPILER_CACHE_PATH": str(tmp_path / "cache")}
    script = str(CHECKOUT / "tests" / "support" / "plain_run.py")
    for method in methods:
        run = [sys.executable, script, method, mode]
        done = subprocess.run(run, env=os.environ | cache, capture_output=True, text=True)
        assert (done.returncode, done.stdout) == (0, "moved\n"), done.stderr


FREEZES = {
    ("freeze=null",): {"conv1.weight", "conv2.weight", "conv3.weight"},
    ("freeze=conv1", "method=stop_gradient"): {"conv2.weight", "conv3.weight"},
    ("freeze=conv2", "method=stop_gradient"): {"conv3.weight"},
    ("freeze=conv1", "method=requires_grad"): {"conv2.weight", "conv3.weight"},
}


def test_t7_each_freeze_has_graphs_of_its_own(
    tmp_path: Path, folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In one folder; whatever the user has set of MindSpore's cache, too."""
    monkeypatch.setenv("MS_COMPILER_CACHE_ENABLE", "1")
    monkeypatch.setenv("MS_COMPILER_CACHE_PATH", str(tmp_path / "theirs"))
    for expected in (COMPILED, HITS):
        for number, (freeze, moved) in enumerate(FREEZES.items()):
            run = trained(place(tmp_path, f"{expected[0]} {number}"), *SMALL, *freeze, folder)
            assert told(run) == expected
            weights = [SnapshotStore(run / "snapshots").read(epoch) for epoch in (0, 1)]
            assert changed(*weights) == moved
            assert json.loads((run / "proof.json").read_text())["holds"]
    assert not (tmp_path / "theirs").exists()


@pytest.mark.parametrize("mode", [PYNATIVE], indirect=True)
def test_t7_each_freeze_has_jitted_functions_of_its_own(
    tmp_path: Path, folder: str, mode: Mode
) -> None:
    lines = (*SMALL, f"device.mode={mode}", folder)
    for expected in (COMPILED, HITS):
        for freeze in ("null", "conv1"):
            run = trained(place(tmp_path, f"{expected[0]} {freeze}"), *lines, f"freeze={freeze}")
            assert told(run) == expected
            weights = [SnapshotStore(run / "snapshots").read(epoch) for epoch in (0, 1)]
            assert ("conv1.weight" in changed(*weights)) == (freeze == "null")


def test_a_second_start_has_the_bits_of_the_first_and_of_none(tmp_path: Path, folder: str) -> None:
    """Two processes at once make the graphs; the others use them, for other weights, too."""
    run = ("trainer", *SMALL, "freeze=conv1", "seed=1", folder)
    first = [start(place(tmp_path, name), *run, "hydra.run.dir=run") for name in "ab"]
    for process in first:
        assert process.communicate()[1] is not None
        assert process.returncode == 0
    third = start(place(tmp_path, "c"), *run, "hydra.run.dir=run")
    without = trained(place(tmp_path, "d"), *run[1:], "compile_cache.use=false")
    assert told(without) == ["not used: compile_cache.use=false"]
    third.communicate()
    assert told(tmp_path / "c/run") == HITS
    assert {bits(tmp_path / name / "run") for name in "abc"} == {bits(without)}

    other = trained(place(tmp_path, "e"), *SMALL, "freeze=conv1", "seed=2", folder)
    alone = trained(
        place(tmp_path, "f"), *SMALL, "freeze=conv1", "seed=2", "compile_cache.use=false"
    )
    assert told(other) == HITS
    assert bits(other) == bits(alone) != bits(without)


@pytest.mark.usefixtures("own")
def test_a_resumed_run_compiles_in_another_order(command: Command, folder: str) -> None:
    """With what a graph changes besides the weights: moments, masks drawn, the loss scale."""
    net = ("model=custom", "model._target_=own_nets.Dropping", "optimizer=adam", "freeze=null")
    whole = (*net, "device.precision=float16", "device.loss_scale=dynamic", "batch_size=512")
    command.train(*whole, "epochs=2", "compile_cache.use=false", "hydra.run.dir=straight")
    command.train(*whole, "epochs=1", folder, "hydra.run.dir=parts")
    command.resume("parts", "epochs=2")
    assert told(command.folder / "parts") == [*COMPILED, "step cache hit", "evaluation cache hit"]
    assert bits(command.folder / "parts") == bits(command.folder / "straight")


def test_a_damaged_entry_is_reported_and_compiled_again(tmp_path: Path, folder: str) -> None:
    run = (*SMALL, folder)
    first = trained(place(tmp_path, "first"), *run)
    for entry in (tmp_path / "graphs").iterdir():
        (entry / "graph.mindir").write_bytes(b"half")
    second = trained(place(tmp_path, "second"), *run)
    assert told(second)[1::2] == COMPILED
    assert all("is not what was written; compiled again" in line for line in told(second)[::2])
    assert told(trained(place(tmp_path, "third"), *run)) == HITS
    assert bits(first) == bits(second)


def test_a_folder_that_cannot_be_written_is_told_once(tmp_path: Path, folder: str) -> None:
    (tmp_path / "graphs").touch()
    run = trained(tmp_path, *SMALL, folder)
    (line,) = [line for line in told(run) if "graphs are not kept" in line]
    assert "Not a directory" in line
    assert (run / "model.safetensors").exists()


def test_a_graph_that_mindspore_cannot_write_whole_is_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut_short(*_: object) -> str:
        raise mindir.IncompleteGraph("Truncated message.")

    monkeypatch.setattr(mindir, "unbound_parameter", cut_short)
    outcome = _Cached(GraphStore(tmp_path, 1e6), "step", nn.ReLU(), dict)(Tensor([-1.0, 2.0]))
    assert outcome.asnumpy().tolist() == [0, 2]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("own")
@pytest.mark.parametrize(
    ("net", "why"),
    [
        ("Noisy", ["not used: the model draws random numbers that are not known"]),
        (
            "Held",
            [
                f"{graph} not used: it is not known how one builtins.object"
                for graph in ("evaluation", "step")
            ],
        ),
    ],
)
def test_what_is_not_sure_is_not_used(
    tmp_path: Path, folder: str, net: str, why: list[str]
) -> None:
    model = ("model=custom", f"model._target_=own_nets.{net}", "freeze=null", "batch_size=512")
    run = trained(tmp_path, *model, "epochs=1", folder)
    assert len(told(run)) == len(why)
    assert all(line.startswith(start) for line, start in zip(told(run), why, strict=True))
    assert not (tmp_path / "graphs").exists()
