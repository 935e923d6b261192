"""Gradient checking finds what is wrong, says where, and disturbs nothing."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from dezero_core import Parameter, Variable, no_grad, primitive
from dezero_core import functions as F
from dezero_core.gradient_check import check_grads, gradient_check, numerical_diff, numerical_grad
from dezero_core.testing import FakeDevice, fake_device


@primitive
def square(xp: Any, x: Any) -> Any:
    return x * x


square.defvjp(lambda xp, gy, x: 2 * gy * x)


@primitive
def wrong_square(xp: Any, x: Any) -> Any:
    return x * x


wrong_square.defvjp(lambda xp, gy, x: 3 * gy * x)


@primitive
def wrong_twice(xp: Any, x: Any) -> Any:
    """Have a rule whose value is right, and whose derivative is not."""
    return x * x * x


# Hidden in an operation without a rule, x is a constant where the gradient is recorded.
hidden = primitive(lambda xp, x: x * x)
wrong_twice.defvjp(lambda xp, gy, x: 3 * gy * hidden.on(xp, x))


# --- the book's ----------------------------------------------------------------------------------


def test_numerical_diff_of_the_book() -> None:
    assert float(numerical_diff(lambda x: x**2, Variable(np.array(2.0)))) == 4.000000000004
    composed = numerical_diff(lambda x: F.exp(x**2) ** 2, Variable(np.array(0.5)))
    assert float(composed) == 3.2974426293330694


def test_numerical_grad_has_the_shape_of_x() -> None:
    x = np.array([[1.0, 2.0], [3.0, 4.0]])
    for data in (x, Variable(x)):
        gradient = numerical_grad(lambda x: x**3, data)
        assert gradient.shape == (2, 2)
        np.testing.assert_allclose(gradient, 3 * x**2, rtol=1e-7)
    assert numerical_grad(lambda x: x * x, 3.0).shape == ()
    assert numerical_grad(lambda x: x * x, np.ones((0, 2))).shape == (0, 2)


def test_numerical_grad_hands_arguments_on() -> None:
    def f(x: Variable, factor: float, *, power: int) -> Variable:
        return factor * x**power

    np.testing.assert_allclose(numerical_grad(f, np.array([2.0]), 5.0, power=2), [20.0])
    assert gradient_check(f, np.array([2.0]), 5.0, power=2)


def test_numerical_grad_sums_several_results() -> None:
    gradient = numerical_grad(lambda x: (x * 2, x * x), np.array([1.0, 3.0]))
    np.testing.assert_allclose(gradient, [4.0, 8.0], rtol=1e-9)


def test_numerical_grad_takes_any_memory_layout() -> None:
    x = np.arange(12.0).reshape(3, 4).T[::2]
    np.testing.assert_allclose(numerical_grad(lambda x: x * x, x), 2 * x, atol=1e-7)


def test_gradient_check_tells_right_from_wrong() -> None:
    x = np.random.default_rng(0).normal(size=(2, 3))
    assert gradient_check(square, x) is True
    assert gradient_check(wrong_square, x) is False
    assert gradient_check(lambda x: (square(x), x), x)
    assert gradient_check(square, Variable(x.astype(np.float32)))
    assert gradient_check(lambda x: x * 2.5, np.array([1, 2]))
    assert gradient_check(lambda x: F.floor(x) * 2.0, np.array([1.5, 2.5]))


def test_gradient_check_obeys_its_tolerances() -> None:
    slightly = primitive(lambda xp, x: x * x)
    slightly.defvjp(lambda xp, gy, x: 2.001 * gy * x)
    x = np.array([1.0])
    assert not gradient_check(slightly, x)
    assert gradient_check(slightly, x, rtol=1e-2)
    assert gradient_check(slightly, x, atol=1e-2)


def test_gradient_check_disturbs_nothing() -> None:
    x = Variable(np.array([1.0, 2.0], np.float32))
    w = Parameter(np.array([3.0, 4.0]))
    w.grad = Variable(np.ones(2))
    assert gradient_check(lambda x, w: x * w, x, w)
    assert x.grad is None and x.dtype == np.float32 and x.data.tolist() == [1.0, 2.0]
    assert w.grad.data.tolist() == [1.0, 1.0] and w.data.tolist() == [3.0, 4.0]


# --- check_grads ---------------------------------------------------------------------------------


def test_right_rules_pass_to_any_order() -> None:
    check_grads(square, (np.array([1.0, -2.0]),), order=5)
    check_grads(F.tanh, (np.array(0.3),), order=4)
    check_grads(lambda x, y: (x * y, F.sin(x)), (np.ones((2, 1)), np.ones(3)), order=3)


def test_a_wrong_rule_is_found_and_described() -> None:
    x = np.array([[1.0, -2.0, 0.5]])
    with pytest.raises(AssertionError) as caught:
        check_grads(wrong_square, (x,))
    message = str(caught.value)
    assert message.startswith("check_grads: wrong_square: derivative 1 with respect to argument 0")
    assert "float64[1, 3]" in message
    # The worst element is the largest: 3 * -2 where it should be 2 * -2.
    found = re.search(r"at \(0, 1\): analytic (\S+), numeric (\S+)$", message)
    assert found is not None, message
    assert abs(float(found[2]) / float(found[1]) - 2 / 3) < 1e-6


def test_one_wrong_element_among_many_is_found() -> None:
    wrong = primitive(lambda xp, x: x * x)

    def rule(xp: Any, gy: Any, x: Any) -> Any:
        g = 2 * gy * x
        g[17, 3] += 0.01
        return g

    wrong.defvjp(rule)
    with pytest.raises(AssertionError, match=r"worst element, at \(17, 3\)"):
        check_grads(wrong, (np.random.default_rng(0).normal(size=(30, 20)),), order=1)


def test_the_second_of_two_arguments() -> None:
    wrong = primitive(lambda xp, x0, x1: x0 * x1)
    wrong.defvjp(lambda xp, gy, x1: gy * x1, lambda xp, gy, x0: -gy * x0)
    with pytest.raises(AssertionError, match="with respect to argument 1"):
        check_grads(wrong, (np.ones(2), np.ones(2)))


def test_a_wrong_second_derivative_is_found_at_order_2_only() -> None:
    x = np.array([1.0, 2.0])
    check_grads(wrong_twice, (x,), order=1)
    with pytest.raises(AssertionError, match="derivative 2 with respect to argument 0"):
        check_grads(wrong_twice, (x,), order=2)


def test_a_rule_that_ignores_gy_is_found_by_the_second_order() -> None:
    wrong = primitive(lambda xp, x: 2.0 * x)
    wrong.defvjp(lambda xp, gy: 2.0 * xp.sign(gy) * xp.abs(gy) + 0.0 * gy)
    check_grads(wrong, (np.array([1.0, 2.0]),), order=2)
    constant = primitive(lambda xp, x: 2.0 * x)
    constant.defvjp(lambda xp, gy: hidden_identity.on(xp, gy) * 2.0)
    with pytest.raises(AssertionError, match="weights 0 of derivative 1"):
        check_grads(constant, (np.array([1.0, 2.0]),), order=2)


hidden_identity = primitive(lambda xp, x: x + 0.0)


def test_a_missing_gradient_is_found() -> None:
    with pytest.raises(AssertionError, match=r"analytic 0\.0, numeric"):
        check_grads(lambda x: hidden(x), (np.array([1.0, 2.0]),))
    with pytest.raises(AssertionError, match="with respect to argument 1"):
        check_grads(lambda x, y: x * hidden(y), (np.array([1.0]), np.array([2.0])))


def test_gradients_that_are_not_finite_are_found() -> None:
    wrong = primitive(lambda xp, x: x * x)
    wrong.defvjp(lambda xp, gy, x: gy * x * np.nan)
    with pytest.raises(AssertionError, match="analytic nan"):
        check_grads(wrong, (np.array([1.0, 2.0]),), order=1)


def test_functions_that_do_not_depend_on_their_arguments() -> None:
    check_grads(lambda x: F.floor(x), (np.array([1.5, 2.5]),), order=2)
    check_grads(lambda x: Variable(np.ones(2)) * 2.0, (np.array([1.5]),), order=2)


def test_integers_and_numbers_are_handed_on_as_they_are() -> None:
    seen: list[Any] = []

    def f(x: Variable, index: Any, factor: Any) -> Variable:
        seen.append((type(index), type(factor)))
        return x * factor

    check_grads(f, (np.ones(2), np.array([0, 1]), 3.0))
    assert set(seen) == {(np.ndarray, float)}


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_too_few_digits_are_refused(dtype: Any) -> None:
    with pytest.raises(TypeError) as caught:
        check_grads(square, (np.ones(2, dtype),))
    assert f"argument 0 is {np.dtype(dtype)}[2]" in str(caught.value)
    assert "astype(numpy.float64)" in str(caught.value)


def test_nothing_to_check() -> None:
    with pytest.raises(ValueError, match="nothing to check"):
        check_grads(square, (np.array([1, 2]),))
    with pytest.raises(ValueError, match="order=0"):
        check_grads(square, (np.ones(2),), order=0)


def test_a_function_that_returns_no_variable() -> None:
    with pytest.raises(TypeError, match=r"returned <class 'numpy\.ndarray'>, not a Variable"):
        check_grads(lambda x: x.data, (np.ones(2),))


def test_check_grads_disturbs_nothing() -> None:
    x = Variable(np.array([1.0, 2.0]))
    x.grad = Variable(np.ones(2))
    w = Parameter(np.array([3.0, 4.0]))
    check_grads(lambda x: x * w * w, (x,), order=3)
    assert x.grad.data.tolist() == [1.0, 1.0] and x.data.tolist() == [1.0, 2.0]
    assert w.grad is None and w.data.tolist() == [3.0, 4.0]
    array = np.array([1.0, 2.0])
    array.flags.writeable = False
    check_grads(square, (array,))


def test_check_grads_works_inside_no_grad() -> None:
    with no_grad():
        check_grads(square, (np.ones(2),))
        assert gradient_check(square, np.ones(2))


def test_0d_and_empty_arguments() -> None:
    check_grads(square, (np.array(2.0),))
    check_grads(square, (np.ones((0, 3)),))


def test_the_cost_does_not_grow_with_the_size() -> None:
    calls = 0

    def counted(x: Variable) -> Variable:
        nonlocal calls
        calls += 1
        return square(x)

    check_grads(counted, (np.ones(2),))
    small, calls = calls, 0
    check_grads(counted, (np.ones(100_000),))
    assert calls == small < 20


@pytest.fixture
def device() -> Any:
    with fake_device() as device:
        yield device


def test_arguments_on_a_device(device: FakeDevice) -> None:
    x = device.asarray([1.0, -2.0])
    check_grads(square, (x,))
    assert gradient_check(square, x)
    with pytest.raises(AssertionError, match="worst element"):
        check_grads(wrong_square, (x,))
    assert isinstance(numerical_grad(square, x), np.ndarray)
