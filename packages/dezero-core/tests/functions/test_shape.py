from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes

from dezero_core import Variable
from dezero_core import functions as F


def gradient(function: Any, x: np.ndarray) -> np.ndarray:
    variable = Variable(x)
    function(variable).backward()
    assert variable.grad is not None
    return variable.grad.data


# The book's figures.


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int64])
def test_step_37_gradients_of_a_sum_of_tensors_are_ones_of_their_shape_and_dtype(
    dtype: Any,
) -> None:
    x = Variable(np.array([[1, 2, 3], [4, 5, 6]], dtype))
    c = Variable(np.array([[10, 20, 30], [40, 50, 60]], dtype))
    y = F.sum(x + c)
    y.backward(retain_grad=True)
    assert y.data == 231
    for variable in (x, c):
        assert variable.grad is not None
        assert variable.grad.dtype == dtype
        np.testing.assert_array_equal(variable.grad.data, np.ones((2, 3)))


@pytest.mark.parametrize(
    "reshape",
    [
        lambda x: F.reshape(x, (6,)),
        lambda x: F.reshape(x, 6),
        lambda x: x.reshape(6),
        lambda x: x.reshape((6,)),
        lambda x: x.reshape([2, 3, 1]),
        lambda x: x.reshape(3, 2),
        lambda x: x.reshape(3, -1),
    ],
)
def test_step_38_reshape_gives_the_gradient_the_shape_of_the_operand(reshape: Any) -> None:
    x = np.array([[1, 2, 3], [4, 5, 6]])
    assert reshape(Variable(x)).data.ravel().tolist() == [1, 2, 3, 4, 5, 6]
    np.testing.assert_array_equal(gradient(reshape, x), [[1, 1, 1], [1, 1, 1]])


@pytest.mark.parametrize("transpose", [F.transpose, lambda x: x.transpose(), lambda x: x.T])
def test_step_38_transpose(transpose: Any) -> None:
    x = np.array([[1, 2, 3], [4, 5, 6]])
    assert transpose(Variable(x)).data.tolist() == [[1, 4], [2, 5], [3, 6]]
    assert gradient(transpose, x).shape == (2, 3)


@pytest.mark.parametrize(
    "transpose",
    [
        lambda x: x.transpose(1, 0, 3, 2),
        lambda x: x.transpose((1, 0, 3, 2)),
        lambda x: x.transpose([1, 0, -1, 2]),
        lambda x: F.transpose(x, (1, 0, 3, 2)),
    ],
)
def test_step_38_transpose_with_axes(transpose: Any) -> None:
    x = np.arange(120.0).reshape(2, 3, 4, 5)
    np.testing.assert_array_equal(transpose(Variable(x)).data, x.transpose(1, 0, 3, 2))
    assert gradient(transpose, x).shape == (2, 3, 4, 5)


# Shapes.


def test_flatten_keeps_samples_apart_and_the_method_does_not() -> None:
    x = Variable(np.arange(24.0).reshape(2, 3, 4))
    assert F.flatten(x).shape == (2, 12)
    assert x.flatten().shape == (24,)
    assert F.flatten(np.ones((0, 3))).shape == (0, 3)
    with pytest.raises(ValueError, match=r"flatten: expected .*\(N, \.\.\.\), got .*\[\]"):
        F.flatten(np.array(1.0))


def test_numbers_are_operands_too() -> None:
    assert F.reshape(2.0, (1, 1)).data.tolist() == [[2.0]]
    assert F.transpose(1.5).data == 1.5
    assert F.astype(2, np.float32).dtype == np.float32


@given(shape=array_shapes(min_dims=1, max_dims=4), data=st.data())
def test_moving_axes_is_numpys(shape: tuple[int, ...], data: st.DataObject) -> None:
    x = np.arange(float(np.prod(shape))).reshape(shape)
    axes = data.draw(st.permutations(range(len(shape))))
    signed = [a - len(shape) if data.draw(st.booleans()) else a for a in axes]
    np.testing.assert_array_equal(F.transpose(x, signed).data, np.transpose(x, axes))
    k = data.draw(st.integers(0, len(shape)))
    places = data.draw(st.permutations(range(len(shape))))[:k]
    np.testing.assert_array_equal(
        F.moveaxis(x, signed[:k], places).data, np.moveaxis(x, axes[:k], places)
    )
    i, j = signed[0], signed[-1]
    np.testing.assert_array_equal(F.swapaxes(x, i, j).data, np.swapaxes(x, i, j))
    weights = np.random.default_rng(0).normal(size=[shape[a] for a in axes])
    variable = Variable(x)
    (F.transpose(variable, signed) * weights).backward()
    assert variable.grad is not None
    np.testing.assert_array_equal(variable.grad.data, weights.transpose(np.argsort(axes)))


