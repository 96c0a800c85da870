"""Test-time augmentation: the output for an image, averaged over the image and its mirror image."""

from collections.abc import Callable
from typing import Any

from mindspore import Tensor

from trainer.backend.batch_types import Batch

HFLIP = "hflip"


def averaged_over_flips(forward: Callable[..., Any]) -> Callable[..., Any]:
    """Return a model's call whose output is the mean over images and their mirror images.

    It costs a second forward pass, with the same compiled graph.

    Args:
        forward: of images [N, C, H, W] and further inputs, which are not changed.
    """

    def call(images: Tensor, *others: Tensor) -> Any:
        mirrored = Tensor(images.asnumpy()[..., ::-1].copy())
        return _mean(forward(images, *others), forward(mirrored, *others))

    return call


def _mean(one: Any, other: Any) -> Any:
    if isinstance(one, tuple):
        return tuple(map(_mean, one, other))
    return Tensor((one.asnumpy() + other.asnumpy()) / 2)


def problems(tta: str | None, batch: Batch) -> list[str]:
    """Return why the outputs for the mirror images of a batch cannot be averaged.

    Args:
        tta: of the settings; None: nothing is averaged.
        batch: inputs and, last, the label.
    """
    images, label = batch[0], batch[-1]
    if tta is None or (images.ndim == 4 and label.ndim <= 2):
        return []
    expected = "expected images [N, channels, height, width] and one label for each"
    received = f"received inputs of {tuple(images.shape)} and labels of {tuple(label.shape)}"
    return [f"evaluation.tta={tta}: {expected}, {received}"]
