"""Functions of one number, which loops call for each element."""

from __future__ import annotations

from numpy import float32, floor, int32

from dezero_core.compiled import fused
from dezero_nn.functions._normal import SINGLE

__all__ = ["bell", "exp", "normal_cdf", "sigmoid", "tanh"]

_HALF, _ONE = float32(0.5), float32(1)
# tanh(x) = x P(x^2) / Q(x^2), both of degree 4: the relative error is below 2.1e-8 up to here, from
# where on tanh is 1 in single precision. The coefficients minimize the largest relative error (by
# Lawson's algorithm). Rounding included, it is 5 units in the last place.
_LIMIT = float32(9)
_P1, _P2, _P3, _P4 = map(float32, (0.13381188, 0.0034957787, 2.0612155e-05, 1.335884e-08))
_Q1, _Q2, _Q3, _Q4 = map(float32, (0.46714503, 0.025877712, 0.00032859435, 7.7782835e-07))

# exp(x) = 2^n 2^r with |r| <= 1/2; 2^r is a polynomial of degree 6, found in the same way, with a
# relative error below 1.9e-9; rounding included, 1.5 units in the last place. ln 2 comes in two
# parts, so that n ln 2 is exact. Below the least exponent the result is the smallest normal number.
_LEAST, _MOST = float32(-87.33), float32(89)
_LOG2_E, _LN2, _LN2_REST = map(float32, (1.44269504, 0.693145751953125, 1.42860682e-06))
_E1, _E2, _E3 = map(float32, (0.69314718, 0.24022646, 0.055503286))
_E4, _E5, _E6 = map(float32, (0.009618489, 0.0013399932, 0.0001534581))
_BIAS, _FRACTION_BITS = int32(127), int32(23)


@fused
def exp(x):
    """Return exp(x), in single precision; from 88.4 on infinity."""
    x = _MOST if x > _MOST else x
    x = _LEAST if x < _LEAST else x
    n = floor(x * _LOG2_E + _HALF)
    r = (x - n * _LN2 - n * _LN2_REST) * _LOG2_E
    p = (((((_E6 * r + _E5) * r + _E4) * r + _E3) * r + _E2) * r + _E1) * r + _ONE
    # 2^n, put together from its bits.
    return p * int32((int32(n) + _BIAS) << _FRACTION_BITS).view(float32)


@fused
def tanh(x):
    """Return tanh(x), in single precision."""
    # Comparisons that are false for nan, which so stays nan.
    near = _LIMIT if x > _LIMIT else x
    near = -_LIMIT if x < -_LIMIT else near
    s = near * near
    p = (((_P4 * s + _P3) * s + _P2) * s + _P1) * s + _ONE
    q = (((_Q4 * s + _Q3) * s + _Q2) * s + _Q1) * s + _ONE
    y = near * p / q
    y = _ONE if x > _LIMIT or y > _ONE else y
    return -_ONE if x < -_LIMIT or y < -_ONE else y


@fused
def sigmoid(x):
    """Return 1 / (1 + exp(-x)), in single precision, exact to a rounding error of 1."""
    return _HALF * tanh(_HALF * x) + _HALF


# The normal distribution: see `dezero_nn.functions._normal`. Two functions, since one would be too
# large to be inlined.
_SLOPE = float32(SINGLE[0])
_N0, _N1, _N2, _N3, _N4, _N5, _N6, _N7, _N8, _N9 = map(float32, SINGLE[1])
# Here and beyond exp(-x^2 / 2) is less than the least normal number.
_FAR = float32(13.2)
_ZERO, _TWO = float32(0), float32(2)


@fused
def bell(x):
    """Return exp(-x^2 / 2)."""
    y = exp(-_HALF * x * x)
    return _ZERO if x > _FAR or x < -_FAR else y


@fused
def normal_cdf(x, bell_x):
    """Return the probability that a standard normal number is less than x."""
    far = -x if x < _ZERO else x
    far = _FAR if far > _FAR else far
    t = _ONE / (far * _SLOPE + _ONE)
    u = _TWO * t - _ONE
    p = (((_N9 * u + _N8) * u + _N7) * u + _N6) * u + _N5
    p = ((((p * u + _N4) * u + _N3) * u + _N2) * u + _N1) * u + _N0
    tail = p * t * bell_x
    return _ONE - tail if x > _ZERO else tail
