"""The batch normalisation that the self-test compares with is right."""

import numpy as np

from trainer.backend.convolutions import batch_norm_reference
from trainer.backend.convolutions.reference import Array

SIZE = (3, 2, 4, 5)


def test_output_has_the_mean_and_deviation_that_it_is_given() -> None:
    x = np.random.default_rng(0).normal(3, 2, SIZE)
    gamma, beta = np.array([2.0, -1.0]), np.array([5.0, 0.5])
    y = batch_norm_reference.forward(x, gamma, beta)
    np.testing.assert_allclose(y.mean((0, 2, 3)), beta, atol=1e-12)
    np.testing.assert_allclose(y.std((0, 2, 3)), abs(gamma), rtol=1e-4)
    assert np.corrcoef(x[:, 1].ravel(), y[:, 1].ravel())[0, 1] < -0.99


def test_inference_with_the_statistics_of_the_batch_is_the_same() -> None:
    x = np.random.default_rng(0).normal(3, 2, SIZE)
    gamma, beta = np.array([2.0, -1.0]), np.array([5.0, 0.5])
    statistics = x.mean((0, 2, 3)), x.var((0, 2, 3))
    np.testing.assert_allclose(
        batch_norm_reference.inference(x, gamma, beta, *statistics),
        batch_norm_reference.forward(x, gamma, beta),
    )


def test_gradients_are_those_of_small_steps() -> None:
    generator = np.random.default_rng(0)
    x, dy = generator.normal(size=SIZE), generator.normal(size=SIZE)
    values = (x, generator.normal(size=2), generator.normal(size=2))
    gradients = batch_norm_reference.gradients(x, values[1], dy)
    for position, gradient in enumerate(gradients):
        direction = generator.normal(size=gradient.shape)
        losses = [
            (dy * batch_norm_reference.forward(*_moved(values, position, step * direction))).sum()
            for step in (1e-5, -1e-5)
        ]
        slope = (losses[0] - losses[1]) / 2e-5
        np.testing.assert_allclose((gradient * direction).sum(), slope, rtol=1e-6)


def _moved(values: tuple[Array, ...], position: int, step: Array) -> list[Array]:
    return [value + step if i == position else value for i, value in enumerate(values)]
