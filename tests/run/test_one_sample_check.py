"""A last batch of one sample, which batch normalisation cannot take, is found before training."""

import mindspore.dataset as ds
import numpy as np
import pytest

from tests.support.command import Command
from trainer.data.batch_source import steps_per_epoch
from trainer.data.last_batch import last_batch_size
from trainer.data.pipeline_source import PipelineSource

MODULE = """
import mindspore.dataset as ds
import numpy as np
from mindspore import nn


def pipelines(batch_size, samples, drop=False):
    label = np.arange(samples) % 2
    rows = [(np.full(4, n, np.float32), np.asarray(n, np.int32)) for n in label]
    data = [ds.GeneratorDataset(rows, ["x", "label"], shuffle=False) for _ in range(2)]
    return tuple(each.batch(batch_size, drop_remainder=drop) for each in data)


class Normed(nn.Cell):
    def __init__(self):
        super().__init__()
        self.norm, self.head = nn.BatchNorm1d(4), nn.Dense(4, 2)

    def construct(self, x):
        return self.head(self.norm(x))
"""

RUN = [
    "model=custom",
    "model._target_=one_sample.Normed",
    "init_from=null",
    "dataset=custom",
    "dataset._target_=one_sample.pipelines",
    "+dataset.batch_size=${batch_size}",
    "batch_size=8",
    "features=off",
    "epochs=1",
]


@pytest.fixture
def command(command: Command) -> Command:
    command.add_module("one_sample", MODULE)
    return command


def test_it_is_refused_where_statistics_move(command: Command) -> None:
    ended = command.train(*RUN, "+dataset.samples=17")
    assert ended.code == 2
    assert "expected more than one sample of each batch per process" in ended.err
    assert "norm.moving_variance" in ended.err


@pytest.mark.slow
@pytest.mark.parametrize(
    "overrides",
    [["+dataset.samples=17", "+dataset.drop=true"], ["+dataset.samples=17", "freeze=norm"]],
)
def test_it_is_no_problem_if_dropped_or_if_the_layer_is_frozen(
    command: Command, overrides: list[str]
) -> None:
    assert command.train(*RUN, *overrides).code == 0


def test_fewer_samples_than_a_batch_are_said_to_be_the_likely_reason(command: Command) -> None:
    ended = command.train(*RUN, "+dataset.samples=5", "+dataset.drop=true")
    assert ended.code == 2
    assert "received none: there are no samples, or fewer than a batch (batch_size=8)" in ended.err


def test_the_size_of_the_last_batch() -> None:
    data = ds.GeneratorDataset([(np.zeros(1, np.float32),)] * 33, ["x"])
    assert last_batch_size(data.batch(8)) == 1
    assert last_batch_size(data.batch(8).map(lambda x: x, ["x"])) == 1
    assert last_batch_size(data.batch(11)) == 11
    assert last_batch_size(data.batch(8, drop_remainder=True)) == 8
    assert last_batch_size(data) is None


@pytest.mark.parametrize(("ranks", "steps"), [(1, 5), (2, 4)])
def test_ranks_skip_a_last_batch_that_is_smaller_than_they_are(ranks: int, steps: int) -> None:
    data = ds.GeneratorDataset([(np.zeros(1, np.float32),)] * 33, ["x"])
    assert steps_per_epoch(PipelineSource(data.batch(8), 0), ranks) == steps
