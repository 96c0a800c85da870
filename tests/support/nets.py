"""Tiny models, each with one property that is hard to freeze."""

from mindspore import Parameter, ParameterTuple, Tensor, nn, ops
from mindspore.common.initializer import initializer


class TwoConvs(nn.Cell):
    """The plain case; [N, 1, 6, 6] to [N, 3]."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 2, 3, pad_mode="valid", has_bias=True)
        self.conv2 = nn.Conv2d(2, 2, 3, pad_mode="valid", has_bias=True)
        self.flatten = nn.Flatten()
        self.fc = nn.Dense(8, 3)

    def construct(self, x: Tensor) -> Tensor:
        return self.fc(self.flatten(self.conv2(self.conv1(x))))


class OneConv(nn.Cell):
    """Weights of four, two and one dimensions, each once; [N, 1, 6, 6] to [N, 3].

    The graph of an optimizer grows with the number of weights.
    """

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 1, 3, pad_mode="valid")
        self.flatten = nn.Flatten()
        self.fc = nn.Dense(16, 3)

    def construct(self, x: Tensor) -> Tensor:
        return self.fc(self.flatten(self.conv(x)))


class Normed(nn.Cell):
    """Statistics and dropout behind a convolution; [N, 1, 6, 6] to [N, 3]."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 2, 3, pad_mode="valid")
        self.bn1 = nn.BatchNorm2d(2)
        self.dropout = nn.Dropout(p=0.5)
        self.conv2 = nn.Conv2d(2, 2, 3, pad_mode="valid")
        self.bn2 = nn.BatchNorm2d(2)
        self.flatten = nn.Flatten()
        self.fc = nn.Dense(8, 3)

    def construct(self, x: Tensor) -> Tensor:
        x = self.dropout(self.bn1(self.conv1(x)))
        return self.fc(self.flatten(self.bn2(self.conv2(x))))


class Block(nn.Cell):
    """A residual block that is the identity at the start, because its last gamma is zero."""

    def __init__(self) -> None:
        super().__init__()
        self.dense = nn.Dense(4, 4)
        self.norm = nn.BatchNorm1d(4, gamma_init="zeros")

    def construct(self, x: Tensor) -> Tensor:
        return x + self.norm(self.dense(x))


class Residual(nn.Cell):
    """Stem, block and head; [N, 4] to [N, 3]."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Dense(4, 4)
        self.block = Block()
        self.head = nn.Dense(4, 3)

    def construct(self, x: Tensor) -> Tensor:
        return self.head(self.block(self.stem(x)))


class Branches(nn.Cell):
    """Two branches behind a stem: a cut behind one leaves the stem reachable; [N, 4] to [N, 3]."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Dense(4, 4)
        self.left = nn.Dense(4, 3)
        self.right = nn.Dense(4, 3)

    def construct(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        return self.left(x) + self.right(x)


class Halves(nn.Cell):
    """A cell whose output is a tuple within a tuple."""

    def __init__(self) -> None:
        super().__init__()
        self.dense = nn.Dense(4, 4)

    def construct(self, x: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        x = self.dense(x)
        return x, (x * 2, ops.tanh(x))


class Tupled(nn.Cell):
    """A stem and a head with tuples between them; [N, 4] to [N, 3]."""

    def __init__(self) -> None:
        super().__init__()
        self.halves = Halves()
        self.head = nn.Dense(4, 3)

    def construct(self, x: Tensor) -> Tensor:
        dense, (left, right) = self.halves(x)
        return self.head(dense + left + right)


class Nested(nn.Cell):
    """A list of sequences, which is never called itself; [N, 4] to [N, 3]."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Dense(4, 4)
        self.layers = nn.CellList([nn.SequentialCell(nn.Dense(4, 4), nn.Tanh()) for _ in range(2)])
        self.head = nn.Dense(4, 3)

    def construct(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        for layer in self.layers:
            x = layer(x)
        return self.head(x)


class Gated(nn.Cell):
    """A ReLU that lets nothing through at the start; [N, 4] to [N, 3]."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Dense(4, 4, weight_init="zeros", bias_init=-1)
        self.relu = nn.ReLU()
        self.middle = nn.Dense(4, 4)
        self.head = nn.Dense(4, 3)

    def construct(self, x: Tensor) -> Tensor:
        return self.head(self.middle(self.relu(self.stem(x))))


class Scaled(nn.Cell):
    """Owns two weights whose own names contain dots, like those of a tuple of parameters."""

    def __init__(self) -> None:
        super().__init__()
        ones = [Parameter(initializer("ones", (4,)), name=f"scales.{at}") for at in range(2)]
        self.scales = ParameterTuple(ones)

    def construct(self, x: Tensor) -> Tensor:
        return x * self.scales[0] * self.scales[1]


class Dotted(nn.Cell):
    """A stem, a ``Scaled`` cell, and a head; [N, 4] to [N, 3]."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Dense(4, 4)
        self.scaled = Scaled()
        self.head = nn.Dense(4, 3)

    def construct(self, x: Tensor) -> Tensor:
        return self.head(self.scaled(self.stem(x)))
