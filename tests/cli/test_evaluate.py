"""``python -m trainer.evaluate``: the run's own figures, class by class."""

import json

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from tests.support.command import Command


def test_it_tells_what_the_run_told_at_its_end(command: Command, run: str) -> None:
    ended = command.evaluate(run)
    assert ended.code == 0, ended.err
    found = json.loads((command.folder / "a run/evaluation.json").read_text())
    last = json.loads((command.folder / "a run/metrics.jsonl").read_text().splitlines()[-1])
    assert found["loss"] == last["validation_loss"]
    assert found["accuracy"] == last["accuracy"]
    assert f"accuracy   {100 * last['accuracy']:.2f} %" in ended.out
    counts = np.array(found["confusion"])
    assert counts.shape == (5, 5)
    assert counts.sum() == found["samples"] == 180
    assert np.trace(counts) == round(found["accuracy"] * 180)
    assert [row["recall"] for row in found["classes"]] == list(counts.diagonal() / counts.sum(1))
    assert (command.folder / "a run/confusion.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_a_snapshot_is_scored_as_its_epoch_was(command: Command, run: str) -> None:
    ended = command.evaluate(f"{run}@0")
    assert ended.code == 0, ended.err
    found = json.loads((command.folder / "a run/evaluation.json").read_text())
    first = json.loads((command.folder / "a run/metrics.jsonl").read_text().splitlines()[0])
    assert (found["loss"], found["accuracy"]) == (first["validation_loss"], first["accuracy"])
    assert f"weights    {run}@0" in ended.out


@pytest.mark.slow
def test_other_data_and_another_folder(command: Command, run: str) -> None:
    ended = command.evaluate(run, "dataset.holdout=0.5", "batch_size=7", "out=there")
    assert ended.code == 0, ended.err
    assert "448 samples" in ended.out
    assert sorted(p.name for p in (command.folder / "there").iterdir()) == [
        "calibration.png",
        "confusion.png",
        "evaluation.json",
        "examples.png",
    ]
    found = json.loads((command.folder / "there/evaluation.json").read_text())
    assert sum(row["samples"] for row in found["calibration"]) == 448
    assert f"ECE        {100 * found['calibration_error']:.2f} %" in ended.out
    losses = [row["loss"] for row in found["worst"]]
    assert losses == sorted(losses, reverse=True)
    assert len(losses) == len(found["least_sure"]) == 12
    assert not (command.folder / "a run/evaluation.json").exists()


@pytest.mark.slow
def test_what_is_no_classification_has_a_loss_alone(command: Command) -> None:
    ended = command.train("experiment=seed_mindspore", "epochs=1")
    assert ended.code == 0, ended.err
    ended = command.evaluate("run")
    assert ended.code == 0, ended.err
    assert "loss  " in ended.out
    assert "accuracy" not in ended.out
    found = json.loads((command.folder / "run/evaluation.json").read_text())
    assert found["accuracy"] is None
    assert "confusion" not in found
    assert not list((command.folder / "run").glob("c*n.png"))
    assert not (command.folder / "run/examples.png").exists()


@pytest.mark.slow
def test_metrics_are_listed_for_each_class(command: Command, run: str) -> None:
    ended = command.evaluate(run, "evaluation.metrics=[f1,auroc,top5]")
    assert ended.code == 2
    assert "received top5, which needs more than 5" in ended.err
    ended = command.evaluate(run, "evaluation.metrics=[f1,auroc,recall,accuracy]")
    assert ended.code == 0, ended.err
    assert [line.split()[0] for line in ended.out.splitlines() if line].count("accuracy") == 1
    found = json.loads((command.folder / "a run/evaluation.json").read_text())
    assert found["metrics"].pop("accuracy") == found["accuracy"]
    assert found["metrics"].keys() == {"f1", "auroc", "recall"}
    for name, mean in found["metrics"].items():
        assert np.mean([row[name] for row in found["classes"]]) == pytest.approx(mean)
    table = ended.out.split("\n\n")[-1].splitlines()
    assert table[0].split() == ["class", "f1", "auroc", "recall"]
    assert len(table) == 6


def test_a_metric_for_another_task_is_found_before_the_data_are_read(command: Command) -> None:
    ended = command.train("evaluation.metrics=[f1,mae,r2]", "epochs=0")
    assert ended.code == 2
    expected = "expected a metric for classification, the loss's task, received mae"
    assert f"evaluation.metrics: {expected}, which is for regression" in ended.err
    assert "received r2" in ended.err
    assert "epochs" in ended.err
    assert not (command.folder / "run").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ["epochs=2"],
            "epochs: expected one of dataset, transform, batch_size, loss, evaluation, device",
        ),
        (["dataset.classes=[1,2]"], "expected 2, the number of classes [1, 2], received 5"),
        (["out=a run/train.log"], "is a file"),
        (["dataset=mnist"], "train-images-idx3-ubyte"),
    ],
)
def test_mistakes_leave_nothing(command: Command, run: str, words: list[str], said: str) -> None:
    before = sorted((command.folder / run).iterdir())
    ended = command.evaluate(run, *words)
    assert ended.code == 2
    assert said in ended.err
    assert sorted((command.folder / run).iterdir()) == before


def test_weights_that_do_not_fit_the_net_are_a_mistake(command: Command, run: str) -> None:
    path = command.folder / "a run/model.safetensors"
    weights = load_file(path)
    weights["fc3.bias"] = np.zeros(7, np.float32)
    save_file(weights, path)
    ended = command.evaluate(run)
    assert ended.code == 2
    assert "fc3.bias has shape (7,), the model expects (5,)" in ended.err


def test_help_and_no_run(command: Command) -> None:
    assert "usage: python -m trainer.evaluate RUN" in command.evaluate("--help").out
    assert command.evaluate().code == 2
    assert command.left() == []
