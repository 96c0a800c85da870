"""The screen of a run fits 24 lines with the default five epochs; the log has the rest."""

from pathlib import Path
from typing import Any

import mindspore.dataset as ds
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.support.command import Command
from trainer.checkpoint import checkpoint
from trainer.core import cpu_cores
from trainer.core.run_files import LOG
from trainer.data.batch_size import mismatch
from trainer.data.pipeline_source import PipelineSource
from trainer.datasets.digits import digits
from trainer.models.lenet5 import LeNet5
from trainer.run.summary import end_summary

FEW = ("limit_train_batches=1", "limit_validation_batches=1")  # where only the start is read


@pytest.mark.slow
@pytest.mark.parametrize(
    "overrides", [("freeze=conv1",), ("policy=layer_decay",), ("policy=norm_only",)]
)
def test_the_screen_is_short_whatever_is_frozen(
    command: Command, overrides: tuple[str, ...]
) -> None:
    ended = command.train(*overrides, "epochs=1")
    assert ended.code == 0, ended.err
    epochs = [line for line in ended.out.splitlines() if line.startswith("epoch ")]
    assert len(epochs) == 2
    assert len(ended.out.splitlines()) - len(epochs) + 6 <= 24
    log = (command.folder / "run" / LOG).read_text()
    parameters = ("conv1.weight", "conv2.bias", "fc1.weight", "fc3.bias")
    assert all(f"\n{name} " in log for name in parameters)
    assert "proof.json         every frozen tensor" in log


def test_the_end_counts_only_the_files_that_it_does_not_name(tmp_path: Path) -> None:
    for name in ("plan.json", "manifest.json", "train.log"):
        (tmp_path / name).touch()
    assert end_summary(tmp_path) == f"in {tmp_path}: plan.json, manifest.json, train.log"
    (tmp_path / "curves.png").touch()
    assert end_summary(tmp_path).endswith("curves.png and 1 more, which train.log lists")


class PartlyConstant(LeNet5):
    """A model that freezes a layer itself."""

    def __init__(self) -> None:
        super().__init__(num_classes=5)
        self.conv2.weight.requires_grad = False


@pytest.mark.slow
def test_what_the_model_itself_keeps_constant_is_said(command: Command) -> None:
    target = "model._target_=tests.run.test_summary.PartlyConstant"
    lines = ("model=custom", target, "init_from=null", "new_head=[]", "epochs=1")
    ended = command.train(*lines, *FEW)
    assert ended.code == 0, ended.err
    assert "by the model itself: 1 parameter, conv2.weight; not trained, and not in" in ended.out


def noisy(workers: int) -> tuple[ds.Dataset, ds.Dataset]:
    """Digits to which a Python function adds noise, in several threads if there are workers."""
    train, validation = digits(batch_size=32, classes=[0, 1], num_classes=2)

    def add(image: NDArray[Any]) -> NDArray[Any]:
        return (image + np.random.rand()).astype(np.float32)

    images = train.get_col_names()[0]
    return train.map(add, [images], num_parallel_workers=workers), validation


@pytest.mark.slow
@pytest.mark.parametrize(("workers", "said"), [(2, True), (1, False)])
def test_random_draws_that_cannot_be_repeated_are_said_at_the_start(
    workers: int, said: bool, command: Command
) -> None:
    overrides = (
        "model.num_classes=2",
        "dataset=custom",
        "dataset._target_=tests.run.test_summary.noisy",
        f"+dataset.workers={workers}",
    )
    ended = command.train(*overrides, "epochs=1", "init_from=null", *FEW)
    assert ended.code == 0, ended.err
    note = "resume     may not be exact: the data's map may draw random numbers in several threads"
    assert (note in ended.out) == said


GENERATOR = np.random.default_rng(0)


def own_noise() -> tuple[ds.Dataset, ds.Dataset]:
    """Digits to which a Python function adds noise of its own generator, in one thread."""
    train, validation = digits(batch_size=32, classes=[0, 1], num_classes=2)

    def add(image: NDArray[Any]) -> NDArray[Any]:
        return (image + GENERATOR.random()).astype(np.float32)

    return train.map(add, train.get_col_names()[:1], num_parallel_workers=1), validation


@pytest.mark.slow
def test_a_generator_whose_state_is_not_saved_is_said_at_the_start(command: Command) -> None:
    target = "dataset._target_=tests.run.test_summary.own_noise"
    overrides = ("model.num_classes=2", "dataset=custom", target, "init_from=null")
    ended = command.train(*overrides, "epochs=1", *FEW)
    assert ended.code == 0, ended.err
    assert "resume     not exact: the data's map has a random generator whose" in ended.out


@pytest.mark.slow
def test_a_resume_on_another_number_of_cores_is_reported(
    command: Command, done: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    began = checkpoint.versions()["cores"]
    monkeypatch.setattr(cpu_cores, "used", lambda: 99)
    ended = command.resume("run", "epochs=2")
    assert ended.code == 0, ended.err
    assert f"the run began with cores {began}, now 99" in ended.out


def elevens(batch_size: int = 11) -> tuple[ds.Dataset, ds.Dataset]:
    """33 images; in batches of 11 unless the size is passed on."""
    images = np.random.default_rng(0).normal(size=(33, 1, 32, 32)).astype(np.float32)
    rows = [(image, np.asarray(n % 2, np.int32)) for n, image in enumerate(images)]
    train, validation = (ds.GeneratorDataset(rows, ["x", "y"], shuffle=False) for _ in range(2))
    return train.batch(batch_size), validation.batch(batch_size)


ELEVENS = (
    "model.num_classes=2",
    "dataset=custom",
    "dataset._target_=tests.run.test_summary.elevens",
    "epochs=1",
    "init_from=null",
)


@pytest.mark.slow
def test_the_screen_shows_the_batches_that_the_data_have(command: Command) -> None:
    ended = command.train(*ELEVENS)
    assert ended.code == 0, ended.err
    assert "elevens: 3 batches of 11 per epoch, 3 for validation" in ended.out
    assert "warning: batch_size=32 is not used: the dataset yields batches of 11" in ended.out
    exported = command.export("run", "format=safetensors", "batch_size=1")
    assert exported.code == 0, exported.err
    assert "inputs     Float32 (1, " in exported.out


def test_a_batch_size_that_is_asked_for_and_not_used_is_an_error(command: Command) -> None:
    ended = command.train(*ELEVENS, "batch_size=4")
    assert ended.code == 2
    assert "batch_size=4 is not used: the dataset yields batches of 11" in ended.err
    assert command.left() == []


@pytest.mark.parametrize("size", [4, 11, 33, 64])
def test_a_batch_size_that_is_used_is_no_error(size: int) -> None:
    train, _ = elevens(size)
    assert mismatch(size, len(next(iter(train))[-1]), PipelineSource(train, 0)) == ""
