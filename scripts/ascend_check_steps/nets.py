"""Small models for the pitfalls and the proof; in a file, because graphs are parsed from source."""

from mindspore import Tensor, nn, ops


class TwoConvs(nn.Cell):
    """Two convolutions and a head; [N, 1, 6, 6] to [N, 3]."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 2, 3, pad_mode="valid", has_bias=True)
        self.conv2 = nn.Conv2d(2, 2, 3, pad_mode="valid", has_bias=True)
        self.flatten = nn.Flatten()
        self.fc = nn.Dense(8, 3)

    def construct(self, x: Tensor) -> Tensor:
        """Return the scores."""
        return self.fc(self.flatten(self.conv2(self.conv1(x))))


class Normed(nn.Cell):
    """A BatchNorm after each convolution; [N, 1, 6, 6] to [N, 3]."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 2, 3, pad_mode="valid")
        self.bn1 = nn.BatchNorm2d(2)
        self.conv2 = nn.Conv2d(2, 2, 3, pad_mode="valid")
        self.bn2 = nn.BatchNorm2d(2)
        self.flatten = nn.Flatten()
        self.fc = nn.Dense(8, 3)

    def construct(self, x: Tensor) -> Tensor:
        """Return the scores."""
        x = self.bn1(self.conv1(x))
        return self.fc(self.flatten(self.bn2(self.conv2(x))))


def tower() -> nn.Cell:
    """Return cells in a container; [N, 1, 6, 6] to [N, 3]."""
    first = nn.Conv2d(1, 2, 3, pad_mode="valid", has_bias=True)
    return nn.SequentialCell(first, nn.Flatten(), nn.Dense(32, 3))


class Drifting(nn.Cell):
    """Writes to its own weight in each training step, which the proof must detect."""

    def __init__(self) -> None:
        super().__init__()
        self.flatten = nn.Flatten()
        self.fc1 = nn.Dense(1024, 8)
        self.fc2 = nn.Dense(8, 5)

    def construct(self, x: Tensor) -> Tensor:
        """Return the scores; [N, 1, 32, 32] to [N, 5]."""
        if self.training:
            ops.assign(self.fc1.weight, self.fc1.weight * 0.999)
        return self.fc2(ops.relu(self.fc1(self.flatten(x))))


class Convolution(nn.Cell):
    """A convolution without weights."""

    def construct(self, x: Tensor, kernel: Tensor) -> Tensor:
        """Return the convolution of images with a kernel."""
        return ops.conv2d(x, kernel)
