"""Bad data in mid-run: exit code 65, everything before is saved, nothing was trained on them."""

import json

import numpy as np
import pytest

from tests.support.command import Command

MODULE = '''
import mindspore.dataset as ds
import numpy as np
from mindspore import nn


class Read:
    """Rows that cannot be listed, as if they were read from files."""

    def __init__(self, rows):
        self.read = rows.__getitem__

    def __len__(self):
        return 40

    def __getitem__(self, index):
        return self.read(index)


def pipelines(batch_size, train, validation, in_memory=False):
    def pipeline(wrong):
        label = np.arange(40) % 3
        if wrong is not None:
            label[wrong] = 3
        rows = [(np.full(4, n, np.float32), np.asarray(n, np.int32)) for n in label]
        rows = rows if in_memory else Read(rows)
        return ds.GeneratorDataset(rows, ["x", "label"], shuffle=False).batch(batch_size)
    return pipeline(train), pipeline(validation)


class Net(nn.Cell):
    def __init__(self):
        super().__init__()
        self.dense, self.head = nn.Dense(4, 4), nn.Dense(4, 3)

    def construct(self, x):
        return self.head(self.dense(x))
'''

RUN = [
    "model=custom",
    "model._target_=bad_labels.Net",
    "init_from=null",
    "dataset=custom",
    "dataset._target_=bad_labels.pipelines",
    "+dataset.batch_size=${batch_size}",
    "batch_size=8",
    "freeze=dense",
    "features=off",
    "epochs=2",
]

NUMPY_2 = pytest.mark.skipif(
    np.lib.NumpyVersion(np.__version__) < "2.0.0", reason="NumPy 1 takes them"
)


@pytest.fixture
def command(command: Command) -> Command:
    command.add_module("bad_labels", MODULE)
    return command


@pytest.mark.slow
def test_a_label_of_a_later_batch_ends_the_run_before_its_step(command: Command) -> None:
    ended = command.train(*RUN, "+dataset.train=20", "+dataset.validation=null")
    assert ended.code == 65
    assert "epoch 1, step 3: dataset: expected labels of 0 to 2" in ended.err
    assert "received 3 (first at sample 4 of the batch)" in ended.err
    assert "Traceback" not in ended.err
    assert command.verify("run").code == 0
    (saved,) = (command.folder / "run" / "checkpoints").glob("epoch_00000_step_00000002")
    progress = json.loads((saved / "checkpoint.json").read_text())["progress"]
    assert progress["steps"] == 2


@pytest.mark.parametrize(("train", "validation"), [(20, "null"), ("null", 20)])
def test_a_label_in_memory_is_found_before_training(
    command: Command, train: object, validation: object
) -> None:
    data = f"+dataset.train={train}", f"+dataset.validation={validation}"
    ended = command.train(*RUN, *data, "+dataset.in_memory=true")
    assert ended.code == 2
    assert "dataset: expected labels of 0 to 2, the model's 3 classes, received 3" in ended.err
    assert "(first at sample 20 of the data)" in ended.err
    assert "run" not in command.left()


def test_a_label_of_the_validation_data_is_found_before_training(command: Command) -> None:
    ended = command.train(*RUN, "+dataset.train=null", "+dataset.validation=39")
    assert ended.code == 65
    assert "evaluation after epoch 0: dataset: validation data: expected labels" in ended.err
    assert "epoch   0" not in ended.out


@pytest.mark.parametrize("dtype", ["float64", "uint8"])
def test_inputs_of_another_type_are_named(command: Command, dtype: str) -> None:
    other = MODULE.replace("np.float32)", f"np.{dtype})")
    (command.folder / "bad_labels.py").write_text(other)
    ended = command.train(*RUN, "+dataset.train=null", "+dataset.validation=null")
    assert ended.code == 2
    name = dtype.capitalize().replace("Uint", "UInt")
    assert f"dataset: expected float32 inputs, received {name}; convert them" in ended.err


@NUMPY_2
def test_numpy_numbers_in_a_model_are_named(command: Command) -> None:
    other = "self.head(self.dense(x) * np.float32(2))"
    module = MODULE.replace("self.head(self.dense(x))", other)
    (command.folder / "bad_labels.py").write_text(module)
    ended = command.train(*RUN, "+dataset.train=null", "+dataset.validation=null")
    assert ended.code == 2
    assert "Python's own numbers in arithmetic, received numpy.float32; use float(" in ended.err


def test_scalar_labels_are_taken(command: Command) -> None:
    other = MODULE.replace("np.asarray(n, np.int32)", "int(n)")
    (command.folder / "bad_labels.py").write_text(other)
    ended = command.train(*RUN, "+dataset.train=null", "+dataset.validation=null", "epochs=1")
    assert ended.code == 0, ended.err
