"""Ones with zeros as labels: inputs of models whose values can be calculated by hand."""

from collections.abc import Sequence

import numpy as np

from .arrays import Pipelines, pipelines


def ones(
    batch_size: int, shape: Sequence[int], label_shape: Sequence[int], samples: int
) -> Pipelines:
    """Return pipelines of samples that are all ones, with labels that are all zeros.

    Args:
        batch_size: samples per batch, 1 to `samples`.
        shape: of one sample: [1, 32, 32] for `ThreeConvs`, [1] for `ThreeLinears`.
        label_shape: of one label, the shape of the model's output for one sample: [6, 27, 27] for
            `ThreeConvs`, [2] for `ThreeLinears`.
        samples: number per epoch, which has `samples // batch_size` steps.

    Returns:
        Training and validation, equal in content: `image` [batch_size, *shape] float32 and
        `label` [batch_size, *label_shape] float32.

    Raises:
        ValueError: `batch_size` is out of range.
    """
    images = np.ones((samples, *shape), np.float32)
    labels = np.zeros((samples, *label_shape), np.float32)
    return pipelines((images, labels), (images, labels), batch_size)
