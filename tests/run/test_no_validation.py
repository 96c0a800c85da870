"""Training without validation data: nothing is measured, and that is said."""

import json
from pathlib import Path

import pytest

from tests.support.command import Command

MODULE = """
from trainer.datasets.digits import digits


def pipelines(**arguments):
    return digits(**arguments)[0], None


def wrong(**arguments):
    return None, digits(**arguments)[0]
"""

RUN = ["freeze=conv1", "epochs=1", "dataset._target_=no_validation.pipelines"]


@pytest.fixture
def command(command: Command) -> Command:
    command.add_module("no_validation", MODULE)
    return command


@pytest.mark.slow
@pytest.mark.parametrize("features", ["off", "store"])
def test_it_trains_and_says_what_is_not_measured(command: Command, features: str) -> None:
    ended = command.train(*RUN, f"features={features}")
    assert ended.code == 0, ended.err
    assert "none for validation: no score, and no best checkpoint" in ended.out
    assert "validation  " not in ended.out and "nan" not in ended.out
    lines = [json.loads(line) for line in Path("run/metrics.jsonl").read_text().splitlines()]
    assert [line["validation_loss"] for line in lines] == [None, None]
    assert lines[1]["loss"] > 0
    assert command.verify("run").code == 0


@pytest.mark.slow
def test_a_run_without_scores_resumes_exports_and_is_not_evaluated(command: Command) -> None:
    assert command.train(*RUN).code == 0
    resumed = command.resume("run", "epochs=2")
    assert resumed.code == 0, resumed.err
    exported = command.export("run", "format=safetensors")
    assert exported.code == 0, exported.err
    evaluated = command.evaluate("run")
    assert evaluated.code == 2
    assert "expected validation data, received none" in evaluated.err


def test_metrics_need_them(command: Command) -> None:
    ended = command.train(*RUN, "evaluation.metrics=[f1]")
    assert ended.code == 2
    assert "evaluation.metrics=f1: expected validation data to measure" in ended.err


def test_training_data_may_not_be_missing(command: Command) -> None:
    ended = command.train("dataset._target_=no_validation.wrong")
    assert ended.code == 2
    assert (
        "dataset: expected a dataset, (train, validation), (train, validation, test)" in ended.err
    )
