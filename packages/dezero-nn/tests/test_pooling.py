"""Pooling: values that are easy to get wrong, ties, memory layouts of gradients, bad input."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dezero_core import Variable, grad
from dezero_nn import functions as F


@pytest.mark.parametrize("pooling", [F.pooling, F.pooling_simple])
def test_negative_images_keep_their_largest(pooling: Any) -> None:
    x = -np.arange(1.0, 10.0).reshape(1, 1, 3, 3)
    y = pooling(x, 2, stride=2, pad=1)
    np.testing.assert_array_equal(y.data, [[[[-1.0, -2.0], [-4.0, -5.0]]]])


def test_integers() -> None:
    x = -np.arange(1, 10).reshape(1, 1, 3, 3)
    y = F.pooling(x, 2, stride=2, pad=1)
    assert y.dtype == x.dtype
    np.testing.assert_array_equal(y.data, [[[[-1, -2], [-4, -5]]]])


def test_windows_outside_of_the_image() -> None:
    x = Variable(np.array([[[[1.0, 2.0]]]]))
    y = F.pooling(x, (1, 2), stride=(1, 2), pad=(0, 2))
    np.testing.assert_array_equal(y.data, [[[[-np.inf, 2.0, -np.inf]]]])
    y[0, 0, 0, 1].backward()
    assert x.grad is not None
    np.testing.assert_array_equal(x.grad.data, [[[[0.0, 1.0]]]])


@pytest.mark.parametrize(
    ("stride", "wanted"),
    [
        (2, [[1.0, 0, 1, 0], [0, 0, 0, 0], [1, 0, 1, 0], [0, 0, 0, 0]]),
        (1, [[1.0, 1, 1, 0], [1, 1, 1, 0], [1, 1, 1, 0], [0, 0, 0, 0]]),
    ],
)
def test_the_first_of_equal_elements_takes_the_gradient(stride: int, wanted: Any) -> None:
    x = Variable(np.ones((1, 1, 4, 4)))
    F.pooling(x, 2, stride=stride).sum().backward()
    assert x.grad is not None
    np.testing.assert_array_equal(x.grad.data[0, 0], wanted)


def test_the_first_is_found_row_by_row() -> None:
    x = Variable(np.array([[[[0.0, 5.0], [5.0, 0.0]]]]))
    F.pooling(x, 2).backward()
    assert x.grad is not None
    np.testing.assert_array_equal(x.grad.data, [[[[0.0, 1.0], [0.0, 0.0]]]])


@pytest.mark.parametrize("function", [F.pooling, F.average_pooling])
def test_a_large_batch_is_as_its_images(function: Any) -> None:
    """Gradients are computed some images at a time."""
    x = np.random.default_rng(0).standard_normal((70, 8, 24, 24)).astype(np.float32)
    take = grad(lambda x: (function(x, 2, 2) ** 2).sum())
    whole = take(Variable(x)).data
    for i in (0, 35, 69):
        np.testing.assert_array_equal(whole[i : i + 1], take(Variable(x[i : i + 1])).data)


def test_average_counts_zeros_outside() -> None:
    y = F.average_pooling(np.ones((1, 1, 2, 2), np.float32), 2, stride=2, pad=1)
    np.testing.assert_array_equal(y.data, np.full((1, 1, 2, 2), 0.25, np.float32))


def test_average_of_rectangles_has_a_gradient() -> None:
    """The released package fails here."""
    x = Variable(np.arange(24.0).reshape(1, 1, 4, 6))
    y = F.average_pooling(x, (2, 3), stride=(2, 3))
    y.backward()
    np.testing.assert_allclose(y.data, [[[[4.0, 7.0], [16.0, 19.0]]]])
    assert x.grad is not None
    np.testing.assert_allclose(x.grad.data, np.full((1, 1, 4, 6), 1 / 6))


def test_global_pooling_is_a_reduction() -> None:
    x = np.random.default_rng(0).standard_normal((2, 3, 4, 5))
    np.testing.assert_array_equal(F.pooling(x, (4, 5)).data[..., 0, 0], x.max(axis=(2, 3)))
    np.testing.assert_allclose(F.average_pooling(x, (4, 5)).data[..., 0, 0], x.mean(axis=(2, 3)))


def test_the_result_is_no_view() -> None:
    x = np.ones((1, 1, 2, 2))
    for function in (F.pooling, F.average_pooling):
        assert not np.shares_memory(function(x, 1).data, x)


@pytest.mark.parametrize("function", [F.pooling, F.pooling_simple, F.average_pooling])
def test_errors(function: Any) -> None:
    name = function.__name__
    x = np.zeros((1, 1, 3, 3))
    with pytest.raises(
        ValueError, match=rf"{name}: the kernel, \(6, 6\), is larger than the padded"
    ):
        function(x, 6, 1, 1)
    with pytest.raises(
        ValueError, match=rf"{name}: x is an array of images, of shape \(N, C, H, W"
    ):
        function(x[0], 2)
    with pytest.raises(ValueError, match=rf"{name}: stride must be at least 1, it is \(0, 1\)"):
        function(x, 2, (0, 1))
    with pytest.raises(
        ValueError, match=rf"{name}: kernel_size must be at least 1, it is \(0, 0\)"
    ):
        function(x, 0)
