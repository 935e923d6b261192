"""Python's operators and NumPy's methods on Variables."""

from __future__ import annotations

import operator
from typing import Any
from unittest import mock

import numpy as np
import pytest

from dezero_core import Parameter, Variable
from dezero_core import functions as F

BINARY = [
    operator.add,
    operator.sub,
    operator.mul,
    operator.truediv,
    operator.floordiv,
    operator.mod,
    operator.pow,
    operator.matmul,
    operator.lt,
    operator.le,
    operator.gt,
    operator.ge,
    operator.eq,
    operator.ne,
]
A, B = np.array([2.0, 3.0]), np.array([4.0, 2.5])


@pytest.mark.parametrize("op", BINARY)
def test_a_variable_on_either_side(op: Any) -> None:
    wanted = op(A, B)
    for a, b in (
        (Variable(A), Variable(B)),
        (Variable(A), B),
        (A, Variable(B)),
        (Parameter(A), Variable(B)),
    ):
        y = op(a, b)
        assert type(y) is Variable
        assert y.dtype == wanted.dtype
        np.testing.assert_array_equal(y.data, wanted)


@pytest.mark.parametrize("op", [op for op in BINARY if op is not operator.matmul])
@pytest.mark.parametrize("number", [2, 2.0, True, np.float64(2.0), np.float32(2.0), np.int64(2)])
def test_a_number_on_either_side(op: Any, number: Any) -> None:
    for x in (A, A.astype(np.float32), np.float64(2.0)):
        for y, wanted in (
            (op(Variable(x), number), op(x, number)),
            (op(number, Variable(x)), op(number, x)),
        ):
            assert type(y) is Variable
            assert y.dtype == wanted.dtype
            np.testing.assert_allclose(y.data, wanted, rtol=1e-15)


def test_signs() -> None:
    x = Variable(np.array([-2.0, 3.0]))
    assert (-x).data.tolist() == [2.0, -3.0]
    assert (+x).data.tolist() == [-2.0, 3.0]
    assert abs(x).data.tolist() == [2.0, 3.0]


def test_gradients_through_reflected_operators() -> None:
    x = Variable(np.array(2.0))
    for f, slope in (
        (lambda: 3.0 + x, 1.0),
        (lambda: 3.0 - x, -1.0),
        (lambda: 3.0 * x, 3.0),
        (lambda: 3.0 / x, -0.75),
        (lambda: 3.0 % x, -1.0),
        (lambda: 1.0**x, 0.0),
        (lambda: np.array(3.0) - x, -1.0),
        (lambda: np.float64(3.0) / x, -0.75),
    ):
        x.cleargrad()
        f().backward()
        assert x.grad is not None and float(x.grad) == slope


def test_an_array_plus_a_variable_is_one_variable() -> None:
    # Not an array of objects, each element a Variable.
    y = np.ones(3) + Variable(np.arange(3.0))
    assert type(y) is Variable
    assert y.data.tolist() == [1.0, 2.0, 3.0]


def test_in_place_operators_make_new_variables() -> None:
    x = Variable(np.array([1.0, 2.0]))
    first = x
    x += 1
    x *= 2
    assert x is not first and first.data.tolist() == [1.0, 2.0]
    x.backward()
    assert first.grad is not None and first.grad.data.tolist() == [2.0, 2.0]


def test_equality_is_element_by_element() -> None:
    x = Variable(np.array([1.0, 2.0]))
    assert (x == 1.0).data.tolist() == [True, False]
    assert (x != np.array([1.0, 3.0])).data.tolist() == [False, True]
    assert not (x == x).requires_grad


def test_equality_with_what_is_no_operand() -> None:
    x = Variable(np.array([1.0, 2.0]))
    for other in (None, "x", object(), {}):
        assert (x == other) is False
        assert (x != other) is True
    assert x == mock.ANY
    with pytest.raises(TypeError, match=r"equal: a builtins.list .*numpy.asarray"):
        x == [1.0, 2.0]  # noqa: B015


def test_variables_are_hashable_by_identity() -> None:
    x, y = Variable(np.array(1.0)), Variable(np.array(1.0))
    assert len({x, y, x}) == 2
    assert {x: "x"}[x] == "x"


def test_operands_that_do_not_fit_are_named() -> None:
    with pytest.raises(ValueError, match=r"multiply: .*x0: float64\[2\], x1: float64\[3\]"):
        Variable(np.ones(2)) * Variable(np.ones(3))
    with pytest.raises(TypeError, match=r"add: a builtins.str is an array of no backend"):
        Variable(np.ones(2)) + "1"
    with pytest.raises(TypeError, match=r"subtract: a builtins.NoneType|subtract: .*None"):
        Variable(np.ones(2)) - None


def test_methods() -> None:
    array = np.arange(6.0).reshape(2, 3)
    x = Variable(array)
    for y, wanted in (
        (x.T, array.T),
        (x.reshape(3, 2), array.reshape(3, 2)),
        (x.reshape((3, 2)), array.reshape(3, 2)),
        (x.reshape([3, -1]), array.reshape(3, 2)),
        (x.reshape(6), array.reshape(6)),
        (x.transpose(), array.T),
        (x.transpose(0, 1), array),
        (x.transpose((1, 0)), array.T),
        (x.transpose(None), array.T),
        (x.flatten(), array.flatten()),
        (x.astype(np.float32), array.astype(np.float32)),
        (x.sum(), array.sum()),
        (x.sum(axis=0), array.sum(axis=0)),
        (x.sum((0, 1), True), array.sum((0, 1), keepdims=True)),
        (x.mean(1), array.mean(1)),
        (x.max(axis=0, keepdims=True), array.max(axis=0, keepdims=True)),
        (x.min(), array.min()),
        (x.dot(array.T), array @ array.T),
        (x.matmul(array.T), array @ array.T),
        (x[1], array[1]),
        (x[:, ::2], array[:, ::2]),
        (x[np.array([0, 0])], array[[0, 0]]),
    ):
        assert type(y) is Variable
        assert y.dtype == wanted.dtype
        np.testing.assert_array_equal(y.data, wanted, strict=True)
        x.cleargrad()
        y.backward()
        assert x.grad is not None and x.grad.shape == (2, 3)


def test_operators_and_functions_are_the_same_operations() -> None:
    x = Variable(np.array(2.0))
    for y, name in (
        (x + 1, "add"),
        (1 - x, "subtract"),
        (x**2, "power"),
        (-x, "negative"),
        (abs(x), "absolute"),
    ):
        assert y._node is not None and y._node.plan is not None
        assert y._node.plan.name == name
    assert Variable.__add__.__qualname__ == "Variable.__add__"
    assert (F.add(x, 1) == x + 1).data


def test_elements_are_not_assigned_and_the_error_says_what_to_do() -> None:
    x = Variable(np.array([1.0, 2.0]))
    with pytest.raises(TypeError, match=r"cannot be assigned.*F\.where.*x\.data\[\.\.\.\] = value"):
        x[0] = 5.0  # type: ignore[index]
    assert x.data.tolist() == [1.0, 2.0]
