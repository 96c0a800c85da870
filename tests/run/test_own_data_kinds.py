"""Data of custom code, of every kind: in a sweep, resumed, with and without validation data."""

import json
from importlib.util import find_spec

import numpy as np
import pytest

from tests.support.command import Command
from tests.support.dropping import ONE_STEP
from tests.support.own_data import OWN, RUN
from tests.support.runs import bits, placed, records
from trainer.backend.batch_types import Columns
from trainer.config import overrides, schema
from trainer.core.tensors import alike
from trainer.data.build_sources import Sources, build_sources

KINDS = ["columns", "samples", "objects", "rows", *(["torch"] if find_spec("torch") else [])]


@pytest.fixture
def own(command: Command) -> Command:
    command.add_module("own_data", OWN)
    return command


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_data_of_each_kind_give_the_same_batches(own: Command, kind: str) -> None:
    expected, received = (batches(sources(kind)) for kind in ("arrays", kind))
    assert len(expected) == len(received) == 6
    for batch, other in zip(expected, received, strict=True):
        for column, another in zip(batch, other, strict=True):
            assert alike(np.asarray(column), np.asarray(another))


def sources(kind: str) -> Sources:
    config, problems = overrides.check([*RUN, f"+dataset.kind={kind}"])
    settings, more = schema.read(config)
    assert not problems and not more
    return build_sources(settings)


def batches(sources: Sources) -> list[Columns]:
    return [columns for _, source in sources.items() for columns in source.columns(1)][:6]


@pytest.mark.slow
def test_they_train_in_a_sweep_to_the_same_weights(own: Command) -> None:
    ended = own.train("-m", *RUN, "+dataset.kind=samples,rows", "epochs=1")
    assert ended.code == 0, ended.err
    one, other = (path.parent for path in (own.folder / "run").rglob("model.safetensors"))
    assert bits(one) == bits(other)
    assert records(one) == records(other)


@pytest.mark.slow
def test_a_run_that_is_stopped_ends_with_the_same_bits_in_spite_of_random_samples(
    own: Command,
) -> None:
    lines = [*RUN, "+dataset.kind=noisy", "dataset.workers=2"]
    assert placed(own, "whole", *lines)[0] == 0
    code, said = placed(own, "cut", *lines, ONE_STEP)
    assert code == 75, said
    ended = own.resume("cut", "max_minutes=null", "dataset.workers=1")
    assert ended.code == 0, ended.err
    assert "warning" not in ended.out + ended.err
    assert bits(own.folder / "cut") == bits(own.folder / "whole")
    assert records(own.folder / "cut") == records(own.folder / "whole")


def test_balancing_needs_labels(own: Command) -> None:
    ended = own.train(*RUN, "+dataset.kind=objects", "dataset.sampler=balanced")
    assert ended.code == 2
    assert "dataset.sampler=balanced: expected a dataset with an attribute `labels`" in ended.err


def test_one_dataset_alone_is_trained_on_without_validation(own: Command) -> None:
    ended = own.train(*RUN, "+dataset.kind=alone", "epochs=1")
    assert ended.code == 0, ended.err
    assert "3 batches of 8 per epoch, none for validation: no score" in ended.out


def test_several_inputs_reach_the_model(own: Command) -> None:
    ended = own.train(
        *RUN, "model._target_=own_data.TwoInputs", "freeze=null", "+dataset.kind=two", "epochs=1"
    )
    assert ended.code == 0, ended.err


def test_the_size_of_a_pipelines_batches_is_measured(own: Command) -> None:
    ended = own.train(*RUN[:5], *RUN[6:], "+dataset.kind=pipelines", "epochs=1")
    assert ended.code == 0, ended.err
    assert "3 batches of 8 per epoch" in ended.out
    assert "batch_size=32 is not used: the dataset yields batches of 8" in ended.out
    ended = own.train(*RUN, "batch_size=16", "+dataset.kind=pipelines", "hydra.run.dir=other")
    assert ended.code == 2
    assert "pass it on: '+dataset.batch_size=${batch_size}'" in ended.err


def test_names_of_classes_are_recorded_compared_and_shown(own: Command) -> None:
    assert own.train(*RUN, "+dataset.kind=rows", "epochs=1").code == 0
    recorded = json.loads((own.folder / "run" / "class_names.json").read_text())
    assert recorded["class_names"] == ["cat", "dog", "fish"]
    assert own.verify("run").code == 0
    ended = own.evaluate("run")
    assert ended.code == 0, ended.err
    assert [line.split()[:2] for line in ended.out.splitlines() if "fish" in line][0] == [
        "2",
        "fish",
    ]
    rows = json.loads((own.folder / "run" / "evaluation.json").read_text())["classes"]
    assert [row["name"] for row in rows] == ["cat", "dog", "fish"]
    other = OWN.replace('["cat", "dog", "fish"]', '["cat", "cow", "fish"]')
    own.add_module("own_data", other)
    for ended in (own.resume("run", "epochs=2"), own.evaluate("run")):
        assert ended.code == 2
        assert "the 3 classes of the run, cat, dog, fish, received 3 (new: cow; missing: dog)" in (
            ended.err
        )


@pytest.mark.parametrize("kind", ["broken", "growing"])
def test_a_bad_sample_ends_the_run_or_is_skipped(own: Command, kind: str) -> None:
    lines = [*RUN, f"+dataset.kind={kind}", "epochs=1"]
    ended = own.train(*lines)
    said = {
        "broken": "sample 13 of train: ZeroDivisionError: integer division or modulo by zero (",
        "growing": "expected samples of one shape, (4,) as sample 0 has, received (5,)",
    }[kind]
    assert ended.code in (2, 65)
    assert said in ended.err
    assert "Traceback" not in ended.err
    if kind == "broken":
        assert "/own_data.py:" in ended.err
        ended = own.train(*lines, "dataset.on_error=skip", "hydra.run.dir=skipped")
        assert ended.code == 0, ended.err
