"""Models with and without dropout, and noisy data, as a custom module; and a run of one step."""

ONE_STEP = "max_minutes=1e-9"

OWN = """
import mindspore.dataset as ds
import numpy as np
from mindspore import nn, ops


class Dropping(nn.Cell):
    def __init__(self):
        super().__init__()
        self.first = nn.Dense(4, 16)
        self.rest = nn.SequentialCell(nn.BatchNorm1d(16), nn.Dropout(p=0.4), nn.Dense(16, 3))

    def construct(self, x):
        return self.rest(ops.relu(self.first(x)))


class Unseen(Dropping):
    def construct(self, x):
        return super().construct(ops.dropout(x, p=0.5))


class Plain(nn.SequentialCell):
    def __init__(self):
        super().__init__(nn.Dense(4, 16), nn.ReLU(), nn.Dense(16, 3))


def noisy(row, label):
    return row + np.random.normal(size=row.shape).astype(np.float32), label


def pipelines(batch_size, noise=True):
    random = np.random.default_rng(0)
    values = random.random((24, 4), np.float32)
    rows = [(value, np.asarray(number % 3, np.int32)) for number, value in enumerate(values)]
    train = ds.GeneratorDataset(rows, ["row", "label"], num_parallel_workers=1)
    if noise:
        train = train.map(noisy, ["row", "label"], num_parallel_workers=1)
    train = train.batch(batch_size)
    return train, ds.GeneratorDataset(rows, ["row", "label"], shuffle=False).batch(batch_size)
"""

OWN_LINES = (
    "model=custom",
    "model._target_=own_dropping.Dropping",
    "init_from=null",
    "dataset=custom",
    "dataset._target_=own_dropping.pipelines",
    "+dataset.batch_size=8",
)
