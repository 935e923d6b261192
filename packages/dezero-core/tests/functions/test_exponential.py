"""Exponentials and logarithms: figures, and digits where they are easily lost."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from dezero_core import Variable
from dezero_core import functions as F


def gradient(y: Variable, x: Variable) -> Any:
    x.cleargrad()
    y.backward()
    assert x.grad is not None
    return x.grad.data.tolist()


def test_the_book_s_composition() -> None:
    x = Variable(np.array(0.5))
    y = F.square(F.exp(F.square(x)))
    assert float(y) == 1.648721270700128
    assert gradient(y, x) == 3.297442541400256


def test_slopes_by_hand() -> None:
    x = Variable(np.array([1.0, 2.0]))
    assert gradient(F.log(x), x) == [1.0, 0.5]
    np.testing.assert_allclose(gradient(F.exp(x), x), [math.e, math.e**2], rtol=1e-15)
    np.testing.assert_allclose(gradient(F.exp2(x), x), [2 * math.log(2), 4 * math.log(2)])
    np.testing.assert_allclose(gradient(F.log2(x), x), [1 / math.log(2), 0.5 / math.log(2)])
    np.testing.assert_allclose(gradient(F.log10(x), x), [1 / math.log(10), 0.5 / math.log(10)])
    np.testing.assert_allclose(gradient(F.log1p(x), x), [1 / 2, 1 / 3], rtol=1e-15)


def test_small_arguments_keep_their_digits() -> None:
    x = Variable(np.array([1e-20, -1e-20]))
    assert F.expm1(x).data.tolist() == [1e-20, -1e-20]
    assert F.log1p(x).data.tolist() == [1e-20, -1e-20]


def test_the_slope_of_expm1_keeps_its_digits_far_below_0() -> None:
    x = Variable(np.array([-40.0, -700.0]))
    np.testing.assert_allclose(gradient(F.expm1(x), x), np.exp([-40.0, -700.0]), rtol=1e-15)


def test_logaddexp_does_not_overflow() -> None:
    a, b = Variable(np.array([1000.0, -1000.0])), Variable(np.array([1000.0, -1001.0]))
    y = F.logaddexp(a, b)
    np.testing.assert_allclose(y.data, [1000 + math.log(2), -1000 + math.log1p(math.exp(-1))])
    share = 1 / (1 + math.exp(-1))
    np.testing.assert_allclose(gradient(y, a), [0.5, share], rtol=1e-12)
    np.testing.assert_allclose(gradient(y, b), [0.5, 1 - share], rtol=1e-12)


def test_logaddexp_of_logarithms_of_0() -> None:
    a, b = Variable(np.array([-np.inf, 0.0])), Variable(np.array([-np.inf, -np.inf]))
    y = F.logaddexp(a, b)
    assert y.data.tolist() == [-math.inf, 0.0]
    assert gradient(y, a) == [0.0, 1.0]
    assert gradient(y, b) == [0.0, 0.0]


def test_integers_have_floating_point_results_and_gradients() -> None:
    x = Variable(np.array([1, 2]))
    y = F.log(x)
    assert y.dtype == np.float64
    assert gradient(y, x) == [1.0, 0.5]


def test_outside_the_domain_numpy_warns() -> None:
    with pytest.raises(RuntimeWarning, match=r"log: invalid value encountered.*x: float64\[1\]"):
        F.log(np.array([-1.0]))


def test_what_each_rule_keeps() -> None:
    x = Variable(np.ones(2))
    y, z = F.exp(x), F.log(x)
    assert y._node is not None and z._node is not None
    assert y._node.saved[0] is y.data
    assert z._node.saved[0] is x.data
