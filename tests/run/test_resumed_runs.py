"""Runs that go on: the same bits as without a stop, in mid-epoch too, and what may have changed."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from tests.support.command import Command
from tests.support.dropping import ONE_STEP, OWN, OWN_LINES
from tests.support.runs import bits, contents, placed, records


@pytest.fixture
def own(command: Command) -> None:
    """A net with dropout and data with noise, importable."""
    command.add_module("own_dropping", OWN)


def assert_goes_on(command: Command, *lines: str) -> None:
    """Run once in one go and once stopped after the first and the second step; compare."""
    whole, cut = command.folder / "whole", command.folder / "cut"
    assert placed(command, "whole", *lines)[0] == 0
    for _ in range(2):
        code, said = placed(command, "cut", *lines, ONE_STEP)
        assert code == 75, said
        assert "stopped by max_minutes" in said
    ended = command.resume("cut", "max_minutes=null")
    assert ended.code == 0, ended.err
    assert bits(cut) == bits(whole)
    assert records(cut) == records(whole)
    assert (cut / "proof.json").read_bytes() == (whole / "proof.json").read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize(
    "lines",
    [
        ["freeze=conv1", "epochs=2"],
        ["freeze=null", "epochs=1", "optimizer=adam"],
        ["freeze=conv1", "epochs=1", "optimizer=lamb", "optimizer.no_decay=[bias]"],
        ["epochs=1", "schedule=custom", "schedule._target_=tests.support.schedules.linear"],
        ["epochs=1", "device.precision=float16", "device.loss_scale=dynamic"],
        ["experiment=seed_mindspore", "epochs=4", "dataset.samples=4"],
        ["experiment=seed_pytorch", "freeze=f1", "epochs=4", "dataset.samples=4"],
    ],
)
def test_shipped_models_end_with_the_same_bits(command: Command, lines: list[str]) -> None:
    assert_goes_on(command, *lines)


@pytest.mark.slow
@pytest.mark.usefixtures("own")
def test_so_does_a_net_with_dropout_and_data_with_noise(command: Command) -> None:
    assert_goes_on(command, *OWN_LINES, "epochs=2")


@pytest.mark.slow
@pytest.mark.usefixtures("own")
def test_what_draws_unseen_is_told_at_the_start(command: Command) -> None:
    lines = [*OWN_LINES, "model._target_=own_dropping.Unseen", "epochs=1"]
    code, said = placed(command, "run", *lines)
    assert code == 0, said
    assert "not exact: the model draws random numbers that cannot be restored" in said


@pytest.mark.slow
def test_longer_training_is_as_if_it_had_been_meant_from_the_start(
    command: Command, done: Path
) -> None:
    assert placed(command, "long", "freeze=conv1", "epochs=3")[0] == 0
    ended = command.resume("run", "epochs=3", "snapshot.keep=last")
    assert ended.code == 0, ended.err
    assert "resume     after epoch 1 and 0 more steps" in ended.out
    assert bits(done) == bits(command.folder / "long")
    assert records(done) == records(command.folder / "long")
    log = (done / "train.log").read_text()
    assert log.count("epoch   1  ") == 1


def test_a_run_that_is_done_is_left_as_it_is(command: Command, done: Path) -> None:
    before = contents(done)
    code, said = placed(command, "run", "freeze=conv1", "epochs=1")
    assert code == 0, said
    assert "already finished (1 epoch)" in said
    assert contents(done) == before, "its manifest too, whose checksum may be noted elsewhere"


def test_another_policy_is_refused_with_the_difference(command: Command, done: Path) -> None:
    ended = command.resume("run", "freeze=conv2", "optimizer.lr=0.5", "epochs=2")
    assert ended.code == 2
    assert "freeze: ['conv1'] -> ['conv2']" in ended.err
    assert "optimizer.lr: 0.01 -> 0.5" in ended.err
    assert "resume.allow=[policy]" in ended.err
    assert len(records(done)) == 2


@pytest.mark.slow
def test_an_allowed_policy_opens_a_chapter_of_the_proof(command: Command, done: Path) -> None:
    first = load_file(done / "model.safetensors")
    lines = ["freeze=conv2", "method=requires_grad", "epochs=2", "resume.allow=[policy]"]
    ended = command.resume("run", *lines)
    assert ended.code == 0, ended.err
    last = load_file(done / "model.safetensors")
    still = {name for name in first if np.array_equal(first[name], last[name])}
    assert still == {"conv2.weight", "conv2.bias"}
    proof = json.loads((done / "proof.json").read_text())
    assert proof["holds"]
    assert [row["name"] for row in proof["tensors"]] == ["conv2.weight", "conv2.bias"]
    (chapter,) = proof["chapters"]
    assert (chapter["epochs"], chapter["steps"]) == (1, 0)
    assert [row["name"] for row in chapter["tensors"]] == ["conv1.weight", "conv1.bias"]
    again = command.resume("run", "epochs=3")
    assert again.code == 0, again.err
    assert "pattern 'conv2' by requires_grad" in again.out, "what was allowed is the run's own now"
    assert len(json.loads((done / "proof.json").read_text())["chapters"]) == 1


@pytest.mark.slow
def test_chapters_are_neither_lost_nor_doubled_by_kills(command: Command, done: Path) -> None:
    shutil.copytree(done / "checkpoints", command.folder / "before")
    lines = ["freeze=conv2", "epochs=2", "resume.allow=[policy]"]
    for words in (lines, []):  # the second time as if the first had been killed before it saved
        ended = command.resume("run", *words, ONE_STEP)
        assert ended.code == 75, ended.err
        after = command.folder / "after"
        shutil.rmtree(after, ignore_errors=True)
        (done / "checkpoints").rename(after)
        shutil.copytree(command.folder / "before", done / "checkpoints")
    shutil.rmtree(done / "checkpoints")
    (command.folder / "after").rename(done / "checkpoints")
    ended = command.resume("run", "max_minutes=null")
    assert ended.code == 0, ended.err
    proof = json.loads((done / "proof.json").read_text())
    assert [(c["epochs"], c["steps"]) for c in proof["chapters"]] == [(1, 0)]


@pytest.mark.slow
def test_another_net_and_other_data_may_be_allowed(command: Command) -> None:
    assert placed(command, "run", "epochs=1", "optimizer=adam")[0] == 0
    before = load_file(command.folder / "run/model.safetensors")
    lines = ["model.num_classes=12", "batch_size=16", "epochs=2", "optimizer.lr=0"]
    ended = command.resume("run", *lines)
    assert ended.code == 2
    assert "resume.allow=[model]" in ended.err
    assert "resume.allow=[dataset]" in ended.err
    ended = command.resume("run", *lines, "resume.allow=[model,dataset,optimizer]")
    assert ended.code == 0, ended.err
    after = load_file(command.folder / "run/model.safetensors")
    assert after["fc3.bias"].shape == (12,)
    assert np.array_equal(before["fc2.weight"], after["fc2.weight"])


@pytest.mark.slow
@pytest.mark.usefixtures("done")
def test_fewer_epochs_than_have_begun_are_refused(command: Command) -> None:
    assert command.resume("run", "epochs=2").code == 0
    ended = command.resume("run", "epochs=1")
    assert ended.code == 2
    assert "epochs: expected at least 2, which have begun, received 1" in ended.err


@pytest.mark.slow
def test_a_run_killed_in_its_first_epoch_has_no_epoch_twice(
    command: Command, done: Path, finished: Path
) -> None:
    index = done / "checkpoints/index.json"
    first = {"kept": json.loads(index.read_text())["kept"][:1]}  # as it was during that epoch
    index.write_text(json.dumps(first))
    (done / "manifest.json").unlink()
    ended = command.resume("run")
    assert ended.code == 0, ended.err
    assert "resume     after epoch 0 and 0 more steps" in ended.out
    assert records(done) == records(finished)
    assert bits(done) == bits(finished)


@pytest.mark.slow
def test_a_run_that_saved_nothing_is_begun_again(command: Command, finished: Path) -> None:
    (command.folder / "run/.hydra").mkdir(parents=True)
    assert placed(command, "run", "freeze=conv1", "epochs=1")[0] == 0
    assert bits(command.folder / "run") == bits(finished)


@pytest.mark.usefixtures("done")
def test_a_sweep_cannot_be_resumed_as_one_run(command: Command) -> None:
    ended = command.train("-m", "resume=run", "seed=0,1")
    assert ended.code == 2
    assert "expected one run to resume, received -m" in ended.err
