from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes

from dezero_core import Variable
from dezero_core import functions as F
from dezero_core.testing import fake_device


def gradient(function: Any, x: np.ndarray) -> np.ndarray:
    variable = Variable(x)
    function(variable).backward()
    assert variable.grad is not None
    assert variable.grad.shape == x.shape
    return variable.grad.data


# The book's figures.


def test_step_39_sum() -> None:
    x = np.array([[1, 2, 3], [4, 5, 6]])
    assert F.sum(x).data == 21
    assert F.sum(x, axis=0).data.tolist() == [5, 7, 9]
    assert gradient(F.sum, x).tolist() == [[1, 1, 1], [1, 1, 1]]
    assert gradient(lambda x: F.sum(x, axis=0), x).tolist() == [[1, 1, 1], [1, 1, 1]]
    assert Variable(np.array([1, 2, 3, 4, 5, 6])).sum().data == 21


def test_step_39_sum_keeps_axes() -> None:
    x = Variable(np.random.default_rng(0).normal(size=(2, 3, 4, 5)))
    assert x.sum(keepdims=True).shape == (1, 1, 1, 1)
    assert F.sum(x, axis=(0, -2), keepdims=True).shape == (1, 3, 1, 5)


# NumPy's values.


@pytest.mark.parametrize("name", ["sum", "mean", "var", "std", "prod"])
@given(shape=array_shapes(min_dims=0, max_dims=4, max_side=3), data=st.data())
def test_axes_are_numpys(name: str, shape: tuple[int, ...], data: st.DataObject) -> None:
    x = np.random.default_rng(0).normal(size=shape)
    ndim = len(shape)
    axes = data.draw(st.permutations(range(ndim)))[: data.draw(st.integers(0, ndim))]
    axis = data.draw(st.sampled_from([None, tuple(a - ndim for a in axes)]))
    keepdims = data.draw(st.booleans())
    y = getattr(F, name)(x, axis=axis, keepdims=keepdims)
    expected = getattr(np, name)(x, axis=axis, keepdims=keepdims)
    assert y.shape == expected.shape
    np.testing.assert_allclose(y.data, expected, rtol=1e-12, atol=1e-14)
    gradient(lambda x: getattr(F, name)(x, axis=axis, keepdims=keepdims), x)


@pytest.mark.parametrize("name", ["sum", "mean", "var", "std", "prod", "cumsum"])
@pytest.mark.parametrize("dtype", [np.bool_, np.int8, np.int64, np.float16, np.float32])
def test_dtypes_are_numpys(name: str, dtype: Any) -> None:
    x = np.array([[1, 0, 1], [1, 1, 0]]).astype(dtype)
    y = getattr(F, name)(x)
    expected = getattr(np, name)(x)
    assert y.dtype == expected.dtype
    np.testing.assert_allclose(y.data, expected, rtol=1e-3)


def test_mean_does_not_overflow() -> None:
    assert F.mean(np.full(100_000, 2.0, np.float16)).data == 2.0
    assert F.mean(np.full(4, 2**62)).data == 2.0**62


def test_integers_have_gradients() -> None:
    x = np.array([1, 2, 3, 4])
    assert gradient(F.sum, x).dtype == np.int64
    assert gradient(F.mean, x).tolist() == [0.25] * 4
    assert gradient(F.prod, x).tolist() == [24, 12, 8, 6]
    assert gradient(F.var, x).tolist() == [-0.75, -0.25, 0.25, 0.75]


def test_average_is_mean() -> None:
    assert F.average(np.array([1.0, 2.0])).data == 1.5


def test_numbers_are_operands_too() -> None:
    assert F.sum(2.5).data == F.mean(2.5).data == F.prod(2.5).data == 2.5
    assert F.cumsum(2.5).data.tolist() == [2.5]
    assert F.var(3).data == 0.0


# Empty arrays.


def test_empty_sums_and_products() -> None:
    x = Variable(np.ones((0, 3)))
    y = F.sum(x, axis=0) + F.prod(x, axis=0)
    assert y.data.tolist() == [1.0, 1.0, 1.0]
    y.backward()
    assert x.grad is not None and x.grad.shape == (0, 3)
    assert F.sum(np.ones((0, 3)), axis=1).shape == (0,)
    assert F.cumsum(np.ones(0)).shape == (0,)


def test_the_mean_of_nothing_is_nan_with_a_warning() -> None:
    x = Variable(np.ones((0, 2)))
    with pytest.warns(RuntimeWarning, match="invalid value"):
        y = F.mean(x, axis=0)
    assert np.isnan(y.data).all()
    y.backward()
    assert x.grad is not None and x.grad.shape == (0, 2)


def test_no_degrees_of_freedom_are_nan_with_a_warning() -> None:
    x = Variable(np.array([1.0]))
    with pytest.warns(RuntimeWarning):
        y = F.var(x, ddof=1)
    assert np.isnan(y.data)
    y.backward()
    assert x.grad is not None and np.isnan(x.grad.data).all()


# Variance.


