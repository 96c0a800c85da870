"""Layers: changes of MindCV's layers to those of other libraries. No parameter is replaced."""

from mindspore import Tensor, nn, ops


class PaddedMaxPool(nn.Cell):
    """Max-pooling of 3 x 3 with stride 2, padded by one on all sides.

    It pads with zeros, which is exact only for values that are not negative, as after a ReLU.
    """

    def __init__(self) -> None:
        super().__init__()
        self.pad = nn.Pad(((0, 0), (0, 0), (1, 1), (1, 1)))
        self.pool = nn.MaxPool2d(kernel_size=3, stride=2, pad_mode="valid")

    def construct(self, values: Tensor) -> Tensor:
        """Pad and pool."""
        return self.pool(self.pad(values))


def pad_on_all_sides(model: nn.Cell) -> None:
    """Pad every convolution by half its kernel, where MindCV pads as TensorFlow does."""
    for _, cell in model.cells_and_names():
        if isinstance(cell, nn.Conv2d):
            set_padding(cell, cell.kernel_size[0] // 2)


def set_padding(conv: nn.Conv2d, padding: int) -> None:
    """Pad a convolution by the same number on all sides."""
    conv.pad_mode, conv.padding = "pad", padding
    conv.conv2d = ops.Conv2D(
        out_channel=conv.out_channels,
        kernel_size=conv.kernel_size,
        pad_mode="pad",
        pad=padding,
        stride=conv.stride,
        dilation=conv.dilation,
        group=conv.group,
        data_format=conv.data_format,
    )


def exact_gelu(model: nn.Cell) -> None:
    """Compute GELU without the approximation by tanh."""
    for _, cell in model.cells_and_names():
        if isinstance(cell, nn.GELU):
            cell.approximate = "none"


def set_layer_norm_epsilon(model: nn.Cell, epsilon: float) -> None:
    """Set epsilon of every LayerNorm."""
    for _, cell in model.cells_and_names():
        if isinstance(cell, nn.LayerNorm):
            cell.epsilon = epsilon
            axes = {"begin_norm_axis": cell.begin_norm_axis}
            axes |= {"begin_params_axis": cell.begin_params_axis}
            cell.layer_norm = ops.LayerNorm(**axes, epsilon=epsilon)


def set_batch_norm_epsilon(model: nn.Cell, epsilon: float) -> None:
    """Set epsilon of every BatchNorm."""
    for _, cell in model.cells_and_names():
        if isinstance(cell, nn.BatchNorm2d):
            cell.eps = epsilon
            options = {"epsilon": epsilon, "data_format": cell.format}
            cell.bn_train = ops.BatchNorm(is_training=True, momentum=cell.momentum, **options)
            cell.bn_infer = ops.BatchNorm(is_training=False, **options)
