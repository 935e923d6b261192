from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays, basic_indices, integer_array_indices

from dezero_core import Variable
from dezero_core import functions as F
from dezero_core.testing import fake_device


def gradient(function: Any, x: Any) -> Any:
    variable = Variable(np.array(x))
    function(variable).backward()
    assert variable.grad is not None
    return variable.grad.data.tolist()


def check_index(shape: tuple[int, ...], index: Any) -> None:
    """Compare a part, its gradient, and the gradient of that, with NumPy."""
    rng = np.random.default_rng(0)
    x = Variable(rng.normal(size=shape))
    y = F.get_item(x, index)
    np.testing.assert_array_equal(y.data, x.data[index])
    weights = rng.normal(size=y.shape)
    F.sum(y**2 * weights).backward(create_graph=True)
    expected = np.zeros(shape)
    np.add.at(expected, index, 2 * x.data[index] * weights)
    gx = x.grad
    assert gx is not None
    np.testing.assert_allclose(gx.data, expected, atol=1e-12)
    x.cleargrad()
    F.sum(gx).backward()
    expected = np.zeros(shape)
    np.add.at(expected, index, 2 * weights)
    assert x.grad is not None
    np.testing.assert_allclose(x.grad.data, expected, atol=1e-12)


# The book's figures.


def test_step_47_a_row() -> None:
    x = [[1, 2, 3], [4, 5, 6]]
    assert F.get_item(np.array(x), 1).data.tolist() == [4, 5, 6]
    assert gradient(lambda x: F.get_item(x, 1), x) == [[0, 0, 0], [1, 1, 1]]


def test_step_47_repeated_rows_add_up() -> None:
    x = [[1, 2, 3], [4, 5, 6]]
    indices = np.array([0, 0, 1])
    assert F.get_item(np.array(x), indices).data.tolist() == [[1, 2, 3], [1, 2, 3], [4, 5, 6]]
    assert gradient(lambda x: x[indices], x) == [[2, 2, 2], [1, 1, 1]]


def test_step_47_the_operator() -> None:
    x = Variable(np.array([[1, 2, 3], [4, 5, 6]]))
    assert x[1].data.tolist() == [4, 5, 6]
    assert x[:, 2].data.tolist() == [3, 6]
    assert x[0, 1].data == 2
    assert [row.data.tolist() for row in x] == [[1, 2, 3], [4, 5, 6]]


def test_get_item_is_differentiable_twice() -> None:
    x = Variable(np.array([1.0, 2.0, 3.0]))
    y = F.sum(x[np.array([0, 0, 2])] ** 3)
    y.backward(create_graph=True)
    gx = x.grad
    assert gx is not None and gx.data.tolist() == [6.0, 0.0, 27.0]
    x.cleargrad()
    F.sum(gx).backward()
    assert x.grad is not None and x.grad.data.tolist() == [12.0, 0.0, 18.0]


# NumPy's indexing.


@given(data=st.data(), shape=array_shapes(min_dims=1, max_dims=4, max_side=4))
def test_slices_and_integers(data: st.DataObject, shape: tuple[int, ...]) -> None:
    check_index(shape, data.draw(basic_indices(shape, allow_newaxis=True)))


@given(data=st.data(), shape=array_shapes(min_dims=1, max_dims=3, max_side=4))
def test_arrays_of_integers(data: st.DataObject, shape: tuple[int, ...]) -> None:
    dtypes = [np.dtype(np.int64), np.dtype(np.uint8)]
    index = data.draw(integer_array_indices(shape, dtype=data.draw(st.sampled_from(dtypes))))
    check_index(shape, index)


@given(data=st.data(), shape=array_shapes(min_dims=1, max_dims=3, max_side=4))
def test_some_arrays_among_slices(data: st.DataObject, shape: tuple[int, ...]) -> None:
    rows = data.draw(st.integers(-shape[0], shape[0] - 1))
    kind = data.draw(st.sampled_from(["first", "last", "both", "with None", "with int"]))
    first, last = np.array([rows, 0, rows]), np.array([shape[-1] - 1, 0, -1])
    index: Any = {
        "first": (first, ...),
        "last": (..., last),
        "both": (first, ..., last) if len(shape) > 1 else first,
        "with None": (None, first, ..., None),
        "with int": (first, *[0] * (len(shape) - 1)),
    }[kind]
    check_index(shape, index)


@given(data=st.data(), shape=array_shapes(min_dims=1, max_dims=3, max_side=4))
def test_masks(data: st.DataObject, shape: tuple[int, ...]) -> None:
    ndim = data.draw(st.integers(0, len(shape)))
    check_index(shape, data.draw(arrays(bool, shape[:ndim])))


