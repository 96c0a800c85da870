"""Ranks that diverge, or would: models and data of the tests that differ by rank."""

import json
from pathlib import Path

import pytest

from tests.support.jobs import Job

pytestmark = pytest.mark.slow

OWN = """
import os

import mindspore as ms
import mindspore.dataset as ds
import numpy as np
from mindspore import Parameter, Tensor, nn, ops

RANK = int(os.environ.get("MS_NODE_ID", 0))


class Net(nn.Cell):
    def __init__(self):
        super().__init__()
        self.first = nn.Dense(4, 8)
        self.norm = nn.BatchNorm1d(8)
        self.drop = nn.Dropout(p=0.5)
        self.head = nn.Dense(8, 3)

    def construct(self, x):
        return self.head(self.drop(ops.relu(self.norm(self.first(x)))))


class Linear(nn.Dense):  # no ReLU, which gives 0 for NaN
    def __init__(self):
        super().__init__(4, 3)


class Straying(nn.Cell):
    def __init__(self):
        super().__init__()
        self.first = nn.Dense(4, 8)
        self.head = nn.Dense(8, 3)
        self.steps = Parameter(Tensor(0.0), requires_grad=False)

    def construct(self, x):
        if self.training:  # not in the first steps, which are tries before the run begins
            ops.assign_add(self.steps, Tensor(1.0))
            push = (self.steps > 3).astype(ms.float32) * 1e-3 * RANK
            ops.assign_add(self.first.weight, push * ops.ones_like(self.first.weight))
        return self.head(ops.relu(self.first(x)))


def pipelines(batch_size, ruined=False):
    random = np.random.default_rng(0)
    values = random.random((40, 4), np.float32)
    rows = [(value, np.asarray(number % 3, np.int32)) for number, value in enumerate(values)]
    train = ds.GeneratorDataset(rows, ["row", "label"], shuffle=False).batch(batch_size)
    if ruined:  # the last sample of the fourth batch: of the second rank's share
        values[31] = np.nan
    return train, ds.GeneratorDataset(rows[:16], ["row", "label"], shuffle=False).batch(batch_size)
"""

LINES = (
    "distributed=msrun",
    "model=custom",
    "init_from=null",
    "dataset=custom",
    "dataset._target_=own_ranks.pipelines",
    "+dataset.batch_size=8",
    "batch_size=8",
    "epochs=2",
    "hydra.run.dir=run",
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "own_ranks.py").write_text(OWN)
    return tmp_path


def test_statistics_are_averaged_so_that_ranks_stay_equal(folder: Path) -> None:
    job = Job(folder, *LINES, "model._target_=own_ranks.Net")
    assert job.wait() == 0, job.output
    assert "BatchNorm: each rank normalises by its own 4 samples" in job.output
    log = (folder / "run/ranks/1.log").read_text()
    assert log.count("the same bits as the others") == 3


def test_a_rank_that_diverges_ends_the_run_by_name(folder: Path) -> None:
    job = Job(folder, *LINES, "model._target_=own_ranks.Straying")
    assert job.wait() == 6, job.output
    assert "by the end of epoch 1 they differ" in job.output
    assert "rank 1 differs from rank 0 in first.weight" in job.output


def test_a_frozen_weight_that_moves_on_one_rank_ends_the_run(folder: Path) -> None:
    lines = ("model._target_=own_ranks.Straying", "freeze=first", "method=requires_grad")
    job = Job(folder, *LINES, *lines)
    assert job.wait() == 3, job.output
    assert "first.weight on rank 1 by 0.00" in job.output
    assert not json.loads((folder / "run/proof.json").read_text())["holds"]


def test_a_loss_that_is_not_finite_on_one_rank_ends_all(folder: Path) -> None:
    job = Job(folder, *LINES, "model._target_=own_ranks.Linear", "+dataset.ruined=true")
    assert job.wait() == 4, job.output
    assert "expected a finite loss, received nan in epoch 1, step 4" in job.output
    assert "received nan in epoch 1, step 4" in (folder / "run/ranks/1.log").read_text()
