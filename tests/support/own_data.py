"""The same data of every kind that a user's own function may return, as a custom module."""

OWN = '''
import mindspore.dataset as ds
import numpy as np
from mindspore import nn

from tests.support.hf_dataset import ClassLabel, Dataset, DatasetDict

X = np.random.default_rng(0).random((24, 4))
Y = np.arange(24) % 3


class Net(nn.SequentialCell):
    def __init__(self):
        super().__init__(nn.Dense(4, 16), nn.ReLU(), nn.Dense(16, 3))


class TwoInputs(nn.Cell):
    def __init__(self):
        super().__init__()
        self.net = Net()

    def construct(self, a, b):
        return self.net(a + b)


class Indexed:
    """Its labels are of another type each."""

    classes = ["cat", "dog", "fish"]
    types = [int, np.int64, np.uint8, np.asarray, lambda n: np.asarray(n, np.float64).astype(int)]

    def __init__(self, start, end):
        self.start, self.end = start, end

    def __len__(self):
        return self.end - self.start

    def __getitem__(self, index):
        index += self.start
        return X[index], self.types[index % 5](Y[index])


class Noisy(Indexed):
    def __getitem__(self, index):
        x, y = super().__getitem__(index)
        return x + np.random.normal(size=4), y


class Broken(Indexed):
    def __getitem__(self, index):
        x, y = super().__getitem__(index)
        return x, y if index != 13 else 1 // 0


class Growing(Indexed):
    def __getitem__(self, index):
        return np.zeros(4 if index < 13 else 5), Y[index]


def objects(kind):
    return kind(0, 24), kind(0, 24)


def torch_tensors():
    import torch

    whole = torch.utils.data.TensorDataset(torch.tensor(X), torch.tensor(Y))
    return torch.utils.data.Subset(whole, range(24)), whole


def rows():
    columns = {"id": list(range(24)), "image": list(map(list, X)), "label": Y.tolist()}
    return Dataset(columns, {"label": ClassLabel(["cat", "dog", "fish"])})


def pipelines():
    samples = [(x.astype(np.float32), np.asarray(y, np.int32)) for x, y in zip(X, Y)]
    make = lambda: ds.GeneratorDataset(samples, ["x", "y"], shuffle=False).batch(8)
    return make(), make()


KINDS = {
    "arrays": lambda: ((X, Y), (X, Y)),
    "columns": lambda: ((list(X), Y.tolist()), (X, Y)),
    "samples": lambda: (list(zip(X, Y)), [(x.tolist(), int(y)) for x, y in zip(X, Y)]),
    "objects": lambda: objects(Indexed),
    "torch": torch_tensors,
    "rows": lambda: DatasetDict(train=rows(), validation=rows(), test=rows()),
    "alone": lambda: (X, Y),
    "noisy": lambda: objects(Noisy),
    "broken": lambda: (Broken(0, 24), Indexed(0, 24)),
    "growing": lambda: (Growing(0, 24), Indexed(0, 24)),
    "two": lambda: ((X, -X, Y), (X, -X, Y)),
    "pipelines": pipelines,
}


def data(kind):
    return KINDS[kind]()
'''

RUN = [
    "model=custom",
    "model._target_=own_data.Net",
    "init_from=null",
    "dataset=custom",
    "dataset._target_=own_data.data",
    "batch_size=8",
    "freeze='0'",
    "epochs=2",
]