def test_masks_beside_other_indices() -> None:
    check_index((2, 3, 4), (np.array([True, False]), [0, 2, 2], slice(1, 3)))
    check_index((2, 3, 4), (slice(None), np.array([True, False, True]), 1))
    check_index((2, 3), (np.array([False, True]), None, np.array([True, False, True])))


def test_indices_of_no_elements() -> None:
    for index in ([], np.zeros(3, bool), slice(0, 0), np.empty((0, 2), int), (None, [])):
        x = Variable(np.ones((3, 2)))
        y = F.get_item(x, index)
        assert y.size == 0
        y.backward()
        assert x.grad is not None and x.grad.data.tolist() == [[0.0, 0.0]] * 3


def test_all_of_a_0d_array() -> None:
    for index in ((), ..., None, True):
        assert gradient(lambda x, index=index: F.get_item(x, index), 2.0) == 1.0


def test_variables_are_indices_too() -> None:
    x = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    rows, columns = Variable(np.array([1, 0])), Variable(np.array([2, 2]))
    assert F.get_item(x, (rows, columns)).data.tolist() == [6.0, 3.0]
    assert F.get_item(x, Variable(np.array(1))).data.tolist() == [4.0, 5.0, 6.0]
    assert F.get_item(x, Variable(x) > 4).data.tolist() == [5.0, 6.0]
    assert F.get_item(x, (np.int64(1), np.int8(-1))).data == 6.0


def test_changing_an_index_afterwards_changes_no_gradient() -> None:
    x = Variable(np.array([1.0, 2.0, 3.0]))
    for index in (np.array([0, 2]), np.array([True, False, True]), [0, 2]):
        x.cleargrad()
        y = F.get_item(x, index)
        index[0] = index[1] = 0  # type: ignore[index]
        y.backward()
        assert x.grad is not None and x.grad.data.tolist() == [1.0, 0.0, 1.0]


def test_a_gradient_keeps_the_dtype() -> None:
    x = Variable(np.ones((4, 3), np.float32))
    for index in (1, [1, 1], ([1, 1], [0, 0]), np.ones(4, bool), (slice(None), [0, 0])):
        x.cleargrad()
        F.get_item(x, index).backward()
        assert x.grad is not None and x.grad.dtype == np.float32


def test_an_embedding() -> None:
    W = Variable(np.arange(12.0).reshape(4, 3))
    words = np.array([[0, 3, 3], [-1, 3, 1]])
    y = W[words]
    assert y.shape == (2, 3, 3)
    (y * np.arange(18.0).reshape(2, 3, 3)).backward()
    expected = np.zeros((4, 3))
    np.add.at(expected, words, np.arange(18.0).reshape(2, 3, 3))
    assert W.grad is not None
    np.testing.assert_array_equal(W.grad.data, expected)


# Along an axis.


@given(data=st.data(), shape=array_shapes(min_dims=1, max_dims=3, max_side=4))
def test_take_along_axis_is_numpys(data: st.DataObject, shape: tuple[int, ...]) -> None:
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    n = shape[axis]
    size = list(shape)
    size[axis] = data.draw(st.integers(0, 5))
    indices = data.draw(arrays(np.int8, tuple(size), elements=st.integers(-n, n - 1)))
    rng = np.random.default_rng(0)
    x = Variable(rng.normal(size=shape))
    y = F.take_along_axis(x, indices, axis)
    np.testing.assert_array_equal(y.data, np.take_along_axis(x.data, indices.astype(int), axis))
    weights, other = rng.normal(size=y.shape), rng.normal(size=shape)
    F.sum(y * weights).backward()
    assert x.grad is not None
    moved = np.take_along_axis(other, indices.astype(int), axis)
    np.testing.assert_allclose(np.sum(x.grad.data * other), np.sum(weights * moved), atol=1e-12)


def test_take_along_axis_sorts_and_adds_up() -> None:
    x = Variable(np.array([[3.0, 1.0, 2.0]]))
    order = Variable(np.argsort(x.data, axis=1))
    y = F.take_along_axis(x, order, axis=1)
    assert y.data.tolist() == [[1.0, 2.0, 3.0]]
    (y * np.array([1.0, 2.0, 3.0])).backward()
    assert x.grad is not None and x.grad.data.tolist() == [[3.0, 1.0, 2.0]]
    assert order.grad is None
    twice = gradient(lambda x: F.take_along_axis(x, np.array([[1, 1, -2]]), 1), [[3.0, 1.0, 2.0]])
    assert twice == [[0.0, 3.0, 0.0]]


