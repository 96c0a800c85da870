"""Label shape: broadcast labels make a loss compare each output with the labels of all samples."""

from typing import Any

import numpy as np
from mindspore import Tensor, nn

from trainer.backend.graph.task import is_classification
from trainer.core.errors import ConfigError


def check_label_shape(loss: nn.Cell, output: Any, label: Tensor) -> None:
    """Check that the loss compares each output with its own label.

    Outputs of shape (N, 1) and labels of shape (N,) become (N, N) by broadcasting. ``nn.MSELoss``
    and its like then train all outputs towards the mean label, without an error.

    Raises:
        ConfigError: the shapes broadcast in this way, and the order of labels makes no difference
            to the loss.
    """
    if not isinstance(output, Tensor) or is_classification(output, label, loss):
        return
    if _broadcasts(output.shape, label.shape) and _ignores_order(loss, output, label):
        raise ConfigError(
            [
                f"loss: expected labels of shape {_text(output.shape)}, that of the model's "
                f"output, received {_text(label.shape)}: the loss broadcasts them and compares "
                "each output with the labels of all samples"
            ]
        )


def _text(shape: tuple[int, ...]) -> str:
    """Return a shape with N for the number of samples."""
    return str(("N", *shape[1:])).replace("'", "")


def _broadcasts(output: tuple[int, ...], label: tuple[int, ...]) -> bool:
    """Return whether broadcasting makes an array larger than both."""
    try:
        size = np.prod(np.broadcast_shapes(output, label))
    except ValueError:
        return False
    return bool(size > max(np.prod(output), np.prod(label)))


def _ignores_order(loss: nn.Cell, output: Tensor, label: Tensor) -> bool:
    """Return whether labels in the opposite order give the same loss, for values all different."""
    outputs = Tensor(_different_values(output.shape), output.dtype)
    labels = _different_values(label.shape)
    ordered = loss(outputs, Tensor(labels, label.dtype)).asnumpy()
    reverse = loss(outputs, Tensor(labels[::-1].copy(), label.dtype)).asnumpy()
    return bool(np.allclose(ordered, reverse, rtol=1e-4))


def _different_values(shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
    size = int(np.prod(shape))
    return (np.arange(size, dtype=np.float32) / size).reshape(shape)
