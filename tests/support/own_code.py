"""A user's own module ``mine`` of models, data and an optimizer, as text, and how to use it."""

MINE = """
import mindspore.dataset as ds
import numpy as np
from mindspore import nn, ops


class MyNet(nn.Cell):
    def __init__(self, width=4):
        super().__init__()
        layers = nn.Dense(3, width), nn.BatchNorm1d(width), nn.Dropout(p=0.5)
        self.backbone = nn.SequentialCell(*layers)
        self.head = nn.Dense(width, 2)

    def construct(self, x):
        return self.head(ops.relu(self.backbone(x)))


class CallsItThis(MyNet):
    def construct(this, x):
        return this.head(this.backbone(x))


def pipelines(batch_size):
    random = np.random.default_rng(0)
    x = random.normal(size=(64, 3)).astype(np.float32)
    y = (x.sum(axis=1) > 0).astype(np.int32)
    rows = [(image, np.asarray(label)) for image, label in zip(x, y)]
    make = lambda: ds.GeneratorDataset(rows, ["x", "y"]).batch(batch_size, drop_remainder=True)
    return make(), make()


class Broken:
    def __len__(self):
        return 8

    def __getitem__(self, index):
        return np.ones(3, np.float32), np.asarray(1 // 0)


def broken(batch_size):
    make = lambda: ds.GeneratorDataset(Broken(), ["x", "y"]).batch(batch_size)
    return make(), make()


class Empty:
    def __len__(self):
        return 0

    def __getitem__(self, index):
        raise IndexError


def empty(batch_size):
    return ds.GeneratorDataset(Empty(), ["x", "y"]).batch(batch_size), pipelines(batch_size)[1]


class ReadOnce:
    def __init__(self):
        self.rows = iter([(np.ones(3, np.float32), np.asarray(0))] * 64)

    def __iter__(self):
        return self.rows


def read_once(batch_size):
    return ds.GeneratorDataset(ReadOnce(), ["x", "y"]).batch(batch_size), pipelines(batch_size)[1]


class MyOptimizer(nn.Momentum):
    def __init__(self, params, learning_rate):
        super().__init__(params, learning_rate, 0.5)
"""

NET = ["model=custom", "model._target_=mine.MyNet"]
DATA = ["dataset=custom", "dataset._target_=mine.pipelines", "+dataset.batch_size=${batch_size}"]
