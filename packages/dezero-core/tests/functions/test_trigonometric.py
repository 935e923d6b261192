"""Trigonometric functions: figures, cycles of derivatives, digits at the ends of domains."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from dezero_core import Variable
from dezero_core import functions as F


def gradient(y: Variable, x: Variable, create_graph: bool = False) -> Any:
    x.cleargrad()
    y.backward(create_graph=create_graph)
    assert x.grad is not None
    return x.grad


def test_the_derivatives_of_sine_go_round() -> None:
    x = Variable(np.array(1.0))
    y = F.sin(x)
    found = []
    for _ in range(4):
        y = gradient(y, x, create_graph=True)
        found.append(float(y))
    sin, cos = 0.8414709848078965, 0.5403023058681398
    assert found == [cos, -sin, -cos, sin]


def test_sine_of_a_quarter() -> None:
    x = Variable(np.array(math.pi / 4))
    y = F.sin(x)
    assert float(y) == pytest.approx(0.7071067811865476, abs=1e-15)
    assert float(gradient(y, x)) == pytest.approx(0.7071067811865476, abs=1e-15)


def test_slopes_by_hand() -> None:
    x = Variable(np.array([0.0, 0.6]))
    for function, slopes in (
        (F.tan, [1.0, 1 / math.cos(0.6) ** 2]),
        (F.arcsin, [1.0, 1.25]),
        (F.arccos, [-1.0, -1.25]),
        (F.arctan, [1.0, 1 / 1.36]),
    ):
        np.testing.assert_allclose(gradient(function(x), x).data, slopes, rtol=1e-14)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_digits_are_kept_close_to_the_ends(sign: float) -> None:
    # With d = 1 - |x| the slope is 1 / sqrt(d * (2 - d)); 1 - x * x would lose half of the digits.
    d = 2.0**-40
    x = Variable(np.array([sign * (1 - d)]))
    wanted = 1 / math.sqrt(d * (2 - d))
    assert gradient(F.arcsin(x), x).data[0] == pytest.approx(wanted, rel=1e-15)
    assert gradient(F.arccos(x), x).data[0] == pytest.approx(-wanted, rel=1e-15)


def test_the_angle_turns_with_the_point() -> None:
    theta = np.linspace(-3.0, 3.0, 7)
    ordinate, abscissa = Variable(2 * np.sin(theta)), Variable(2 * np.cos(theta))
    y = F.arctan2(ordinate, abscissa)
    np.testing.assert_allclose(y.data, theta, rtol=1e-14, atol=1e-15)
    y.backward()
    assert ordinate.grad is not None and abscissa.grad is not None
    np.testing.assert_allclose(ordinate.grad.data, np.cos(theta) / 2, rtol=1e-14, atol=1e-15)
    np.testing.assert_allclose(abscissa.grad.data, -np.sin(theta) / 2, rtol=1e-14, atol=1e-15)


def test_the_angle_with_one_operand_that_is_constant() -> None:
    x = Variable(np.array([1.0, 2.0]))
    np.testing.assert_allclose(gradient(F.arctan2(x, 1.0), x).data, [0.5, 0.2], rtol=1e-15)
    np.testing.assert_allclose(gradient(F.arctan2(1.0, x), x).data, [-0.5, -0.2], rtol=1e-15)


def test_large_arguments_have_small_slopes() -> None:
    x = Variable(np.array([1e10]))
    assert gradient(F.arctan(x), x).data[0] == pytest.approx(1e-20)
