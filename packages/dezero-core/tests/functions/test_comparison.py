"""Comparisons and steps: truth values, rounding, constants all."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dezero_core import Variable
from dezero_core import functions as F

CONSTANTS: list[Any] = [
    F.ceil,
    F.floor,
    F.isfinite,
    F.isinf,
    F.isnan,
    F.logical_not,
    F.round,
    F.trunc,
    *[
        lambda x, function=function: function(x, 1.5)
        for function in (F.equal, F.not_equal, F.less, F.less_equal, F.greater, F.greater_equal)
    ],
]


@pytest.mark.parametrize("function", CONSTANTS)
def test_they_are_constants(function: Any) -> None:
    x = Variable(np.array([0.5, 1.5]))
    y = function(x)
    assert isinstance(y, Variable)
    assert not y.requires_grad and y._node is None
    # As a factor it is one, too.
    (x * y).backward()
    assert x.grad is not None
    assert x.grad.data.tolist() == y.data.tolist()


def test_comparisons_give_truth_values() -> None:
    x = Variable(np.array([1.0, 2.0, 3.0]))
    assert F.less(x, 2.0).data.tolist() == [True, False, False]
    assert F.greater_equal(2.0, x).data.tolist() == [True, True, False]
    assert F.equal(x, np.array([[1.0], [2.0]])).shape == (2, 3)
    assert F.less(Variable(np.array(1.0)), 2.0).dtype == np.bool_


def test_logic() -> None:
    x = Variable(np.array([-1.0, 0.5, 3.0]))
    inside = F.logical_and(x > 0, x < 1)
    assert inside.data.tolist() == [False, True, False]
    assert F.logical_or(x < 0, x > 1).data.tolist() == F.logical_not(inside).data.tolist()


def test_rounding() -> None:
    x = np.array([-1.5, -0.5, 0.5, 1.5, 2.5])
    assert F.floor(x).data.tolist() == [-2.0, -1.0, 0.0, 1.0, 2.0]
    assert F.ceil(x).data.tolist() == [-1.0, 0.0, 1.0, 2.0, 3.0]
    assert F.trunc(x).data.tolist() == [-1.0, 0.0, 0.0, 1.0, 2.0]
    assert F.round(x).data.tolist() == [-2.0, 0.0, 0.0, 2.0, 2.0]
    assert F.round(np.array([1234.567]), 2).data.tolist() == [1234.57]
    assert F.round(np.array([1234.567]), -2).data.tolist() == [1200.0]
    assert F.round(x.astype(np.float32)).dtype == np.float32


def test_shapes_that_do_not_broadcast() -> None:
    with pytest.raises(ValueError, match=r"less: .*x0: float64\[2\], x1: float64\[3\]"):
        F.less(np.ones(2), np.ones(3))
