"""Batch normalisation and its gradients in plain NumPy."""

import numpy as np

from trainer.backend.convolutions.reference import Array

EPSILON = 1e-5
_AXES = (0, 2, 3)  # all but the channels


def forward(x: Array, gamma: Array, beta: Array) -> Array:
    """Return the output in training."""
    return _channels(gamma) * _normalized(x) + _channels(beta)


def inference(x: Array, gamma: Array, beta: Array, mean: Array, variance: Array) -> Array:
    """Return the output with given statistics."""
    scale = gamma / np.sqrt(variance + EPSILON)
    return _channels(scale) * (x - _channels(mean)) + _channels(beta)


def gradients(x: Array, gamma: Array, dy: Array) -> tuple[Array, Array, Array]:
    """Return the gradients of input, gamma and beta in training, given that of the output."""
    normalized, deviation = _normalized(x), np.sqrt(x.var(_AXES, keepdims=True) + EPSILON)
    dgamma, dbeta = (dy * normalized).sum(_AXES), dy.sum(_AXES)
    count = x.size / len(gamma)
    mean_parts = (_channels(dbeta) + normalized * _channels(dgamma)) / count
    return _channels(gamma) / deviation * (dy - mean_parts), dgamma, dbeta


def _normalized(x: Array) -> Array:
    variance = x.var(_AXES, keepdims=True)
    return np.asarray((x - x.mean(_AXES, keepdims=True)) / np.sqrt(variance + EPSILON))


def _channels(values: Array) -> Array:
    return values.reshape(1, -1, 1, 1)