def test_indices_of_few_bits_reach_far() -> None:
    x = Variable(np.ones((1, 300)))
    F.take_along_axis(x, np.array([[-1, 5]], np.int8)).backward()
    assert x.grad is not None
    assert np.flatnonzero(x.grad.data).tolist() == [5, 299]


# Errors.


@pytest.mark.parametrize(
    ("index", "message"),
    [
        (2, r"get_item: index 2 is out of bounds .* size 2 \(got x: float64\[2, 3\], index=\(2,\)"),
        ((0, -4), r"get_item: index -4 is out of bounds .*index=\(0, -4\)"),
        ([0, 5], r"get_item: index 5 is out of bounds .*index=\(array\(\[0, 5\]\),\)"),
        (([0, 1], [0, 7]), r"get_item: index 7 is out of bounds for axis 1"),
        (10**30, r"get_item: .*float64\[2, 3\]"),
        ((0, 0, 0), r"get_item: too many indices.*float64\[2, 3\], index=\(0, 0, 0\)"),
        (1.0, r"get_item: only integers, slices .*index=\(1\.0,\)"),
        ("a", r"get_item: .*index=\('a',\)"),
        ([0.5], r"get_item: arrays used as indices must be of integer .*float64\[2, 3\]"),
        ([[0], [1, 2]], r"get_item: the index \[\[0\], \[1, 2\]\] is no array"),
        (np.array([True] * 3), r"get_item: boolean index did not match.*float64\[2, 3\]"),
        (([0, 1], [0, 1, 2]), r"get_item: shape mismatch.*float64\[2, 3\]"),
        ((..., ...), r"get_item: .*ellipsis.*float64\[2, 3\]"),
    ],
)
def test_errors_of_indices_name_the_index_and_the_shape(index: Any, message: str) -> None:
    with pytest.raises(IndexError, match=message):
        F.get_item(Variable(np.ones((2, 3))), index)


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda x: F.get_item([1, 2], 0), TypeError, "get_item: .*list"),
        (lambda x: F.get_item(2.0, 0), IndexError, "get_item: "),
        (lambda x: F.take_along_axis(x, np.array([[3]])), IndexError, "take_along_axis: index 3"),
        (
            lambda x: F.take_along_axis(x, np.array([0])),
            ValueError,
            "take_along_axis: .*dimensions",
        ),
        (
            lambda x: F.take_along_axis(x, np.array([[0.0]])),
            IndexError,
            "take_along_axis: .*integer",
        ),
        (lambda x: F.take_along_axis(x, np.array([[0]]), 2), ValueError, "axis: axis 2 is out of"),
        (lambda x: F.take_along_axis(x, [[0]]), TypeError, "take_along_axis: .*list"),
    ],
)
def test_errors_name_the_function(call: Any, kind: Any, message: str) -> None:
    with pytest.raises(kind, match=message):
        call(np.ones((2, 3)))


def test_a_failure_records_nothing() -> None:
    x = Variable(np.ones(3))
    with pytest.raises(IndexError):
        x[3]
    (x[0] * 2.0).backward()
    assert x.grad is not None and x.grad.data.tolist() == [2.0, 0.0, 0.0]


def test_indices_stay_on_the_device() -> None:
    with fake_device() as device:
        x = Variable(device.asarray(np.arange(12.0).reshape(4, 3)))
        rows = device.asarray(np.array([0, 0, -1]))
        with device.forbid():
            F.sum(x[rows] ** 2 + x[1:] + x[:, None, 0][:3]).backward()
        assert x.grad is not None
        found = device.to_numpy(x.grad.data)
    np.testing.assert_array_equal(
        found, [[3.0, 4.0, 8.0], [4.0, 1.0, 1.0], [4.0, 1.0, 1.0], [19.0, 21.0, 23.0]]
    )


def test_integers_have_gradients_on_a_device() -> None:
    with fake_device() as device:
        x = Variable(device.asarray(np.array([[1, 2], [3, 4], [5, 6]])))
        rows = device.asarray(np.array([0, 0, -1]))
        columns = device.asarray(np.array([[0, 0], [1, 1], [0, 1]]))
        y = x[rows] * device.asarray(np.array([-1, -1]))
        (y + F.take_along_axis(x, columns, axis=1)).backward()
        assert x.grad is not None and x.grad.dtype == np.int64
        assert device.to_numpy(x.grad.data).tolist() == [[0, -2], [0, 2], [0, 0]]
