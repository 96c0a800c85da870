"""The convolutions that the self-test compares with are right."""

import numpy as np
import pytest
from scipy.signal import correlate

from trainer.backend.convolutions import reference, self_test
from trainer.backend.convolutions.reference import Convolution


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("dimensions", [1, 2, 3])
def test_output_is_that_of_scipy(dimensions: int, stride: int) -> None:
    generator = np.random.default_rng(0)
    shape = Convolution("one", (1, 1, *[7] * dimensions), 1, 3, stride=stride, pad=1)
    x, weight = generator.normal(size=shape.inputs), generator.normal(size=shape.weight_shape)
    spans = (slice(None, None, stride),) * dimensions
    expected = correlate(np.pad(x[0, 0], 1), weight[0, 0], "valid")[spans]
    np.testing.assert_allclose(reference.forward(shape, x, weight)[0, 0], expected, atol=1e-12)


def test_dilation_puts_zeros_between_the_elements_of_the_kernel() -> None:
    generator = np.random.default_rng(0)
    dilated = Convolution("dilated", (2, 3, 9, 9), 4, 3, pad=1, dilation=2)
    dense = Convolution("dense", (2, 3, 9, 9), 4, 5, pad=1)
    x, weight = generator.normal(size=dilated.inputs), generator.normal(size=dilated.weight_shape)
    spread = np.zeros(dense.weight_shape)
    spread[:, :, ::2, ::2] = weight
    np.testing.assert_allclose(
        reference.forward(dilated, x, weight), reference.forward(dense, x, spread), atol=1e-12
    )


def test_groups_are_convolutions_next_to_each_other() -> None:
    generator = np.random.default_rng(0)
    grouped = Convolution("grouped", (2, 6, 5, 5), 4, 3, groups=2)
    half = Convolution("half", (2, 3, 5, 5), 2, 3)
    x, weight = generator.normal(size=grouped.inputs), generator.normal(size=grouped.weight_shape)
    parts = [
        reference.forward(half, x[:, 3 * i : 3 * i + 3], weight[2 * i : 2 * i + 2]) for i in (0, 1)
    ]
    np.testing.assert_allclose(reference.forward(grouped, x, weight), np.concatenate(parts, 1))


@pytest.mark.parametrize("shape", self_test.CASES, ids=lambda shape: shape.name)
def test_gradients_are_those_of_a_function_linear_in_each_argument(shape: Convolution) -> None:
    generator = np.random.default_rng(0)
    x, weight = generator.normal(size=shape.inputs), generator.normal(size=shape.weight_shape)
    dy = generator.normal(size=reference.forward(shape, x, weight).shape)
    dx, dw, db = reference.gradients(shape, x, weight, dy)
    other_x, other_weight = generator.normal(size=x.shape), generator.normal(size=weight.shape)
    assert (dx * other_x).sum() == pytest.approx(
        (dy * reference.forward(shape, other_x, weight)).sum()
    )
    assert (dw * other_weight).sum() == pytest.approx(
        (dy * reference.forward(shape, x, other_weight)).sum()
    )
    np.testing.assert_allclose(db, dy.sum(axis=tuple({*range(dy.ndim)} - {1})))


def test_another_shape_differs_without_bound() -> None:
    ones = np.ones((2, 3))
    assert reference.largest_difference([ones], [ones]) == 0
    assert reference.largest_difference([ones + 0.5], [2 * ones]) == 0.25
    assert reference.largest_difference([ones], [np.ones((3, 2))]) == np.inf
