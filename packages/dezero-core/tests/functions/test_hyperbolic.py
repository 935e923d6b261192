"""Hyperbolic functions: figures, higher derivatives, digits at the ends of domains."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from dezero_core import Variable
from dezero_core import functions as F
from dezero_core.gradient_check import check_grads


def gradient(y: Variable, x: Variable, create_graph: bool = False) -> Any:
    x.cleargrad()
    y.backward(create_graph=create_graph)
    assert x.grad is not None
    return x.grad


def test_slopes_by_hand() -> None:
    x = Variable(np.array([0.0, 1.0]))
    for function, slopes in (
        (F.sinh, [1.0, math.cosh(1.0)]),
        (F.cosh, [0.0, math.sinh(1.0)]),
        (F.tanh, [1.0, 1 - math.tanh(1.0) ** 2]),
        (F.arcsinh, [1.0, 1 / math.sqrt(2.0)]),
    ):
        np.testing.assert_allclose(gradient(function(x), x).data, slopes, rtol=1e-14)
    x = Variable(np.array([2.0]))
    assert gradient(F.arccosh(x), x).data[0] == pytest.approx(1 / math.sqrt(3.0), rel=1e-15)
    x = Variable(np.array([0.5]))
    assert gradient(F.arctanh(x), x).data[0] == pytest.approx(4 / 3, rel=1e-15)


def test_the_derivatives_of_tanh_up_to_the_fifth() -> None:
    # Each is a polynomial in t = tanh(x).
    polynomial = np.polynomial.Polynomial([0.0, 1.0])
    x = Variable(np.linspace(-2.0, 2.0, 5))
    t = np.tanh(x.data)
    y = F.tanh(x)
    for _ in range(5):
        y = gradient(y, x, create_graph=True)
        polynomial = polynomial.deriv() * np.polynomial.Polynomial([1.0, 0.0, -1.0])
        np.testing.assert_allclose(y.data, polynomial(t), rtol=1e-10, atol=1e-12)


def test_tanh_saturates_without_warning() -> None:
    x = Variable(np.array([-1000.0, 1000.0]))
    y = F.tanh(x)
    assert y.data.tolist() == [-1.0, 1.0]
    assert gradient(y, x).data.tolist() == [0.0, 0.0]


def test_digits_are_kept_close_to_the_ends() -> None:
    d = 2.0**-40
    x = Variable(np.array([1 + d]))
    wanted = 1 / math.sqrt(d * (2 + d))
    assert gradient(F.arccosh(x), x).data[0] == pytest.approx(wanted, rel=1e-15)
    x = Variable(np.array([1 - d]))
    assert gradient(F.arctanh(x), x).data[0] == pytest.approx(1 / (d * (2 - d)), rel=1e-15)


def test_inverses_undo() -> None:
    x = np.array([0.3, 1.2])
    for function in (
        lambda x: F.arcsinh(F.sinh(x)),
        lambda x: F.arccosh(F.cosh(x)),
        lambda x: F.arctanh(F.tanh(x)),
    ):
        variable = Variable(x)
        y = function(variable)
        np.testing.assert_allclose(y.data, x, rtol=1e-14)
        np.testing.assert_allclose(gradient(y, variable).data, [1.0, 1.0], rtol=1e-12)
        check_grads(function, [x])
