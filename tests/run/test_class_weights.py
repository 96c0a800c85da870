"""Class weights: counted from the training labels, kept for resumes and commands, or refused."""

import json

import numpy as np
import pytest
from sklearn.utils.class_weight import compute_class_weight

from tests.support.command import Command
from tests.support.runs import bits

BALANCED = "loss.class_weights=balanced"

ROWS = """
import mindspore.dataset as ds
import numpy as np
from mindspore import nn

LABELS = [0, 0, 0, 0, 0, 1, 9, 2, 2, 1, 0, 0]


class Dense(nn.Dense):
    def __init__(self):
        super().__init__(4, 3)


def pipelines(batch_size, labels=LABELS):
    values = np.random.default_rng(0).random((len(labels), 4), np.float32)
    rows = [(v, np.asarray(n, np.int32)) for v, n in zip(values, labels, strict=True)]
    train = ds.GeneratorDataset(rows, ["row", "label"], num_parallel_workers=1).batch(batch_size)
    validation = ds.GeneratorDataset(rows, ["row", "label"], shuffle=False).batch(batch_size)
    return train, validation
"""

LINES = (
    "model=custom",
    "model._target_=own_rows.Dense",
    "init_from=null",
    "new_head=[]",
    "dataset=custom",
    "dataset._target_=own_rows.pipelines",
    "+dataset.batch_size=4",
    "++dataset.labels=[0,0,0,0,0,1,9,2,2,1,0,0]",
    "loss.ignore_index=9",
    BALANCED,
)


@pytest.fixture
def own(command: Command) -> Command:
    """The commands, in a folder with the module of the lines."""
    command.add_module("own_rows", ROWS)
    return command


@pytest.mark.slow
def test_balanced_weights_are_counted_once_and_kept(own: Command) -> None:
    assert own.train(*LINES, "epochs=2", "hydra.run.dir=whole").code == 0
    assert own.train(*LINES, "epochs=1").code == 0
    record = json.loads((own.folder / "run" / "class_weights.json").read_text())
    labels = np.array([0] * 7 + [1] * 2 + [2] * 2)
    expected = compute_class_weight("balanced", classes=np.arange(3), y=labels)
    assert record["class_weights"] == pytest.approx(expected.tolist())
    assert own.resume("run", "epochs=2").code == 0
    assert bits(own.folder / "run") == bits(own.folder / "whole")
    lines = (own.folder / "run" / "metrics.jsonl").read_text().splitlines()
    assert own.evaluate("run").code == 0
    evaluation = json.loads((own.folder / "run" / "evaluation.json").read_text())
    assert evaluation["loss"] == pytest.approx(json.loads(lines[-1])["validation_loss"], rel=1e-6)
    other = "dataset.labels=[1,1,1,1,1,1,1,1,1,1,1,1]"  # no label of the other classes
    assert own.evaluate("run", other).code == 0
    manifest = json.loads((own.folder / "run" / "manifest.json").read_text())
    assert "class_weights.json" in {entry["file"] for entry in manifest["files"]}


def test_a_class_without_a_training_label_is_refused(own: Command) -> None:
    ended = own.train(*LINES, "++dataset.labels=[0,0,2,2,0,0,2,2]")
    assert ended.code == 2
    expected = "expected training labels of all 3 classes, received none of 1"
    assert f"loss.class_weights=balanced: {expected}" in ended.err


@pytest.mark.slow
def test_a_changed_file_of_weights_is_refused(own: Command) -> None:
    assert own.train(*LINES, "epochs=1").code == 0
    (own.folder / "run" / "class_weights.json").write_text("{}")
    ended = own.resume("run", "epochs=2")
    assert ended.code == 2
    assert "class_weights.json: expected the class weights as the run wrote them" in ended.err


def test_weights_of_the_wrong_number_are_named(own: Command) -> None:
    ended = own.train("loss.class_weights=[1,2]", "loss.ignore_index=1.5", "epochs=0")
    assert ended.code == 2
    assert "expected ignore_index to be a whole number, received 1.5" in ended.err
    expected = "expected 5 weights, one for each of model.num_classes, received 2"
    assert f"loss.class_weights: {expected}" in ended.err
    assert "epochs: " in ended.err  # with the other errors, before the data are read
    ended = own.train(*LINES, "loss.class_weights=[1,2]")
    assert ended.code == 2
    expected = "expected 3 weights, one for each class of the model, received 2"
    assert f"loss.class_weights: {expected}" in ended.err
