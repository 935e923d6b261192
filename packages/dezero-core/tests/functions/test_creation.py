"""Constants after the pattern of an array."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dezero_core import Variable
from dezero_core import functions as F
from dezero_core.testing import fake_device


@pytest.mark.parametrize(
    ("function", "value"),
    [(F.zeros_like, 0.0), (F.ones_like, 1.0), (lambda x, *a, **k: F.full_like(x, 7, *a, **k), 7.0)],
)
def test_like(function: Any, value: float) -> None:
    x = Variable(np.empty((2, 3), np.float32))
    y = function(x)
    assert isinstance(y, Variable) and not y.requires_grad
    assert (y.shape, y.dtype) == ((2, 3), np.float32)
    assert (y.data == value).all()
    y = function(x, np.int64, shape=(4, 0))
    assert (y.shape, y.dtype) == ((4, 0), np.int64)
    assert function(Variable(np.array(1))).shape == ()


def test_they_stay_on_the_backend() -> None:
    with fake_device() as device:
        x = Variable(device.asarray(np.ones(2)))
        for y in (F.zeros_like(x), F.ones_like(x, shape=(5,)), F.full_like(x, 2.0)):
            assert isinstance(y.data, device.array_types)


def test_a_constant_gradient_can_be_differentiated_again() -> None:
    # The rule of x ** 0 returns zeros_like: the second derivative is 0, and no error.
    x = Variable(np.array([2.0, 3.0]))
    (x**0).backward(create_graph=True)
    gx = x.grad
    assert gx is not None and gx.data.tolist() == [0.0, 0.0]
    x.cleargrad()
    (gx * x).backward()
    assert x.grad is not None and x.grad.data.tolist() == [0.0, 0.0]
