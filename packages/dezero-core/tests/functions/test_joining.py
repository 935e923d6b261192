from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dezero_core import Variable
from dezero_core import functions as F


@given(
    lengths=st.lists(st.integers(0, 3), min_size=1, max_size=4), axis=st.sampled_from([0, 1, -1])
)
def test_split_undoes_concatenate(lengths: list[int], axis: int) -> None:
    rng = np.random.default_rng(0)
    shapes = [(2, n) if axis else (n, 2) for n in lengths]
    xs = [Variable(rng.normal(size=shape)) for shape in shapes]
    y = F.concatenate(xs, axis)
    np.testing.assert_array_equal(y.data, np.concatenate([x.data for x in xs], axis))
    parts = F.split(y, np.cumsum(lengths[:-1]).tolist(), axis)
    for i, (x, part) in enumerate(zip(xs, parts, strict=True)):
        np.testing.assert_array_equal(part.data, x.data)
        F.sum(part * float(i + 1)).backward()
    for i, x in enumerate(xs):
        assert x.grad is not None
        np.testing.assert_array_equal(x.grad.data, np.full(x.shape, i + 1.0))


def test_the_same_variable_joined_twice_gets_both_gradients() -> None:
    x = Variable(np.array([1.0, 2.0]))
    (F.concatenate([x, x]) * np.array([1.0, 2.0, 3.0, 4.0])).backward()
    assert x.grad is not None and x.grad.data.tolist() == [4.0, 6.0]
    x.cleargrad()
    (F.stack([x, x], axis=1) * np.array([[1.0, 2.0], [3.0, 4.0]])).backward()
    assert x.grad is not None and x.grad.data.tolist() == [3.0, 7.0]


def test_joining_takes_what_can_be_iterated() -> None:
    x = Variable(np.array([[1.0, 2.0], [3.0, 4.0]]))
    y = F.concatenate(x)
    assert y.data.tolist() == [1.0, 2.0, 3.0, 4.0]
    y.backward()
    assert x.grad is not None and x.grad.data.tolist() == [[1.0, 1.0], [1.0, 1.0]]
    assert F.stack(row for row in np.eye(2)).data.tolist() == [[1.0, 0.0], [0.0, 1.0]]
    assert F.stack([1.0, Variable(np.array(2.0))]).data.tolist() == [1.0, 2.0]


def test_gradients_have_the_dtype_of_their_operands() -> None:
    single, double = Variable(np.ones(2, np.float32)), Variable(np.ones(1))
    y = F.concatenate([single, double])
    assert y.dtype == np.float64
    y.backward()
    assert single.grad is not None and double.grad is not None
    assert (single.grad.dtype, double.grad.dtype) == (np.float32, np.float64)


def test_split_by_number_and_by_places_is_numpys() -> None:
    x = np.arange(12.0).reshape(2, 6)
    for cuts in (1, 3, 6, [], [2], [0, 2, 2], [-2], [1, 9]):
        parts = F.split(x, cuts, axis=1)
        expected = np.split(x, cuts, axis=1)
        assert isinstance(parts, tuple)
        assert [p.data.tolist() for p in parts] == [p.tolist() for p in expected]


def test_a_part_that_is_not_used_gets_zeros() -> None:
    x = Variable(np.array([1.0, 2.0, 3.0]))
    y = F.split(x, 3)[1] ** 3
    y.backward(create_graph=True)
    gx = x.grad
    assert gx is not None and gx.data.tolist() == [0.0, 12.0, 0.0]
    x.cleargrad()
    F.sum(gx).backward()
    assert x.grad is not None and x.grad.data.tolist() == [0.0, 12.0, 0.0]


def test_constants_among_the_operands_are_left_alone() -> None:
    x = Variable(np.array([1.0]))
    y = F.concatenate([np.array([5.0]), x, np.array([6.0])])
    (y * np.array([1.0, 2.0, 3.0])).backward()
    assert x.grad is not None and x.grad.data.tolist() == [2.0]
    assert not F.concatenate([np.array([5.0])]).requires_grad


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda x: F.concatenate([]), ValueError, "concatenate: nothing to join"),
        (lambda x: F.stack(()), ValueError, "stack: nothing to join"),
        (lambda x: F.concatenate(3), TypeError, "concatenate: expected a list .* got .*int"),
        (lambda x: F.concatenate([x, [1.0]]), TypeError, r"concatenate: .*list"),
        (lambda x: F.concatenate([x, x], axis=2), ValueError, r"concatenate: axis 2 .*\[2, 3\]"),
        (
            lambda x: F.concatenate([x, x.T]),
            ValueError,
            r"concatenate: .*xs\[0\]: float64\[2, 3\], xs\[1\]: float64\[3, 2\]",
        ),
        (lambda x: F.concatenate([1.0, 2.0]), ValueError, r"concatenate: axis 0 is out of range"),
        (lambda x: F.stack([x, x.T]), ValueError, r"stack: .*same shape.*float64\[3, 2\]"),
        (lambda x: F.stack([x], axis=3), ValueError, r"stack: axis 3 is out of range"),
        (lambda x: F.split(x, 2, axis=1), ValueError, r"split: 2 parts .* axis 1 .*\[2, 3\]"),
        (lambda x: F.split(x, 0), ValueError, r"split: 0 parts"),
        (lambda x: F.split(x, 1.0), TypeError, "integer"),
        (lambda x: F.split(x, [2, 1], axis=1), ValueError, r"split: cuts must increase.*\[2, 1\]"),
        (lambda x: F.split(x, [-4], axis=1), ValueError, "split: cuts must increase"),
        (lambda x: F.split(x, 1, axis=2), ValueError, "split: axis 2 is out of range"),
        (lambda x: F.split(1.0, 1), ValueError, r"split: axis 0 is out of range: .*\[\]"),
    ],
)
def test_errors_name_the_function_and_the_shapes(call: Any, kind: Any, message: str) -> None:
    with pytest.raises(kind, match=message):
        call(np.ones((2, 3)))