@given(shape=array_shapes(min_dims=0, max_dims=3, min_side=0), data=st.data())
def test_axes_of_length_one_come_and_go(shape: tuple[int, ...], data: st.DataObject) -> None:
    x = np.zeros(shape)
    n_new = data.draw(st.integers(1, 2))
    ndim = len(shape) + n_new
    new = data.draw(st.permutations(range(-ndim, 0)))[:n_new]
    expanded = F.expand_dims(x, new)
    assert expanded.shape == np.expand_dims(x, new).shape
    assert F.squeeze(expanded, new).shape == shape
    assert F.squeeze(expanded).shape == np.squeeze(expanded.data).shape


# dtypes.


def test_astype_returns_gradients_in_the_dtype_of_the_operand() -> None:
    x = Variable(np.array([1.5, 2.5], np.float32))
    y = F.astype(x, np.float64)
    assert y.dtype == np.float64
    (y * y).backward()
    assert x.grad is not None and x.grad.dtype == np.float32
    assert x.grad.data.tolist() == [3.0, 5.0]
    half = x.astype("float16")
    x.cleargrad()
    half.backward()
    assert (half.dtype, x.grad.dtype) == (np.float16, np.float32)


def test_astype_to_integers_is_a_step_function() -> None:
    assert not F.astype(Variable(np.array([1.5])), int).requires_grad
    # Integers have the book's gradients, so they keep them.
    assert F.astype(Variable(np.array([1], np.int32)), np.int64).requires_grad


def test_astype_makes_a_copy() -> None:
    x = np.ones(2)
    assert F.astype(x, np.float64).data is not x


# Errors.


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda x: F.reshape(x, (4, 2)), ValueError, r"reshape: .*float64\[2, 3\]"),
        (lambda x: F.reshape(x, (2.0, 3)), TypeError, r"reshape: "),
        (lambda x: F.reshape([1, 2], (2, 1)), TypeError, r"reshape: .*list"),
        (
            lambda x: F.transpose(x, (0, 0)),
            ValueError,
            r"transpose: axes=\(0, 0\) .* shape \[2, 3\]",
        ),
        (lambda x: F.transpose(x, (0,)), ValueError, r"transpose: .* each of the 2 axes"),
        (lambda x: F.transpose(x, (0, 2)), ValueError, r"transpose: axis 2 is out of range"),
        (
            lambda x: F.swapaxes(x, 0, 2),
            IndexError,
            r"swapaxes: axis 2 is out of range: .*\[2, 3\] has 2",
        ),
        (lambda x: F.swapaxes(x, 0, 10**30), IndexError, r"swapaxes: axis 10{30} is out of range"),
        (lambda x: F.swapaxes(x, 0, 1.0), TypeError, r"swapaxes: an axis is an integer, got 1\.0"),
        (lambda x: F.swapaxes(x, 0, True), TypeError, r"swapaxes: .*got True .*bool"),
        (lambda x: F.moveaxis(x, (0, 1), 0), ValueError, r"moveaxis: .*equally many"),
        (lambda x: F.moveaxis(x, (0, -2), (0, 1)), ValueError, r"moveaxis: .*each once"),
        (lambda x: F.expand_dims(x, 3), ValueError, r"expand_dims: axis 3 is out of range"),
        (lambda x: F.expand_dims(x, (0, -4)), ValueError, r"expand_dims: .* names an axis twice"),
        (lambda x: F.squeeze(x, 1), ValueError, r"squeeze: axis=1 .*\[2, 3\]"),
        (lambda x: F.astype(x, complex), TypeError, r"astype: complex128 is not supported"),
        (lambda x: F.astype(x, object), TypeError, r"astype: object is not supported"),
    ],
)
def test_errors_name_the_function_and_the_shapes(call: Any, kind: Any, message: str) -> None:
    with pytest.raises(kind, match=message):
        call(np.ones((2, 3)))
