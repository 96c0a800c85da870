"""Runs of several phases in each mode and by each method, by two ranks, and in one process."""

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from tests.support.command import Command, trained
from tests.support.phased import LINES, PHASES, read, weights_after
from tests.support.runs import bits, records
from trainer.backend.execution_mode import Mode
from trainer.core.tensors import Weights

pytestmark = pytest.mark.slow

AGAIN = ("conv1.weight", "conv1.bias", "conv2.weight", "conv2.bias")
EMA = "ema.decay=0.9"


def assert_freezes_again(run: Path) -> Weights:
    """What is frozen in the last phase is as it was at its start; return the weights."""
    end = load_file(run / "model.safetensors")
    for name in AGAIN:
        assert weights_after(run, 2)[name].tobytes() == end[name].tobytes()
    return end


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Weights:
    return assert_freezes_again(trained(tmp_path_factory.mktemp("graph"), *LINES))


def assert_close(one: Weights, other: Weights) -> None:
    for name, array in one.items():
        largest = float(np.abs(array).max())
        np.testing.assert_allclose(
            np.asarray(other[name], np.float32),
            np.asarray(array, np.float32),
            atol=1e-5 * largest,
            rtol=0,
        )


@pytest.mark.parametrize("mode", ["pynative", "eager"], indirect=True)
def test_each_mode_ends_with_the_same_weights(graph: Weights, mode: Mode, tmp_path: Path) -> None:
    assert_close(graph, assert_freezes_again(trained(tmp_path, *LINES, f"device.mode={mode}")))


def test_each_method_ends_with_the_same_weights(graph: Weights, tmp_path: Path) -> None:
    assert_close(graph, assert_freezes_again(trained(tmp_path, *LINES, "method=requires_grad")))


def test_two_ranks_change_phases_together(command: Command) -> None:
    lines = "distributed=msrun", "distributed.ranks=2", "hydra.run.dir=run"
    ended = command.train(PHASES, "epochs=3", EMA, *lines)
    assert ended.code == 0, ended.out + ended.err
    run = command.folder / "run"
    assert_freezes_again(run)
    assert [c["phase"] for c in read(run, "proof.json")["chapters"]] == ["head", "all"]
    ended = command.verify("run")
    assert ended.code == 0, ended.out


def test_jobs_of_a_sweep_in_one_process_are_as_runs_alone(command: Command) -> None:
    """A run without phases comes first, whose graphs fit the first phase of the others."""
    common = "epochs=3", EMA, "policy=none", "optimizer=adamw"
    ended = command.train("-m", "phases=progressive_freezing,none,lp_ft", *common)
    assert ended.code == 0, ended.out + ended.err
    for name in ("progressive_freezing", "none", "lp_ft"):
        job = next(path for path in (command.folder / "run").iterdir() if path.name.endswith(name))
        (command.folder / name).mkdir()
        alone = trained(command.folder / name, f"phases={name}", *common)
        assert bits(job) == bits(alone)
        assert records(job) == records(alone)
        averages = [(folder / "ema.safetensors").read_bytes() for folder in (job, alone)]
        assert averages[0] == averages[1]
