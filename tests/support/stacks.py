"""Models with a list of blocks, and models that tie a parameter; [N, 4] to [N, 3]."""

from mindspore import Parameter, Tensor, lazy_inline, nn, ops
from mindspore.common.initializer import initializer


class Mixer(nn.Cell):
    """Dense, normalisation and dropout, around a residual."""

    def __init__(self) -> None:
        super().__init__()
        self.dense = nn.Dense(4, 4)
        self.norm = nn.BatchNorm1d(4)
        self.drop = nn.Dropout(p=0.5)

    def construct(self, x: Tensor) -> Tensor:
        return x + self.drop(self.norm(self.dense(x)))


class Stack(nn.Cell):
    """A stem, four blocks in a list, and a head."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Dense(4, 4)
        self.blocks = nn.CellList([Mixer() for _ in range(4)])
        self.head = nn.Dense(4, 3)

    def construct(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        for block in self.blocks:
            x = block(x)
        return self.head(x)


class Tied(nn.Cell):
    """An encoder and a decoder that share one weight, with a bias each."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Dense(4, 4)
        self.decoder = nn.Dense(4, 4)
        self.decoder.weight = self.encoder.weight
        self.head = nn.Dense(4, 3)

    def construct(self, x: Tensor) -> Tensor:
        return self.head(self.decoder(ops.tanh(self.encoder(x))))


class Generator(nn.Cell):
    """A head whose only weight is that of the first layer, as in language models."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Dense(4, 4, has_bias=False)
        self.body = nn.Dense(4, 4)
        self.head = nn.Dense(4, 4, has_bias=False)
        self.head.weight = self.embedding.weight

    def construct(self, x: Tensor) -> Tensor:
        return self.head(self.body(self.embedding(x)))


class Backward(nn.Cell):
    """Defined from head to stem, with a layer that is never called."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Dense(4, 3)
        self.unused = nn.Dense(4, 4)
        self.body = nn.SequentialCell(nn.Dense(4, 4))
        self.stem = nn.Dense(4, 4)

    def construct(self, x: Tensor) -> Tensor:
        return self.head(self.body(self.stem(x)))


class Twice(nn.Cell):
    """One cell under two names."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Dense(4, 4)
        self.second = self.first
        self.head = nn.Dense(4, 3)

    def construct(self, x: Tensor) -> Tensor:
        return self.head(self.second(ops.tanh(self.first(x))))


class Token(nn.Cell):
    """A parameter that the model itself owns, in front of a layer."""

    def __init__(self) -> None:
        super().__init__()
        self.token = Parameter(initializer("ones", (4,)), name="token")
        self.stem = nn.Dense(4, 4)
        self.head = nn.Dense(4, 3)

    def construct(self, x: Tensor) -> Tensor:
        return self.head(self.stem(x + self.token))


class Shelf(nn.CellList):
    """A list of cells that owns a parameter; it is never called, so no cut can follow it."""

    def __init__(self) -> None:
        super().__init__([nn.Dense(4, 4)])
        self.scale = Parameter(initializer("ones", (4,)), name="scale")


class Shelved(nn.Cell):
    """A list that owns a parameter."""

    def __init__(self) -> None:
        super().__init__()
        self.shelf = Shelf()
        self.head = nn.Dense(4, 3)

    def construct(self, x: Tensor) -> Tensor:
        return self.head(self.shelf[0](x * self.shelf.scale))


class LazyBlock(nn.Cell):
    """A residual block with late inlining, which no CPU compiles."""

    @lazy_inline
    def __init__(self) -> None:
        super().__init__()
        self.dense = nn.Dense(4, 4)

    def construct(self, x: Tensor) -> Tensor:
        return x + self.dense(x)


class Lazy(nn.Cell):
    """A stem, two such blocks, and a head."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Dense(4, 4)
        self.blocks = nn.SequentialCell(LazyBlock(), LazyBlock())
        self.head = nn.Dense(4, 3)

    def construct(self, x: Tensor) -> Tensor:
        return self.head(self.blocks(self.stem(x)))