def test_an_offset_costs_variance_no_precision() -> None:
    x = np.array([1.0, 2.0, 3.0, 4.0]) + 1e8
    assert F.var(x).data == 1.25
    assert gradient(F.var, x).tolist() == [-0.75, -0.25, 0.25, 0.75]
    single = np.array([1.0, 2.0, 3.0, 4.0], np.float32) + np.float32(4096)
    assert F.std(single, ddof=1).data == np.float32(np.sqrt(5 / 3))


def test_std_of_equal_elements_has_gradient_zero() -> None:
    x = np.array([[2.0, 2.0, 2.0], [1.0, 2.0, 3.0]])
    g = gradient(lambda x: F.std(x, axis=1), x)
    assert g[0].tolist() == [0.0, 0.0, 0.0]
    np.testing.assert_allclose(g[1], np.array([-1.0, 0.0, 1.0]) / (3 * np.sqrt(2 / 3)))
    variable = Variable(x)
    F.std(variable, axis=1).backward(create_graph=True)
    assert variable.grad is not None
    np.testing.assert_array_equal(variable.grad.data, g)


# Products.


@pytest.mark.parametrize(
    ("x", "expected"),
    [
        ([2.0, 3.0, 4.0], [12.0, 8.0, 6.0]),
        ([2.0, 0.0, 4.0], [0.0, 8.0, 0.0]),
        ([0.0, 0.0, 4.0], [0.0, 0.0, 0.0]),
        ([5.0], [1.0]),
        ([1e200, 1e-200, 1e200], [1.0, np.inf, 1.0]),
    ],
)
def test_gradients_of_prod(x: list[float], expected: list[float]) -> None:
    with np.errstate(over="ignore"):
        np.testing.assert_allclose(gradient(F.prod, np.array(x)), expected)


def test_third_derivatives_of_prod_at_zeros() -> None:
    x = Variable(np.array([0.0, 0.0, 0.0, 5.0]))
    g = F.prod(x)
    for _ in range(3):
        x.cleargrad()
        g.backward(create_graph=True)
        assert x.grad is not None
        # What differentiating by the first, the second and the third element leaves.
        g = F.sum(x.grad * np.array([1.0, 2.0, 4.0, 0.0]))
    # The coefficient of x0 x1 x2 in the third derivative: 3! * 1 * 2 * 4 * x3.
    assert g.data == 6 * 8 * 5


@given(n=st.integers(0, 40))
def test_prod_of_any_number_of_elements(n: int) -> None:
    x = np.random.default_rng(n).uniform(0.5, 1.5, size=(2, n))
    expected = np.prod(x, axis=1, keepdims=True) / x
    np.testing.assert_allclose(gradient(lambda x: F.prod(x, axis=1), x), expected)


# The running sum.


def test_cumsum() -> None:
    x = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    assert F.cumsum(x).data.tolist() == [1.0, 3.0, 6.0, 10.0, 15.0, 21.0]
    assert F.cumsum(x, axis=-1).data.tolist() == [[1.0, 3.0, 6.0], [4.0, 9.0, 15.0]]
    assert gradient(F.cumsum, x).tolist() == [[6.0, 5.0, 4.0], [3.0, 2.0, 1.0]]
    assert gradient(lambda x: F.cumsum(x, axis=0), x).tolist() == [[2.0] * 3, [1.0] * 3]


# Errors, and what a device must not be asked.


@pytest.mark.parametrize("name", ["sum", "mean", "var", "std", "prod"])
def test_errors_name_the_function_the_axis_and_the_shape(name: str) -> None:
    function, x = getattr(F, name), Variable(np.ones((2, 3)))
    with pytest.raises(
        ValueError, match=rf"^{name}: axis 2 is out of range: .*\[2, 3\] has 2 axes"
    ):
        function(x, axis=2)
    with pytest.raises(IndexError, match=rf"^{name}: axis -3 is out of range"):
        function(x, axis=(0, -3))
    with pytest.raises(ValueError, match=rf"^{name}: axis 1{'0' * 30} is out of range"):
        function(x, axis=10**30)
    with pytest.raises(ValueError, match=rf"^{name}: axis=\(1, -1\) names an axis twice"):
        function(x, axis=(1, -1))
    with pytest.raises(TypeError, match=rf"^{name}: an axis is an integer, got 1\.5"):
        function(x, axis=1.5)
    with pytest.raises(TypeError, match=rf"^{name}: an axis is an integer, got True"):
        function(x, True)
    with pytest.raises(TypeError, match=rf"^{name}: .*list"):
        function([1.0, 2.0])


def test_cumsum_takes_one_axis() -> None:
    with pytest.raises(TypeError, match=r"cumsum: an axis is an integer, got \(0, 1\)"):
        F.cumsum(np.ones((2, 3)), axis=(0, 1))  # type: ignore[arg-type]


def test_reductions_wait_for_no_device() -> None:
    with fake_device() as device:
        x = Variable(device.asarray(np.array([[2.0, 2.0], [1.0, 3.0]])))
        with device.forbid():
            (F.std(x, axis=1) + F.prod(x, axis=1) + F.mean(x, axis=1)).backward()
        assert x.grad is not None
        np.testing.assert_allclose(device.to_numpy(x.grad.data), [[2.5, 2.5], [3.0, 2.0]])
