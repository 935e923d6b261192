"""Choices: ties, bounds, branches that are not taken, bit by bit masking."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays, mutually_broadcastable_shapes

from dezero_core import Variable
from dezero_core import functions as F


def gradients(y: Variable, *xs: Variable) -> list[Any]:
    for x in xs:
        x.cleargrad()
    y.backward()
    return [None if x.grad is None else x.grad.data.tolist() for x in xs]


# --- maximum, minimum ----------------------------------------------------------------------------


def test_ties_share_the_gradient() -> None:
    a, b = Variable(np.array([1.0, 2.0, 3.0])), Variable(np.array([1.0, 5.0, 0.0]))
    assert gradients(F.maximum(a, b), a, b) == [[0.5, 0.0, 1.0], [0.5, 1.0, 0.0]]
    assert gradients(F.minimum(a, b), a, b) == [[0.5, 1.0, 0.0], [0.5, 0.0, 1.0]]
    assert gradients(F.maximum(a, a), a) == [[1.0, 1.0, 1.0]]


def test_with_a_number() -> None:
    x = Variable(np.array([-1.0, 0.0, 2.0], np.float32))
    y = F.maximum(x, 0.0)
    assert (y.data.tolist(), y.dtype) == ([0.0, 0.0, 2.0], np.float32)
    assert gradients(y, x) == [[0.0, 0.5, 1.0]]
    assert gradients(F.minimum(0, x), x) == [[1.0, 0.5, 0.0]]


def test_0d() -> None:
    x = Variable(np.array(3.0))
    assert gradients(F.maximum(x, 1.0), x) == [1.0]
    assert gradients(F.minimum(x, 1.0), x) == [0.0]


def test_an_infinite_slope_stays_on_its_side() -> None:
    x = Variable(np.array([-1.0, 4.0]))
    with pytest.warns(RuntimeWarning, match="divide by zero"):
        y = gradients(F.sqrt(F.maximum(x, 0.0)), x)
    assert y == [[0.0, 0.25]]


# --- clip ----------------------------------------------------------------------------------------


def test_bounds_belong_to_the_inside() -> None:
    x = Variable(np.array([-1.0, 0.0, 0.5, 1.0, 2.0]))
    y = F.clip(x, 0.0, 1.0)
    assert y.data.tolist() == [0.0, 0.0, 0.5, 1.0, 1.0]
    assert gradients(y, x) == [[0.0, 1.0, 1.0, 1.0, 0.0]]
    assert gradients(F.clip(x, 0.0), x) == [[0.0, 1.0, 1.0, 1.0, 1.0]]
    assert gradients(F.clip(x, x_max=1.0), x) == [[1.0, 1.0, 1.0, 1.0, 0.0]]
    assert gradients(F.clip(x), x) == [[1.0, 1.0, 1.0, 1.0, 1.0]]


def test_bounds_get_the_gradient_of_what_they_replace() -> None:
    x = Variable(np.array([-1.0, 0.5, 2.0]))
    low, high = Variable(np.array(0.0)), Variable(np.array([1.0]))
    assert gradients(F.clip(x, low, high), x, low, high) == [[0.0, 1.0, 0.0], 1.0, [1.0]]


def test_the_upper_bound_holds_where_bounds_cross() -> None:
    x = Variable(np.array([-5.0, 1.5, 5.0]))
    low, high = Variable(np.array(2.0)), Variable(np.array(1.0))
    y = F.clip(x, low, high)
    assert y.data.tolist() == np.clip(x.data, 2.0, 1.0).tolist() == [1.0, 1.0, 1.0]
    assert gradients(y, x, low, high) == [[0.0, 0.0, 0.0], 0.0, 3.0]


def test_clip_gives_a_copy() -> None:
    x = np.array([1.0, 2.0])
    assert not np.shares_memory(F.clip(x).data, x)


def test_clip_keeps_dtypes() -> None:
    assert F.clip(np.array([1.5], np.float32), 0, 1).dtype == np.float32
    x = Variable(np.array([3, -3]))
    assert gradients(F.clip(x, 0, 2), x) == [[0, 0]]


# --- where ---------------------------------------------------------------------------------------


def test_where_chooses() -> None:
    condition = np.array([True, False, True])
    a, b = Variable(np.array([1.0, 2.0, 3.0])), Variable(np.array(9.0))
    y = F.where(condition, a, b)
    assert y.data.tolist() == [1.0, 9.0, 3.0]
    assert gradients(y, a, b) == [[1.0, 0.0, 1.0], 1.0]


def test_a_variable_as_condition() -> None:
    x = Variable(np.array([-1.0, 2.0]))
    assert gradients(F.where(x > 0, x, x * 10), x) == [[10.0, 1.0]]


def test_choosing_before_computing_gives_no_nan() -> None:
    x = Variable(np.array([0.0, 2.0]))
    y = F.where(x > 0, F.log(F.where(x > 0, x, 1.0)), 0.0)
    assert gradients(y, x) == [[0.0, 0.5]]


def test_an_infinite_gradient_stays_with_the_chosen() -> None:
    a, b = Variable(np.array([1.0, 1.0])), Variable(np.array([0.0, 0.0]))
    y = F.where(np.array([True, False]), a, b)
    y.grad = np.array([np.inf, np.nan])  # type: ignore[assignment]
    y.backward()
    assert a.grad is not None and b.grad is not None
    np.testing.assert_array_equal(a.grad.data, [np.inf, 0.0])
    np.testing.assert_array_equal(b.grad.data, [0.0, np.nan])


def test_where_without_choices() -> None:
    with pytest.raises(TypeError, match=r"where: missing a required argument: 'x0'"):
        F.where(np.array([True]))


FLOATS = {16: np.float16, 32: np.float32, 64: np.float64}


@given(
    shapes=mutually_broadcastable_shapes(num_shapes=2, max_dims=3, max_side=4),
    width=st.sampled_from(sorted(FLOATS)),
    zero=st.sampled_from([0, 0.0, False]),
    data=st.data(),
)
def test_masking_is_where(shapes: Any, width: int, zero: Any, data: st.DataObject) -> None:
    # Zeros as a number take a shortcut through the bits: infinities and NaN must not matter.
    x = data.draw(arrays(FLOATS[width], shapes.input_shapes[0]))
    condition = data.draw(arrays(bool, shapes.input_shapes[1]))
    for ours, numpys in (
        (F.where(condition, x, zero), np.where(condition, x, zero)),
        (F.where(condition, zero, x), np.where(condition, zero, x)),
    ):
        assert ours.dtype == numpys.dtype
        np.testing.assert_array_equal(ours.data, numpys)


@pytest.mark.parametrize("layout", [lambda x: x.T, lambda x: x[::-1, ::2], lambda x: x[:0]])
def test_masking_of_any_layout(layout: Any) -> None:
    x = layout(np.arange(12.0).reshape(3, 4))
    condition = layout(np.arange(12).reshape(3, 4) % 3 == 0)
    np.testing.assert_array_equal(F.where(condition, x, 0).data, np.where(condition, x, 0))
    swapped = x.astype(x.dtype.newbyteorder())
    np.testing.assert_array_equal(F.where(condition, swapped, 0).data, np.where(condition, x, 0))
