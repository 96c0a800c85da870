"""Clipping, accumulation, averages and a schedule together: in runs that stop, share and divide."""

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from tests.support.command import Command, trained
from tests.support.dropping import OWN, OWN_LINES
from tests.support.jobs import Job
from tests.support.runs import bits, placed, records

pytestmark = pytest.mark.slow

ALL = (
    "gradient.clip=norm",
    "gradient.clip_value=0.5",
    "gradient.accumulation_steps=2",
    "ema.decay=0.9",
    "ema.warmup=true",
    "schedule=cosine",
)
LINES = (*OWN_LINES, "+dataset.noise=false", "batch_size=8", "epochs=2", *ALL)
PLAIN = "model._target_=own_dropping.Plain"


@pytest.fixture
def own(command: Command) -> Path:
    """The folder of the commands, with a model and data that can be imported."""
    command.add_module("own_dropping", OWN)
    return command.folder


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run with all settings in one process, of a model without dropout."""
    folder = tmp_path_factory.mktemp("alone")
    with pytest.MonkeyPatch.context() as patch:
        (folder / "own_dropping.py").write_text(OWN)
        patch.syspath_prepend(folder)
        patch.delitem(sys.modules, "own_dropping", raising=False)
        return trained(folder, *LINES, PLAIN, "seed=0")


def averages(folder: Path) -> dict[str, bytes]:
    return {name: a.tobytes() for name, a in load_file(folder / "ema.safetensors").items()}


def assert_same(one: Path, other: Path) -> None:
    assert bits(one) == bits(other)
    assert averages(one) == averages(other)
    assert records(one) == records(other)


def test_a_run_that_stops_after_single_steps_ends_with_the_same_bits(
    command: Command, own: Path
) -> None:
    """An epoch has three batches: an update over two, and one over the one that is left."""
    assert placed(command, "whole", *LINES)[0] == 0
    for _ in range(3):
        code, output = placed(command, "cut", *LINES, "max_minutes=1e-9")
        assert code == 75, output
    resumed = command.resume("cut", "max_minutes=null")
    assert resumed.code == 0, resumed.err
    assert_same(own / "whole", own / "cut")
    lines = records(own / "whole")
    assert [line["steps"] for line in lines] == [0, 2, 2]
    assert lines[1]["ema"]["validation_loss"] != lines[1]["validation_loss"]
    assert 0 < lines[1]["gradient_norm"]["mean"] <= lines[1]["gradient_norm"]["max"]
    assert command.verify(str(own / "cut")).code == 0


def test_a_run_with_nothing_left_to_train_leaves_the_averages_of_its_checkpoint(
    command: Command, own: Path, alone: Path
) -> None:
    """As one that was killed while it wrote its last files."""
    shutil.copytree(alone, own / "run")
    before = averages(own / "run")
    for name in ("manifest.json", "ema.safetensors"):
        (own / "run" / name).unlink()
    resumed = command.resume("run")
    assert resumed.code == 0, resumed.err
    assert averages(own / "run") == before != bits(own / "run")


def test_averages_are_weights_of_the_run_wherever_weights_are_named(
    command: Command, own: Path
) -> None:
    assert placed(command, "run", *LINES, "freeze=first")[0] == 0
    trained = load_file(own / "run/ema.safetensors")
    assert not [name for name in trained if name.startswith("first")]
    assert {"rest.0.gamma", "rest.0.moving_mean", "rest.0.moving_variance"} <= trained.keys()
    evaluated = command.evaluate("run@ema")
    assert evaluated.code == 0, evaluated.err
    measured = json.loads((own / "run/evaluation.json").read_text())
    assert measured["loss"] == pytest.approx(records(own / "run")[-1]["ema"]["validation_loss"])
    exported = command.export("run@ema", "format=safetensors")
    assert exported.code == 0, exported.err
    whole = load_file(own / "run/export.safetensors")
    assert all((whole[name] == array).all() for name, array in trained.items())
    model = load_file(own / "run/model.safetensors")
    assert (whole["first.weight"] == model["first.weight"]).all()
    difference = command.diff("run", "run@ema")
    assert "frozen and equal: 2 tensors" in difference.out
    assert placed(command, "next", *LINES, "init_from=run@ema", "epochs=1")[0] == 0
    plain = command.evaluate("next@last")
    assert plain.code == 0, plain.err


def test_a_run_without_averages_says_so(command: Command, own: Path) -> None:
    without = "ema.decay=null", "ema.warmup=false"
    assert placed(command, "run", *LINES, *without, "epochs=1")[0] == 0
    assert not (own / "run/ema.safetensors").exists()
    evaluated = command.evaluate("run@ema")
    assert evaluated.code == 2
    assert "expected a run with averaged weights, received 'run@ema'" in evaluated.err


def test_jobs_that_share_a_process_end_as_if_they_ran_alone(
    command: Command, own: Path, alone: Path
) -> None:
    sweep = command.train("-m", *LINES, PLAIN, "seed=0,1", "hydra.sweep.dir=sweep")
    assert sweep.code == 0, sweep.err
    code, output = placed(command, "other", *LINES, PLAIN, "seed=1")
    assert code == 0, output
    assert_same(alone, own / "sweep/seed=0")
    assert_same(own / "other", own / "sweep/seed=1")


def test_stored_features_change_nothing(command: Command) -> None:
    lines = ("freeze=[conv1,conv2,fc1]", "epochs=2", *ALL, "gradient.accumulation_steps=4")
    assert placed(command, "off", *lines, "features=off")[0] == 0
    code, output = placed(command, "stored", *lines, "features=store", "features.folder=cache")
    assert code == 0, output
    assert_same(command.folder / "off", command.folder / "stored")


def test_two_ranks_are_one_process_and_resume_to_their_own_bits(own: Path, alone: Path) -> None:
    two = ("distributed=msrun", *LINES, PLAIN)
    whole = Job(own, *two, "hydra.run.dir=two")
    assert whole.wait() == 0, whole.output
    for name in ("model.safetensors", "ema.safetensors"):
        pair = load_file(alone / name), load_file(own / "two" / name)
        for key, array in pair[0].items():
            np.testing.assert_allclose(array, pair[1][key], rtol=1e-5, atol=1e-6, err_msg=key)
    stopped = Job(own, *two, "hydra.run.dir=cut", "checkpoint.every_steps=1", "max_minutes=1e-9")
    assert stopped.wait() == 75, stopped.output
    resumed = Job(own, "resume=cut", "max_minutes=null", "checkpoint.every_steps=null")
    assert resumed.wait() == 0, resumed.output
    assert_same(own / "two", own / "cut")


def test_another_accumulation_starts_the_epoch_again(command: Command, own: Path) -> None:
    code, output = placed(command, "cut", *LINES, "max_minutes=1e-9")
    assert code == 75, output
    other = ("gradient.accumulation_steps=1", "max_minutes=null")
    refused = command.resume("cut", *other)
    assert refused.code == 2
    assert "resume.allow=[gradient]" in refused.err
    resumed = command.resume("cut", *other, "resume.allow=[gradient]")
    assert resumed.code == 0, resumed.err
    assert [line["steps"] for line in records(own / "cut")] == [0, 3, 3]


def test_bad_values_are_reported_together_and_too_large_an_update_with_the_data(
    command: Command, own: Path
) -> None:
    bad = ("gradient.clip=norm", "gradient.clip_value=null", "ema.decay=1", "ema.warmup=-1")
    code, output = placed(command, "bad", *LINES, *bad)
    assert code == 2
    assert "expected gradient.clip_value with clip=norm, received none" in output
    assert "ema.decay: expected less than 1" in output
    assert "ema.warmup: expected true, false, or a whole number of at least 1" in output
    code, output = placed(command, "large", *LINES, "gradient.accumulation_steps=4")
    assert code == 2
    assert "accumulation_steps: expected at most 3, the batches of an epoch, received 4" in output
