"""Finite: weights of a file that are NaN or infinite, found before anything is trained on them."""

from collections.abc import Mapping

import numpy as np
from mindspore import Parameter
from numpy.typing import NDArray

from trainer.checkpoint.pretrained.source import WeightsSource

_SHOWN = 10


def not_finite_problems(
    parameters: Mapping[str, Parameter], loaded: Mapping[str, str], source: WeightsSource
) -> list[str]:
    """Return the errors of weights that are not finite, one per tensor.

    A value that the model itself has there is right: a mask of attention may hold infinities.

    Args:
        parameters: the model's, by name.
        loaded: the file's name of each parameter that is loaded.
        source: the file.
    """
    problems = []
    for name, origin in loaded.items():
        bad = _not_finite(source.weights[origin], parameters[name])
        if bad.size:
            values = f"{bad.size:,} of {source.weights[origin].size:,} values are not"
            problems.append(
                f"init_from: expected finite weights, received {origin} in {source.place}, of "
                f"which {values} (the first is {bad[0]}); the run that wrote it has diverged or "
                f"the file is damaged: use other weights, such as a snapshot of an earlier epoch, "
                f"RUN@EPOCH; a training run can re-initialise it by new_head={name}"
            )
    more = len(problems) - _SHOWN
    return problems[:_SHOWN] + ([f"init_from: and {more} more that are not finite"] * (more > 0))


def _not_finite(array: NDArray[np.generic], parameter: Parameter) -> NDArray[np.generic]:
    """Return the values that are neither finite nor the model's own."""
    if not np.issubdtype(array.dtype, np.inexact) or np.isfinite(array).all():
        return array.reshape(-1)[:0]
    values, own = array.reshape(-1), parameter.asnumpy().reshape(-1)
    return values[~np.isfinite(values) & (values != own)]
