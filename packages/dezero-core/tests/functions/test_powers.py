"""Powers and roots: exponents of all kinds, zeros, negative bases, shortcuts, errors."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dezero_core import Variable
from dezero_core import functions as F
from dezero_core.gradient_check import check_grads

ZEROS = [0.0, 1.0, -2.0]


def gradient(y: Variable, x: Variable) -> Any:
    x.cleargrad()
    y.backward()
    assert x.grad is not None
    return x.grad.data.tolist()


@pytest.mark.parametrize(
    ("exponent", "values", "slopes"),
    [
        (0, [1.0, 1.0, 1.0], [0.0, 0.0, 0.0]),
        (1, [0.0, 1.0, -2.0], [1.0, 1.0, 1.0]),
        (2, [0.0, 1.0, 4.0], [0.0, 2.0, -4.0]),
        (3, [0.0, 1.0, -8.0], [0.0, 3.0, 12.0]),
        (4, [0.0, 1.0, 16.0], [0.0, 4.0, -32.0]),
        (5, [0.0, 1.0, -32.0], [0.0, 5.0, 80.0]),
    ],
)
@pytest.mark.parametrize("kind", [int, float, np.float64, lambda c: np.full(3, float(c))])
def test_zero_and_negative_bases(exponent: int, values: Any, slopes: Any, kind: Any) -> None:
    # Warnings are errors here: none of these may divide by 0 on the way.
    x = Variable(np.array(ZEROS))
    y = x ** kind(exponent)
    assert y.data.tolist() == values
    assert gradient(y, x) == slopes


@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_all_derivatives_of_a_polynomial_at_0(n: int) -> None:
    x = Variable(np.array([0.0, 2.0]))
    y: Any = x**n
    for order in range(1, n + 1):
        x.cleargrad()
        y.backward(create_graph=True)
        y = x.grad
        wanted = math.perm(n, order) * np.array([0.0, 2.0]) ** (n - order)
        np.testing.assert_array_equal(y.data, wanted)


def test_arrays_of_exponents_at_0() -> None:
    x = Variable(np.array([0.0, 0.0, 0.0, 2.0, 2.0]))
    c = Variable(np.array([0.0, 1.0, 2.0, 0.0, 1.0]))
    y = x**c
    assert y.data.tolist() == [1.0, 0.0, 0.0, 1.0, 2.0]
    assert gradient(y, x) == [0.0, 1.0, 0.0, 0.0, 1.0]
    assert gradient(y, c) == [0.0, 0.0, 0.0, math.log(2), 2 * math.log(2)]


def test_mixed_second_derivative_where_the_exponent_is_0() -> None:
    # d/dc (c x**(c-1)) = x**(c-1) (1 + c log x), which is 1/x at c = 0.
    x, c = Variable(np.array([4.0])), Variable(np.array([0.0]))
    (x**c).backward(create_graph=True)
    gx = x.grad
    assert gx is not None
    assert gradient(gx, c) == [0.25]


@pytest.mark.parametrize("dtype", [np.int64, np.uint8, bool])
def test_integer_arrays_as_exponents(dtype: Any) -> None:
    x = Variable(np.array([0.0, -2.0, 3.0]))
    y = x ** np.array([0, 1, 1], dtype)
    assert y.data.tolist() == [1.0, -2.0, 3.0]
    assert gradient(y, x) == [0.0, 1.0, 1.0]


def test_integers() -> None:
    x = Variable(np.array([1, 2, 3]))
    for exponent, slopes in ((0, [0, 0, 0]), (1, [1, 1, 1]), (2, [2, 4, 6]), (3, [3, 12, 27])):
        y = x**exponent
        assert y.dtype == np.int64
        assert gradient(y, x) == slopes
    assert gradient(x**3.0, x) == [3.0, 12.0, 27.0]
    assert (x**3.0).dtype == np.float64
    # The slope 7 * 2 ** 6 does not fit into eight bits; the floating-point gradient does.
    small = Variable(np.array([2], np.uint8))
    assert gradient((small**7) * 1.5, small) == [672.0]


def test_integers_to_negative_powers_are_refused() -> None:
    with pytest.raises(ValueError, match=r"power: Integers to negative integer powers.*int64\[2\]"):
        Variable(np.array([1, 2])) ** -1


def test_a_number_as_the_base() -> None:
    x = Variable(np.array([0.0, 1.0, 3.0], np.float32))
    y = 2**x
    assert y.data.tolist() == [1.0, 2.0, 8.0]
    np.testing.assert_allclose(gradient(y, x), np.array([1, 2, 8]) * math.log(2), rtol=1e-6)
    assert x.grad is not None and x.grad.dtype == np.float32
    assert gradient(0**x, x) == [0.0, 0.0, 0.0]
    assert np.isnan(gradient((-1.0) ** x, x)).all()


def test_a_negative_base_gives_the_exponent_no_real_gradient() -> None:
    x, c = Variable(np.array([-2.0])), Variable(np.array([2.0]))
    with pytest.warns(RuntimeWarning, match="invalid value encountered in log"):
        (x**c).backward()
    assert x.grad is not None and c.grad is not None
    assert x.grad.data.tolist() == [-4.0]
    assert np.isnan(c.grad.data).all()


@given(
    x=st.floats(0.1, 10.0) | st.floats(-10.0, -0.1),
    exponent=st.sampled_from([3, 4, -2, 3.0, 4.0, -2.0]) | st.integers(-5, 6),
)
def test_shortcuts_are_powers(x: float, exponent: float) -> None:
    y = F.power(np.array([x, 2 * x]), exponent)
    np.testing.assert_allclose(y.data, [x**exponent, (2 * x) ** exponent], rtol=1e-15)


@pytest.mark.parametrize("exponent", [1.5, -0.5, -1.5, 0.5])
def test_shortcuts_by_roots(exponent: float) -> None:
    x = np.array([0.25, 1.0, 2.0, 9.0])
    np.testing.assert_allclose(
        F.power(x, exponent).data, [v**exponent for v in x.tolist()], rtol=1e-15
    )
    assert F.power(x.astype(np.float32), exponent).dtype == np.float32
    check_grads(lambda x: x**exponent, [x], order=3)


def test_only_what_the_rules_need_is_kept() -> None:
    x, c = Variable(np.ones(2)), np.array([2.0, 3.0])
    y = x**c
    assert y._node is not None
    assert [id(kept) for kept in y._node.saved] == [id(x.data), id(c)]


def test_roots() -> None:
    x = Variable(np.array([4.0, 9.0]))
    assert gradient(F.sqrt(x), x) == [0.25, 1 / 6]
    x = Variable(np.array([8.0, -27.0]))
    y = F.cbrt(x)
    np.testing.assert_allclose(y.data, [2.0, -3.0], rtol=1e-15)
    np.testing.assert_allclose(gradient(y, x), [1 / 12, 1 / 27], rtol=1e-15)


def test_the_slope_of_a_root_is_infinite_at_0() -> None:
    x = Variable(np.array([0.0]))
    with pytest.warns(RuntimeWarning, match="divide by zero"):
        F.sqrt(x).backward()
    assert x.grad is not None and x.grad.data.tolist() == [math.inf]


def test_square_and_reciprocal() -> None:
    x = Variable(np.array([10.0, -4.0]))
    assert F.square(x).data.tolist() == [100.0, 16.0]
    assert gradient(F.square(x), x) == [20.0, -8.0]
    assert F.reciprocal(x).data.tolist() == [0.1, -0.25]
    np.testing.assert_allclose(gradient(F.reciprocal(x), x), [-0.01, -0.0625], rtol=1e-15)
    assert F.square(Variable(np.array([3], np.int32))).dtype == np.int32
