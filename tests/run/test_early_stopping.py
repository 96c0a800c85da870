"""Runs that end before their time, by the monitored value or by steps, and go on."""

import json
from pathlib import Path
from typing import Any

import pytest
from safetensors.numpy import load_file

from tests.support.command import Command
from tests.support.dropping import ONE_STEP, OWN, OWN_LINES
from tests.support.runs import bits, contents, placed, records
from trainer.checkpoint import checkpoint_index

SHORT = "limit_train_batches=2", "limit_validation_batches=2", "epochs=9"
STOPS = "early_stopping.patience=1", "evaluation.monitor=accuracy", "early_stopping.min_delta=0.5"


def result(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / "result.json").read_text()))


@pytest.mark.slow
def test_a_run_stops_early_and_is_left_as_it_is(command: Command) -> None:
    code, said = placed(command, "run", *SHORT, *STOPS, "early_stopping.restore_best=true")
    assert code == 0, said
    why = "stopped early: accuracy has not improved by more than 0.5 in 1 evaluation; the best is"
    assert why in said
    folder = command.folder / "run"
    assert why in (folder / "train.log").read_text()
    status = json.loads((folder / "status.json").read_text())
    assert (status["state"], status["code"]) == ("done", 0)
    assert status["why"].startswith(why)
    ended, last = result(folder), records(folder)[-1]["epoch"]
    assert (ended["ended"], ended["end"]["epochs"]) == ("early_stopping", last)
    values = [line["accuracy"] for line in records(folder)]
    assert ended["value"] == max(values[1:]) == values[ended["weights"]["epochs"]]
    before = contents(folder)
    again = command.resume("run")
    assert (again.code, contents(folder)) == (0, before)
    assert "already finished (stopped early: accuracy" in again.out
    assert command.verify("run").code == 0


@pytest.mark.slow
def test_the_final_weights_are_those_of_the_best_evaluation(command: Command) -> None:
    lines = "evaluation.every_steps=1", "optimizer.lr=0.3", "early_stopping.restore_best=true"
    assert placed(command, "run", *SHORT, *lines, "epochs=3")[0] == 0
    folder, rows = command.folder / "run", records(command.folder / "run")[1:]
    best = result(folder)
    losses = {(row["epoch"], 0): row["validation_loss"] for row in rows}
    losses |= {
        (row["epoch"] - 1, each["step"]): each["validation_loss"]
        for row in rows
        for each in row["evaluations"]
    }
    moment = best["weights"]["epochs"], best["weights"]["steps"]
    assert losses[moment] == best["value"] == min(losses.values())
    stored = checkpoint_index.best(folder / "checkpoints")
    assert stored is not None
    assert stored.name == f"epoch_{moment[0]:05d}_step_{moment[1]:08d}"
    trained = load_file(stored / "weights.safetensors")
    assert {name: array.tobytes() for name, array in trained.items()}.items() <= bits(
        folder
    ).items()
    assert command.verify("run").code == 0


@pytest.mark.slow
def test_a_cut_run_stops_where_the_whole_one_does(command: Command) -> None:
    lines = *SHORT, *STOPS, "evaluation.every_steps=1", "early_stopping.patience=3"
    assert placed(command, "whole", *lines)[0] == 0
    for _ in range(3):
        assert placed(command, "cut", *lines, ONE_STEP)[0] == 75
    ended = command.resume("cut", "max_minutes=null")
    assert ended.code == 0, ended.err
    whole, cut = command.folder / "whole", command.folder / "cut"
    assert bits(cut) == bits(whole)
    assert records(cut) == records(whole)
    assert result(cut) == result(whole)
    assert result(whole)["ended"] == "early_stopping"


@pytest.mark.slow
def test_patience_that_is_raised_lets_a_stopped_run_go_on(command: Command) -> None:
    assert placed(command, "run", *SHORT, *STOPS, "epochs=4")[0] == 0
    assert result(command.folder / "run")["ended"] == "early_stopping"
    assert command.resume("run", "early_stopping.patience=null").code == 0
    assert placed(command, "whole", *SHORT, "evaluation.monitor=accuracy", "epochs=4")[0] == 0
    assert bits(command.folder / "run") == bits(command.folder / "whole")
    assert result(command.folder / "run")["ended"] == "epochs"


@pytest.mark.slow
def test_a_run_of_some_steps_ends_within_an_epoch_and_goes_on(command: Command) -> None:
    lines = "limit_train_batches=3", "epochs=3", "evaluation.every_epochs=2"
    code, said = placed(command, "run", *lines, "max_steps=4")
    assert code == 0, said
    folder = command.folder / "run"
    assert (result(folder)["ended"], result(folder)["end"]) == (
        "max_steps",
        {"epochs": 1, "steps": 1},
    )
    assert [(row["steps"], row["accuracy"] is not None) for row in records(folder)] == [
        (0, True),
        (3, False),
        (1, True),
    ]
    assert command.verify("run").code == 0
    assert "already finished" in command.resume("run").out
    refused = command.resume("run", "max_steps=2")
    assert refused.code == 2
    assert "max_steps: expected at least 4, which have been taken, received 2" in refused.err
    assert command.resume("run", "max_steps=null").code == 0
    assert placed(command, "whole", *lines)[0] == 0
    assert bits(folder) == bits(command.folder / "whole")
    assert records(folder) == records(command.folder / "whole")


@pytest.mark.slow
def test_evaluations_within_an_epoch_change_no_bit(command: Command) -> None:
    command.add_module("own_dropping", OWN)
    assert placed(command, "plain", *OWN_LINES, "epochs=2")[0] == 0
    assert placed(command, "often", *OWN_LINES, "epochs=2", "evaluation.every_steps=1")[0] == 0
    assert bits(command.folder / "plain") == bits(command.folder / "often")


@pytest.mark.slow
def test_overfitting_validates_on_the_batches_it_trains_on(command: Command) -> None:
    code, said = placed(command, "run", "overfit_batches=1", "epochs=4")
    assert code == 0, said
    assert "1 batch of 32 per epoch, 1 for validation" in said
    rows = records(command.folder / "run")
    before = [row["validation_loss"] for row in rows[:-1]]
    assert [row["loss"] for row in rows[1:]] == pytest.approx(before, rel=1e-5)


def test_what_does_not_fit_together_is_named_before_data_are_read(command: Command) -> None:
    ended = command.train(
        "overfit_batches=1", "limit_train_batches=3", "checkpoint.best=null", "patience=3",
        "early_stopping.restore_best=true", "evaluation.monitor=f1", "dataset.root=nowhere",
    )  # fmt: skip
    assert ended.code == 2
    for part in (
        "limit_train_batches: expected null with overfit_batches, received 3",
        "to measure it: evaluation.metrics=[f1]",
        "checkpoint.best: expected evaluation.monitor",
        "patience: unknown key; did you mean early_stopping.patience?",
    ):
        assert part in ended.err, ended.err
