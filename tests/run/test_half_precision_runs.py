"""Runs with ``dtype: float16``: every file and command around them holds."""

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from tests.support.command import Command, refused
from tests.support.dropping import ONE_STEP
from tests.support.jobs import Job
from tests.support.runs import bits, placed, records

HALF = "policy.rules=[{last: 1, method: train}, {dtype: float16}]"
FULL = "policy.rules=[{last: 1, method: train}, {}]"


def model(folder: Path) -> dict[str, np.ndarray]:
    return load_file(folder / "model.safetensors")


def types(folder: Path) -> dict[str, str]:
    return {name: array.dtype.name for name, array in model(folder).items()}


@pytest.mark.slow
def test_a_run_its_files_and_the_commands_on_it(command: Command) -> None:
    ended = command.train(HALF, "epochs=1")
    assert ended.code == 0, ended.err
    assert "by stop_gradient in float16: conv1.weight" in ended.out
    run = command.folder / "run"
    trained = {"fc3.weight", "fc3.bias"}
    assert {name for name, kind in types(run).items() if kind == "float32"} == trained
    assert command.verify("run").code == 0
    proof = json.loads((run / "proof.json").read_text())
    assert proof["holds"]
    assert {row["name"] for row in proof["tensors"]} == types(run).keys() - trained
    accuracy = json.loads((run / "metrics.jsonl").read_text().splitlines()[-1])["accuracy"]
    assert command.evaluate("run").code == 0
    assert json.loads((run / "evaluation.json").read_text())["accuracy"] == accuracy
    assert command.export("run", "format=safetensors").code == 0
    exported = load_file(run / "export.safetensors")
    assert {array.dtype.name for array in exported.values()} == {"float32"}
    assert all(np.array_equal(exported[name], array) for name, array in model(run).items())
    ended = command.diff("run@0", "run@1")
    assert ended.code == 0, ended.err
    ended = command.train("init_from=run", "new_head=fc3", FULL, "epochs=1", "hydra.run.dir=next")
    assert ended.code == 0, ended.err
    assert set(types(command.folder / "next").values()) == {"float32"}


@pytest.mark.slow
@pytest.mark.parametrize("lines", [[], ["features=store"]])
def test_it_is_the_training_of_the_rounded_weights(command: Command, lines: list[str]) -> None:
    lines = [*lines, "epochs=2"]
    assert placed(command, "half", HALF, *lines)[0] == 0
    start = ["init_from=half@0", "new_head=[]"]
    assert placed(command, "full", FULL, *start, *lines)[0] == 0
    half, full = model(command.folder / "half"), model(command.folder / "full")
    assert all(np.array_equal(half[name], full[name]) for name in full)


@pytest.mark.slow
def test_a_resumed_run_ends_with_the_bits_of_the_second_run_of_a_sweep(command: Command) -> None:
    lines = [HALF, "method=requires_grad", "epochs=1"]
    ended = command.train("-m", *lines, "seed=1,0")
    assert ended.code == 0, ended.err
    code, text = placed(command, "cut", *lines, ONE_STEP)
    assert code == 75, text
    ended = command.resume("cut", "max_minutes=null")
    assert ended.code == 0, ended.err
    cut, (whole,) = command.folder / "cut", (command.folder / "run").glob("*seed=0*")
    assert bits(cut) == bits(whole)
    assert types(cut) == types(whole)
    assert records(cut) == records(whole)
    assert (cut / "proof.json").read_bytes() == (whole / "proof.json").read_bytes()
    assert command.verify("cut").code == 0


@pytest.mark.slow
def test_a_resume_may_change_the_type(command: Command) -> None:
    run = command.folder / "run"
    assert placed(command, "run", HALF, "epochs=1")[0] == 0
    assert command.resume("run", FULL, "epochs=2").code == 2
    for policy, epochs, kinds in ((FULL, 2, {"float32"}), (HALF, 3, {"float16", "float32"})):
        ended = command.resume("run", policy, f"epochs={epochs}", "resume.allow=[policy]")
        assert ended.code == 0, ended.err
        assert set(types(run).values()) == kinds
        assert command.verify("run").code == 0


@pytest.mark.slow
def test_averages_are_of_the_trained_weights_and_measured_with_the_rounded_ones(
    command: Command,
) -> None:
    lines = ["ema.decay=0.99", "epochs=1"]
    assert placed(command, "half", HALF, *lines)[0] == 0
    assert placed(command, "full", FULL, *lines, "init_from=half@0", "new_head=[]")[0] == 0
    half, full = (command.folder / name for name in ("half", "full"))
    averages = load_file(half / "ema.safetensors")
    assert {name: array.dtype.name for name, array in averages.items()} == {
        "fc3.weight": "float32",
        "fc3.bias": "float32",
    }
    assert all(
        np.array_equal(averages[n], a) for n, a in load_file(full / "ema.safetensors").items()
    )
    assert records(half)[-1]["ema"] == records(full)[-1]["ema"]
    ended = command.evaluate("half@ema")
    assert ended.code == 0, ended.err
    measured = json.loads((half / "evaluation.json").read_text())
    assert measured["loss"] == pytest.approx(records(half)[-1]["ema"]["validation_loss"])
    assert command.verify("half").code == 0


@pytest.mark.slow
def test_two_ranks_train_what_one_process_trains(command: Command) -> None:
    lines = (HALF, "ema.decay=0.99", "epochs=1")
    job = Job(
        command.folder, *lines, "distributed=msrun", "distributed.ranks=2", "hydra.run.dir=two"
    )
    assert job.wait() == 0, job.output
    assert placed(command, "one", *lines)[0] == 0
    one, two = command.folder / "one", command.folder / "two"
    assert types(two) == types(one)
    for name, array in model(one).items():
        np.testing.assert_allclose(model(two)[name], array, rtol=1e-5, atol=1e-6, err_msg=name)
    assert json.loads((two / "proof.json").read_text())["holds"]
    assert command.verify("two").code == 0


def test_it_is_refused_where_weights_train(command: Command) -> None:
    ended = refused(command, "policy.rules=[{last: 1, method: train, dtype: float16}, {}]")
    assert "expected dtype: float16 in a rule that freezes, received method: train" in ended.err
    ended = refused(command, "policy.rules=[{last: 1, method: train}, {dtype: half}]")
    assert "policy.rules[1].dtype: expected" in ended.err
