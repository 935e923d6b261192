"""Sums, products and quotients: figures, dtypes, broadcasting, steps, errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import mutually_broadcastable_shapes

from dezero_core import Variable, no_grad
from dezero_core import functions as F
from dezero_core.gradients import gradients_of

BINARY = [F.add, F.subtract, F.multiply, F.divide, F.remainder]


def gradients(y: Variable, *xs: Variable) -> list[Any]:
    found = gradients_of([(y, np.ones(y.shape, y.dtype))], list(xs))
    return [None if g is None else g.data.tolist() for g in found]


def test_gradients_by_hand() -> None:
    a, b = Variable(np.array([6.0, -1.0])), Variable(np.array([2.0, 4.0]))
    assert gradients(a + b, a, b) == [[1.0, 1.0], [1.0, 1.0]]
    assert gradients(a - b, a, b) == [[1.0, 1.0], [-1.0, -1.0]]
    assert gradients(a * b, a, b) == [[2.0, 4.0], [6.0, -1.0]]
    assert gradients(a / b, a, b) == [[0.5, 0.25], [-1.5, 0.0625]]
    assert gradients(a % b, a, b) == [[1.0, 1.0], [-3.0, 1.0]]
    assert gradients(-a, a) == [[-1.0, -1.0]]


@given(shapes=mutually_broadcastable_shapes(num_shapes=2, max_dims=3, max_side=3), data=st.data())
def test_broadcasting_is_undone(shapes: Any, data: st.DataObject) -> None:
    function = data.draw(st.sampled_from(BINARY))
    rng = np.random.default_rng(0)
    a, b = (Variable(rng.uniform(0.5, 2.0, size=shape)) for shape in shapes.input_shapes)
    y = function(a, b)
    assert y.shape == shapes.result_shape
    # A sum over what was broadcast: the same as with operands of the full shape.
    full = [Variable(np.broadcast_to(x.data, y.shape).copy()) for x in (a, b)]
    seed = rng.normal(size=y.shape)
    found = gradients_of([(y, seed)], [a, b])
    wanted = gradients_of([(function(*full), seed)], full)
    for x, g, h in zip((a, b), found, wanted, strict=True):
        assert g is not None and h is not None
        assert g.shape == x.shape
        np.testing.assert_allclose(g.data, F.sum_to(h.data, x.shape).data, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("function", BINARY)
@pytest.mark.parametrize("number", [2, 2.0, True])
def test_a_number_leaves_float32_alone(function: Any, number: Any) -> None:
    x = Variable(np.array([1.5, 2.5], np.float32))
    for y in (function(x, number), function(number, x)):
        assert y.dtype == np.float32
        x.cleargrad()
        y.backward()
        assert x.grad is not None and x.grad.dtype == np.float32


def test_integers_stay_integers() -> None:
    x = Variable(np.array([1, 2, 3]))
    y = x + np.array([10, 20, 30])
    y.backward()
    assert y.data.tolist() == [11, 22, 33]
    assert x.grad is not None
    assert (x.grad.data.tolist(), x.grad.dtype) == ([1, 1, 1], np.int64)
    assert (x / 2).dtype == np.float64


def test_numbers_alone_give_constants() -> None:
    y = F.add(2.0, 3.0)
    assert isinstance(y, Variable)
    assert (float(y), y.dtype, y.requires_grad) == (5.0, np.float64, False)


def test_a_quotient_by_a_tiny_number_has_a_finite_gradient() -> None:
    # The square of the divisor is 0 in float32.
    a, b = Variable(np.float32(1e-25)), Variable(np.float32(1e-25))
    [gb] = gradients(a / b, b)
    assert gb == pytest.approx(-1e25)


def test_absolute_has_slope_0_at_0() -> None:
    x = Variable(np.array([-2.0, 0.0, 3.0]))
    assert gradients(abs(x), x) == [[-1.0, 0.0, 1.0]]
    assert F.abs is F.absolute


def test_steps_are_constants() -> None:
    x = Variable(np.array([7.0, -7.0]))
    y = x // 2
    assert y.data.tolist() == [3.0, -4.0]
    assert F.sign(x).data.tolist() == [1.0, -1.0]
    assert not y.requires_grad and not F.sign(x).requires_grad


def test_remainder_is_a_sawtooth() -> None:
    x = Variable(np.array([0.5, 1.5, -0.5]))
    y = x % 1.0
    assert y.data.tolist() == [0.5, 0.5, 0.5]
    assert gradients(y, x) == [[1.0, 1.0, 1.0]]


def test_nothing_is_kept_for_sums() -> None:
    x = Variable(np.ones(3))
    for y in (x + x, x - x, -x, +x):
        assert y._node is not None and y._node.saved == ()


def test_operands_are_not_changed() -> None:
    a, b = np.array([1.0, 2.0]), np.array([3.0, 4.0])
    a.flags.writeable = b.flags.writeable = False
    for function in BINARY:
        x, y = Variable(a), Variable(b)
        function(x, y).backward()
    assert a.tolist() == [1.0, 2.0]


@pytest.mark.parametrize("function", BINARY)
def test_shapes_that_do_not_broadcast(function: Any) -> None:
    with pytest.raises(ValueError, match=rf"{function.name}: .*\(2,\).*\(3,\)") as caught:
        function(Variable(np.ones(2)), np.ones(3))
    assert "x0: float64[2], x1: float64[3]" in str(caught.value)


@pytest.mark.parametrize("operand", ["3", [1.0, 2.0], {}, object()])
def test_what_is_no_operand(operand: Any) -> None:
    with pytest.raises(TypeError, match=r"add: a .* is an array of no backend"):
        F.add(Variable(np.ones(2)), operand)


def test_without_recording() -> None:
    x = Variable(np.array(2.0))
    with no_grad():
        assert not (x * 3).requires_grad
