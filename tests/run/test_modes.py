"""Runs in each execution mode: the same weights, the same proof, and resumes with the same bits."""

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from tests.support.command import Command, start
from tests.support.dropping import ONE_STEP, OWN, OWN_LINES
from tests.support.runs import bits, placed, records
from trainer.backend import execution_mode
from trainer.backend.execution_mode import Mode

TOLERANCE = 1e-5  # of a tensor's largest value


def assert_agree(one: Path, other: Path, frozen: set[str]) -> None:
    """Check that the weights of two runs agree, those of frozen tensors bit for bit."""
    first, second = (load_file(run / "model.safetensors") for run in (one, other))
    assert first.keys() == second.keys()
    for name, array in first.items():
        if name in frozen:
            assert array.tobytes() == second[name].tobytes(), name
        assert np.abs(array - second[name]).max() <= TOLERANCE * np.abs(array).max(), name


@pytest.mark.slow
def test_weights_agree_between_modes(command: Command, finished: Path, mode: Mode) -> None:
    code, screen = placed(command, "run", "freeze=conv1", "epochs=1", f"device.mode={mode}")
    assert code == 0, screen
    assert f"cpu, {execution_mode.description(mode)}, " in screen
    assert_agree(command.folder / "run", finished, {"conv1.weight", "conv1.bias"})
    verified = command.verify("run")
    assert verified.code == 0, verified.err


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["pynative", "eager"], indirect=True)
def test_a_resumed_run_ends_with_the_same_bits(command: Command, mode: Mode) -> None:
    """The model has dropout and batch normalisation, the data have noise."""
    command.add_module("own_dropping", OWN)
    lines = [*OWN_LINES, "epochs=2", "optimizer=adam", f"device.mode={mode}"]
    assert placed(command, "whole", *lines)[0] == 0
    code, screen = placed(command, "cut", *lines, ONE_STEP)
    assert code == 75, screen
    ended = command.resume("cut", "max_minutes=null")
    assert ended.code == 0, ended.err
    whole, cut = command.folder / "whole", command.folder / "cut"
    assert bits(cut) == bits(whole)
    assert records(cut) == records(whole)
    assert (cut / "proof.json").read_bytes() == (whole / "proof.json").read_bytes()


@pytest.mark.slow
def test_a_resume_in_another_mode_is_refused_unless_allowed(command: Command, done: Path) -> None:
    ended = command.resume("run", "device.mode=eager", "epochs=2")
    assert ended.code == 2
    assert "device.mode: graph -> eager" in ended.err
    assert "resume.allow=[device]" in ended.err
    ended = command.resume("run", "device.mode=pynative", "epochs=2", "resume.allow=[device]")
    execution_mode.select("graph")
    assert ended.code == 0, ended.err
    assert len(records(done)) == 3


RECIPE = (
    "freeze=[conv1,conv2]",
    "features=store",
    "optimizer=adamw",
    "optimizer.lr=0.001",
    "schedule=cosine",
    "gradient.clip=norm",
    "gradient.clip_value=1",
    "gradient.accumulation_steps=3",
    "ema.decay=0.9",
    "epochs=1",
)


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["pynative", "eager"], indirect=True)
def test_a_recipe_on_stored_features_agrees(command: Command, mode: Mode) -> None:
    runs = {}
    for name in ("graph", mode):
        code, screen = placed(command, name, *RECIPE, f"device.mode={name}")
        assert code == 0, screen
        assert "averaged" in screen
        runs[name] = command.folder / name
    frozen = {f"{cell}.{kind}" for cell in ("conv1", "conv2") for kind in ("weight", "bias")}
    assert_agree(runs["graph"], runs[mode], frozen)


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["pynative", "eager"], indirect=True)
def test_the_commands_work_in_each_mode(command: Command, run: str, mode: Mode) -> None:
    accuracy = command.evaluate(run, "out=one").out.split("accuracy")[1].split()[0]
    evaluated = command.evaluate(run, f"device.mode={mode}", "out=two")
    assert evaluated.out.split("accuracy")[1].split()[0] == accuracy
    exported = command.export(run, "format=mindir", f"device.mode={mode}")
    assert exported.code == 0, exported.err
    found = command.lr_find("freeze=conv1", "steps=10", f"device.mode={mode}")
    assert found.code == 0, found.err
    probed = command.probe("freeze=conv1", "method=requires_grad", f"device.mode={mode}")
    assert probed.code == 0, probed.err


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["pynative", "eager"], indirect=True)
def test_a_loss_that_is_not_finite_changes_nothing(command: Command, mode: Mode) -> None:
    lines = ("freeze=conv1", "epochs=1", "optimizer.lr=1e30", f"device.mode={mode}")
    code, screen = placed(command, "run", *lines)
    assert code == 4, screen
    assert "Likely: optimizer.lr is too high" in screen


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["pynative"], indirect=True)
def test_two_ranks_agree_with_one_process(command: Command, finished: Path, mode: Mode) -> None:
    ranks = ("distributed=msrun", "distributed.ranks=2")
    lines = ("trainer", "freeze=conv1", "epochs=1", f"device.mode={mode}", *ranks)
    ended = start(command.folder, *lines, "hydra.run.dir=run")
    _, errors = ended.communicate()
    assert ended.returncode == 0, errors
    assert_agree(command.folder / "run", finished, {"conv1.weight", "conv1.bias"})
