from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra.numpy import mutually_broadcastable_shapes

from dezero_core import Variable
from dezero_core import functions as F
from dezero_core.functions.broadcasting import sum_array_to
from dezero_core.testing import fake_device


def gradient(function: Any, x: np.ndarray) -> np.ndarray:
    variable = Variable(x)
    function(variable).backward()
    assert variable.grad is not None
    return variable.grad.data


# The book's figures.


def test_step_40_broadcast_to_and_its_gradient() -> None:
    x = np.array([1, 2, 3])
    assert F.broadcast_to(x, (2, 3)).data.tolist() == [[1, 2, 3], [1, 2, 3]]
    assert gradient(lambda x: F.broadcast_to(x, (2, 3)), x).tolist() == [2, 2, 2]


def test_step_40_sum_to() -> None:
    x = np.array([[1, 2, 3], [4, 5, 6]])
    assert F.sum_to(x, (1, 3)).data.tolist() == [[5, 7, 9]]
    assert F.sum_to(x, (2, 1)).data.tolist() == [[6], [15]]
    assert gradient(lambda x: F.sum_to(x, (2, 1)), x).tolist() == [[1, 1, 1], [1, 1, 1]]


def test_step_40_arithmetic_undoes_broadcasting() -> None:
    x0, x1 = Variable(np.array([1, 2, 3])), Variable(np.array([10]))
    y = x0 + x1
    assert y.data.tolist() == [11, 12, 13]
    y.backward()
    assert x0.grad is not None and x1.grad is not None
    assert x0.grad.data.tolist() == [1, 1, 1]
    assert x1.grad.data.tolist() == [3]


# Any shapes.


@given(shapes=mutually_broadcastable_shapes(num_shapes=1, base_shape=(2, 1, 3, 4), min_side=1))
def test_sum_to_undoes_any_broadcast(shapes: Any) -> None:
    small, large = shapes.input_shapes[0], shapes.result_shape
    x = np.random.default_rng(0).normal(size=large)
    # Adjoint: the products of each with the other's result agree.
    b = np.random.default_rng(1).normal(size=small)
    summed = F.sum_to(x, small)
    assert summed.shape == small
    np.testing.assert_allclose(
        np.sum(summed.data * b), np.sum(x * F.broadcast_to(b, large).data), atol=1e-12
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16, np.int64])
@pytest.mark.parametrize(
    ("large", "small"),
    [
        ((100, 40), (40,)),
        ((100, 40), (1, 40)),
        ((100, 40), (100, 1)),
        ((100, 40), ()),
        ((100, 40), (1, 1)),
        ((8, 5, 6, 7), (1, 5, 1, 1)),
        ((8, 5, 6, 7), (5, 1, 1)),
        ((8, 5, 6, 7), (8, 1, 6, 1)),
        ((8, 5, 6, 7), (1, 5, 1, 7)),
        ((8, 1, 30, 7), (1, 30, 1)),
        ((0, 40), (40,)),
        ((40, 0), (1, 0)),
        ((40, 0), (40, 1)),
        ((2, 3), (3,)),
    ],
)
def test_large_sums_are_right(large: Any, small: Any, dtype: Any) -> None:
    x = np.random.default_rng(0).integers(-3, 4, size=large).astype(dtype)
    lead = len(large) - len(small)
    axes = tuple(i for i in range(len(large)) if i < lead or small[i - lead] != large[i])
    expected = x.astype(np.float64).sum(axis=axes).reshape(small)
    for layout in (x, np.asfortranarray(x), np.repeat(x, 2, axis=-1)[..., ::2]):
        y = sum_array_to(layout, small)
        assert y.dtype == dtype
        np.testing.assert_array_equal(y, expected)


def test_large_sums_keep_what_is_not_finite() -> None:
    x = np.zeros((1000, 3))
    x[5] = [np.inf, np.nan, -np.inf]
    np.testing.assert_array_equal(sum_array_to(x, (3,)), [np.inf, np.nan, -np.inf])


def test_broadcast_to_copies_small_results_and_views_large_ones() -> None:
    x = np.ones(8)
    assert F.broadcast_to(x, (2, 8)).data.strides == (64, 8)
    assert F.broadcast_to(x, (10_000, 8)).data.strides == (0, 8)
    assert F.broadcast_to(x, (8,)).shape == (8,)


def test_the_gradient_of_a_view_can_be_written_to() -> None:
    x = Variable(np.ones((300, 100)))
    F.sum(x).backward()
    assert x.grad is not None
    x.grad.data[0, 0] = 5.0
    assert x.grad.data.sum() == 30_004


def test_numbers_are_operands_too() -> None:
    assert F.broadcast_to(3, (2,)).data.tolist() == [3, 3]
    assert F.sum_to(3.0, ()).data == 3.0


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (
            lambda x: F.broadcast_to(x, (3, 2)),
            ValueError,
            r"broadcast_to: .*\[2, 3\] does not broadcast to \[3, 2\]",
        ),
        (lambda x: F.broadcast_to(x, 3), ValueError, r"broadcast_to: .*does not broadcast"),
        (lambda x: F.sum_to(x, (3, 1)), ValueError, r"sum_to: .*\[2, 3\].*\[3, 1\]"),
        (lambda x: F.sum_to(x, (1, 2, 3)), ValueError, r"sum_to: .*\[2, 3\].*\[1, 2, 3\]"),
        (lambda x: F.sum_to([[1]], (1,)), TypeError, r"sum_to: .*list.*numpy\.asarray"),
    ],
)
def test_errors_name_the_function_and_the_shapes(call: Any, kind: Any, message: str) -> None:
    with pytest.raises(kind, match=message):
        call(np.ones((2, 3)))


def test_a_variable_without_array_says_so() -> None:
    with pytest.raises(ValueError, match="holds no array yet"):
        F.sum_to(Variable(None), (1,))


def test_undoing_a_broadcast_waits_for_no_device() -> None:
    with fake_device() as device:
        x, b = (Variable(device.asarray(np.ones(s))) for s in ((200, 30), (30,)))
        with device.forbid():
            (x + b).backward()
        assert b.grad is not None
        np.testing.assert_array_equal(device.to_numpy(b.grad.data), np.full(30, 200.0))
