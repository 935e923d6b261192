"""Relatives of relu: special values, tails, dtypes, errors."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from dezero_core import Variable
from dezero_nn import functions as F

ALL = [
    F.leaky_relu,
    F.elu,
    F.softplus,
    F.silu,
    F.gelu,
    lambda x: F.gelu(x, approximate="tanh"),
]


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("function", ALL)
def test_far_from_zero_they_are_the_identity_or_flat_and_quiet(function: Any, dtype: Any) -> None:
    far = float(np.finfo(dtype).max) / 2
    x = Variable(np.array([far, 60.0, -60.0, -far], dtype))
    y = function(x)
    y.backward()
    assert x.grad is not None
    assert y.dtype == x.grad.dtype == dtype
    slope = 0.2 if function is F.leaky_relu else 0.0
    floor = [-1.0, -1.0] if function is F.elu else [-60.0 * slope, -far * slope]
    settings: Any = {"rtol": 2e-3, "atol": 1e-6}
    np.testing.assert_allclose(y.data.astype(float), [far, 60.0, *floor], **settings)
    np.testing.assert_allclose(x.grad.data.astype(float), [1, 1, slope, slope], **settings)


def test_slopes_at_the_kink() -> None:
    for function, wanted in ((F.leaky_relu, 0.2), (lambda x: F.elu(x, 0.5), 0.5)):
        x = Variable(np.zeros(1))
        function(x).backward()
        assert x.grad is not None and x.grad.data.tolist() == [wanted]


@pytest.mark.parametrize(
    ("dtype", "rtol"), [(np.float64, 4e-15), (np.float32, 1e-6), (np.float16, 2e-3)]
)
def test_gelu_is_exact_in_both_tails(dtype: Any, rtol: float) -> None:
    x = np.linspace(-8, 8, 401).astype(dtype)
    if dtype == np.float16:
        x = x[x > -3]  # below, the results have fewer digits
    exact = [float(v) * math.erfc(-float(v) / math.sqrt(2)) / 2 for v in x]
    slopes = [
        math.erfc(-float(v) / math.sqrt(2)) / 2
        + float(v) * math.exp(-(float(v) ** 2) / 2) / math.sqrt(2 * math.pi)
        for v in x
    ]
    variable = Variable(x)
    y = F.gelu(variable)
    y.backward()
    assert variable.grad is not None
    # Rounding x^2 / 2 costs digits in the tail: as many as exp(-x^2 / 2) loses.
    np.testing.assert_allclose(y.data.astype(float), exact, rtol=8 * rtol, atol=rtol * 1e-10)
    np.testing.assert_allclose(variable.grad.data.astype(float), slopes, rtol=rtol, atol=rtol)


def test_large_arrays_are_computed_in_blocks_with_the_same_results() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 700))
    for function in ALL:
        large, small = Variable(x), Variable(x[:2])
        not_contiguous = Variable(np.asfortranarray(x))
        for variable in (large, small, not_contiguous):
            (function(variable) * 2.0).backward()
        np.testing.assert_array_equal(function(large).data[:2], function(small).data)
        np.testing.assert_array_equal(function(large).data, function(not_contiguous).data)
        assert large.grad is not None and small.grad is not None
        assert not_contiguous.grad is not None
        np.testing.assert_array_equal(large.grad.data[:2], small.grad.data)
        np.testing.assert_array_equal(large.grad.data, not_contiguous.grad.data)


def test_numbers_and_integers_are_taken() -> None:
    for function in ALL:
        number = float(function(-0.5))
        assert number == float(function(np.array(-0.5)))
        assert function(np.array([-1, 2])).shape == (2,)
    assert F.leaky_relu(np.array([-5, 5])).data.tolist() == [-1.0, 5.0]


def test_infinity_and_nan() -> None:
    x = np.array([np.inf, -np.inf, np.nan])
    np.testing.assert_array_equal(F.leaky_relu(x, 0).data, [np.inf, 0, np.nan])
    np.testing.assert_array_equal(F.leaky_relu(x).data, [np.inf, -np.inf, np.nan])
    np.testing.assert_array_equal(F.elu(x).data, [np.inf, -1, np.nan])
    np.testing.assert_array_equal(F.softplus(x).data, [np.inf, 0, np.nan])


@pytest.mark.parametrize("bad", [-1.0, math.inf, math.nan])
def test_wrong_settings_are_named(bad: float) -> None:
    x = np.ones(2)
    with pytest.raises(ValueError, match="leaky_relu: slope must be a finite number, 0 or more"):
        F.leaky_relu(x, bad)
    with pytest.raises(ValueError, match="elu: alpha must be a finite number, positive"):
        F.elu(x, bad)
    with pytest.raises(ValueError, match="softplus: beta must be a finite number, positive"):
        F.softplus(x, bad)
    with pytest.raises(ValueError, match="gelu: approximate must be 'none' or 'tanh', got 'erf'"):
        F.gelu(x, "erf")  # type: ignore[arg-type]
