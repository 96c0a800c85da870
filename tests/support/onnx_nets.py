"""Nets of many operators at once, each of which is an output of its own."""

from collections.abc import Sequence

import numpy as np
from mindspore import Tensor, mint, nn, ops


class Activations(nn.Cell):
    """Activations and functions of single values."""

    def __init__(self) -> None:
        super().__init__()
        cells = [nn.GELU(approximate=False), nn.GELU(), nn.HSwish(), nn.HSigmoid(), nn.ELU()]
        cells += [nn.SiLU(), nn.Mish(), nn.LeakyReLU(), nn.PReLU(4, 0.1), nn.ReLU6(), nn.SeLU()]
        cells += [nn.CELU(), nn.Softmax(1), nn.LogSoftmax(), nn.Tanh(), nn.Sigmoid()]
        self.cells_ = nn.CellList(cells)

    def construct(self, x: Tensor) -> Sequence[Tensor]:
        outputs = [cell(x) for cell in self.cells_]
        outputs += [ops.clamp(x, -0.5, 0.5), ops.abs(x) ** 1.5, ops.rsqrt(ops.abs(x) + 1)]
        return (*outputs, ops.maximum(x, 0.1), ops.square(x), ops.exp(x), mint.add(x, x))


class InPlace(nn.Cell):
    """Values that are changed in place, each from a fresh one."""

    def construct(self, x: Tensor) -> Sequence[Tensor]:
        total = ops.relu(x)
        total += x
        difference = ops.relu(x)
        difference -= x
        product = ops.relu(x)
        product *= x
        quotient = ops.relu(x)
        quotient /= ops.relu(x) + 2
        number = ops.relu(x)
        number += 1.5
        number *= 2
        number -= 0.5
        number /= 3
        return total, difference, product, quotient, number


class Norms(nn.Cell):
    """Normalisation, pools, means and products."""

    def __init__(self) -> None:
        super().__init__()
        cells = [nn.GroupNorm(2, 4), nn.LayerNorm((6,)), nn.BatchNorm2d(4)]
        cells += [nn.AdaptiveAvgPool2d(size) for size in (1, 4, (None, 3))]
        cells += [nn.AdaptiveMaxPool2d(2), nn.AvgPool2d(2, 2), nn.MaxPool2d(3, 2, pad_mode="same")]
        cells += [nn.MaxPool2d(3, 2, pad_mode="pad", padding=1), nn.Flatten()]
        cells += [nn.AvgPool2d(3, 2, pad_mode="pad", padding=1, count_include_pad=False)]
        cells += [nn.Dense(6, 5), nn.Conv2d(4, 2, 3, 2, has_bias=True, group=2), nn.Dense(6, 2)]
        self.cells_ = nn.CellList(cells)

    def construct(self, x: Tensor) -> Sequence[Tensor]:
        outputs = [cell(x) for cell in self.cells_]
        outputs += [ops.mean(x, (2, 3)), x.sum(1), x.std(1), x.max(3), ops.bmm(x, x)]
        return (*outputs, ops.matmul(x, x), ops.L2Normalize(1)(x))


class Shapes(nn.Cell):
    """Values that are moved; much depends on the batch size."""

    def construct(self, x: Tensor) -> Sequence[Tensor]:
        batch = x.shape[0]
        first, second = ops.unstack(x.reshape((batch, 2, -1)), axis=1)
        halves = ops.split(x, 2, axis=1)
        rows = x.reshape((batch * 4, 6, 6)).swapaxes(1, 2)
        token = ops.broadcast_to(x[:1, :1], (batch, 2, 6, 6))
        outputs = [first * second, halves[1], rows, token, ops.tile(x[:1], (batch, 1, 1, 1))]
        outputs += [x[:, ::2, 1:], x[:, -1], ops.cat((x, token), 1), ops.stack((x, x), 1)]
        outputs += [ops.pad(x, (1, 2, 0, 1)), x.permute((0, 2, 3, 1)), x.expand_dims(1)]
        return (*outputs, nn.PixelShuffle(2)(x), mint.flatten(x, 1), x.astype(np.float16))


class Comparisons(nn.Cell):
    """Comparisons, and what follows from them."""

    def construct(self, x: Tensor) -> Sequence[Tensor]:
        y = x.swapaxes(2, 3)
        outputs = [x > y, x >= y, x < y, x <= y, x == y, x > 0.2, x >= 0.2, x <= 0.2]
        outputs += [ops.logical_and(x > y, x > 0.2), ops.logical_or(x > y, x > 0.2)]
        outputs += [ops.logical_not(x > y), ops.where(x > y, x, -y), ops.minimum(x, y)]
        outputs += [x.min(3), ops.min(x, axis=2)[1], ops.amax(x, 1), ops.amin(x, (2, 3))]
        return (*outputs, ops.maximum(x, y), ops.clamp(x, x[:1, :1, :1, :1], y[:1, :1, :1, 1:2]))


class Numbers(nn.Cell):
    """Functions of single values, and operators of mint."""

    def __init__(self) -> None:
        super().__init__()
        self.dense = mint.nn.Linear(6, 3)
        self.chosen = Tensor(np.array([2, 0], np.int32))

    def construct(self, x: Tensor) -> Sequence[Tensor]:
        positive = ops.abs(x) + 1
        outputs = [ops.floor(x), ops.ceil(x), ops.round(ops.floor(4 * x) / 2), ops.sign(x)]
        outputs += [ops.sin(x), ops.cos(x), ops.log(positive), ops.sqrt(positive), 1 / positive]
        outputs += [ops.softplus(x), x / positive, 1 - x, x - 0.5, self.dense(x)]
        outputs += [mint.mean(x, (2, 3)), mint.sum(x, 1), mint.nn.functional.log_softmax(x, 1)]
        outputs += [mint.sub(x, positive, alpha=2), mint.add(x, 0.5), mint.sub(x, 0.5)]
        outputs += [x.swapaxes(1, 2).contiguous(), ops.gather(x, self.chosen, 1)]
        outputs += [ops.slice(x, (0, 1, 0, 0), (x.shape[0], 2, 3, 4)), x.view((x.shape[0], -1))]
        outputs += [ops.interpolate(x, size=(9, 9), mode="bilinear", align_corners=True)]
        return (*outputs, ops.interpolate(x, size=(9, 9), mode="bilinear"))
