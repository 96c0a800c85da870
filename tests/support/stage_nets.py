"""Models whose stages are found: a chain of cells, and a text encoder."""

from mindspore import Parameter, Tensor, nn, ops


class Layer(nn.Cell):
    """A block of an encoder."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.Dense(4, 4)
        self.norm = nn.LayerNorm((4,))
        self.output = nn.Dense(4, 4)

    def construct(self, x: Tensor) -> Tensor:
        return x + self.output(self.norm(self.attention(x)))


class Encoder(nn.Cell):
    """Blocks in a list."""

    def __init__(self, layers: int) -> None:
        super().__init__()
        self.layer = nn.CellList([Layer() for _ in range(layers)])

    def construct(self, x: Tensor) -> Tensor:
        for layer in self.layer:
            x = layer(x)
        return x


class Shared(nn.Cell):
    """A head with the weight of another cell."""

    def __init__(self, weight: Parameter) -> None:
        super().__init__()
        self.weight = weight

    def construct(self, x: Tensor) -> Tensor:
        return ops.matmul(x, self.weight)


class Text(nn.Cell):
    """Like a text encoder; the head may share the embedding's weight. [N, 8] to [N, 8]."""

    def __init__(self, layers: int = 2, tied: bool = False) -> None:
        super().__init__()
        self.embeddings = nn.Dense(8, 4, has_bias=False)
        self.position = nn.Dense(4, 4)
        self.encoder = Encoder(layers)
        self.norm = nn.LayerNorm((4,))
        self.pooler = nn.Dense(4, 4)
        self.head = Shared(self.embeddings.weight) if tied else nn.Dense(4, 8)

    def construct(self, x: Tensor) -> Tensor:
        x = self.encoder(self.position(self.embeddings(x)))
        return self.head(self.pooler(self.norm(x)))


class Chain(nn.Cell):
    """Cells one after another."""

    def __init__(self, **cells: nn.Cell) -> None:
        super().__init__()
        self.names = list(cells)
        for name, cell in cells.items():
            setattr(self, name, cell)

    def construct(self, x: Tensor) -> Tensor:
        for name in self.names:
            x = getattr(self, name)(x)
        return x
