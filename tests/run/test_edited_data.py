"""Data that were edited between a run and its resume."""

from pathlib import Path
from typing import Any

import mindspore.dataset as ds
import numpy as np
import pytest
from mindspore import nn
from numpy.typing import NDArray

from tests.support.command import Command, Ended
from trainer.data.batches import batches

LINES = (
    "model=custom",
    "model._target_=tests.run.test_edited_data.net",
    "init_from=null",
    "dataset=custom",
    "batch_size=8",
)
TARGET = "dataset._target_=tests.run.test_edited_data"


def net() -> nn.Cell:
    return nn.Dense(4, 3)


def _pipelines(values: NDArray[Any]) -> tuple[ds.Dataset, ds.Dataset]:
    rows = [(value, np.asarray(number % 3, np.int32)) for number, value in enumerate(values)]
    train, validation = (ds.GeneratorDataset(rows, ["x", "y"], shuffle=s) for s in (True, False))
    return train.batch(8), validation.batch(8)


def stored(path: str) -> tuple[ds.Dataset, ds.Dataset]:
    """Data of a file."""
    return _pipelines(np.load(path))


def unseeded() -> tuple[ds.Dataset, ds.Dataset]:
    """Data that are different each time they are read."""
    train, validation = _pipelines(np.zeros((24, 4), np.float32))

    def noisy(values: NDArray[Any]) -> NDArray[Any]:
        return values + np.random.default_rng().random(values.shape, np.float32)

    return train.map(noisy, ["x"], num_parallel_workers=1), validation


@pytest.fixture
def values(tmp_path: Path) -> NDArray[Any]:
    values = np.random.default_rng(0).random((24, 4), np.float32)
    np.save(tmp_path / "data.npy", values)
    return values


def begin(command: Command, tmp_path: Path) -> None:
    lines = (*LINES, f"{TARGET}.stored", f"+dataset.path={tmp_path}/data.npy")
    ended = command.train(*lines, "epochs=1")
    assert ended.code == 0, ended.err


def refused(ended: Ended) -> bool:
    return ended.code == 2 and "the first batches have changed" in ended.err


@pytest.mark.slow
def test_a_run_does_not_resume_on_edited_data(
    command: Command, tmp_path: Path, values: NDArray[Any]
) -> None:
    begin(command, tmp_path)
    np.save(tmp_path / "data.npy", values + np.float32(0.001))
    assert refused(command.resume("run", "epochs=2"))
    np.save(tmp_path / "data.npy", values)
    assert command.resume("run", "epochs=2").code == 0
    np.save(tmp_path / "data.npy", values[::-1])
    assert refused(command.resume("run", "epochs=3"))
    assert command.resume("run", "epochs=3", "resume.allow=[dataset]").code == 0
    assert command.resume("run", "epochs=4").code == 0, "the edited data are the run's now"


@pytest.mark.slow
def test_a_change_after_the_first_batches_is_found(
    command: Command, tmp_path: Path, values: NDArray[Any]
) -> None:
    begin(command, tmp_path)
    used = first_batches(values)
    last = next(n for n in range(len(values)) if n not in used)
    values[last] += 1
    np.save(tmp_path / "data.npy", values)
    ended = command.resume("run", "epochs=2")
    assert ended.code == 2
    assert "arrays in memory have changed" in ended.err
    assert command.resume("run", "epochs=2", "resume.allow=[dataset]").code == 0


def first_batches(values: NDArray[Any]) -> set[int]:
    """Return the rows that are in the first batches of a run with the default seed."""
    read = [next(batches(p, seed=0, epoch=0))[0].asnumpy() for p in _pipelines(values)]
    return {n for n, v in enumerate(values) if any((v == row).all() for b in read for row in b)}


@pytest.mark.slow
def test_data_that_cannot_be_read_again_are_not_compared(command: Command) -> None:
    assert command.train(*LINES, f"{TARGET}.unseeded", "epochs=1").code == 0
    ended = command.resume("run", "epochs=2")
    assert ended.code == 0, ended.err
