"""Functions element by element, on rows of one length; the last is where the result goes."""

from __future__ import annotations

from numpy import float32

from dezero_core.compiled import fused, loop
from dezero_nn.loops.scalars import bell, exp, normal_cdf, tanh

__all__ = [
    "gelu",
    "gelu_by_tanh",
    "gelu_by_tanh_gradient",
    "gelu_gradient",
    "relu",
    "relu_gradient",
    "sigmoid",
    "sigmoid_gradient",
    "silu",
    "silu_gradient",
]


@loop
def relu(x, y):
    """Compute max(x, 0); nan stays nan."""
    zero = x.dtype.type(0)
    for j in range(len(y)):
        y[j] = zero if x[j] < zero else x[j]


@loop
def relu_gradient(gy, y, gx):
    """Compute gy where y is positive, elsewhere gy * 0."""
    zero, one = y.dtype.type(0), y.dtype.type(1)
    for j in range(len(gx)):
        gx[j] = gy[j] * (one if y[j] > zero else zero)


@loop
def sigmoid(x, y):
    """Compute 1 / (1 + exp(-x)), in single precision."""
    one = x.dtype.type(1)
    for j in range(len(y)):
        y[j] = one / (one + exp(-x[j]))


@loop
def sigmoid_gradient(gy, y, gx):
    """Compute gy * y * (1 - y)."""
    one = y.dtype.type(1)
    for j in range(len(gx)):
        gx[j] = gy[j] * (y[j] * (one - y[j]))


# --- smooth relatives of relu, in single precision ------------------------------------------------

_ZERO, _HALF, _ONE = float32(0), float32(0.5), float32(1)
# What two loops in a row share stays in the first cache.
_PIECE = 1024
# The normal density at 0.
_AT_0 = float32(0.3989422804)
# As in `dezero_nn.functions.rectifiers`.
_ROOT, _CUBIC, _FLAT = float32(0.7978845608), float32(0.0356774081), float32(10)
_HALF_ROOT, _CUBIC_SLOPE = _HALF * _ROOT, float32(1.5) * _CUBIC


@fused
def silu(x, y):
    """Compute x / (1 + exp(-x))."""
    for j in range(len(y)):
        y[j] = x[j] / (_ONE + exp(-x[j]))


@fused
def silu_gradient(gy, x, gx):
    """Compute gy times the slope of silu."""
    for j in range(len(gx)):
        p = _ONE / (_ONE + exp(-x[j]))
        gx[j] = gy[j] * (p * (_ONE + x[j] * (_ONE - p)))


@fused
def gelu(x, y):
    """Compute x times the probability that a standard normal number is less than x."""
    for i in range(0, len(y), _PIECE):
        _gelu(x[i : i + _PIECE], y[i : i + _PIECE])


@fused
def _gelu(x, y):
    for j in range(len(y)):
        y[j] = bell(x[j])
    for j in range(len(y)):
        y[j] = x[j] * normal_cdf(x[j], y[j])


@fused
def gelu_gradient(gy, x, gx):
    """Compute gy times the slope of gelu."""
    for i in range(0, len(gx), _PIECE):
        _gelu_gradient(gy[i : i + _PIECE], x[i : i + _PIECE], gx[i : i + _PIECE])


@fused
def _gelu_gradient(gy, x, gx):
    for j in range(len(gx)):
        gx[j] = bell(x[j])
    for j in range(len(gx)):
        # Where the density is 0, x may be infinite.
        near = _ZERO if gx[j] == _ZERO else x[j]
        gx[j] = gy[j] * (normal_cdf(x[j], gx[j]) + near * (_AT_0 * gx[j]))


@fused
def gelu_by_tanh(x, y):
    """Compute gelu by its approximation."""
    for j in range(len(y)):
        near = _clip(x[j])
        y[j] = x[j] * (_HALF + _HALF * tanh(near * (_ROOT + _CUBIC * (near * near))))


@fused
def gelu_by_tanh_gradient(gy, x, gx):
    """Compute gy times the slope of the approximation."""
    for j in range(len(gx)):
        near = _clip(x[j])
        square = near * near
        y = tanh(near * (_ROOT + _CUBIC * square))
        slope = near * ((_ONE - y * y) * (_HALF_ROOT + _CUBIC_SLOPE * square))
        gx[j] = gy[j] * (_HALF * (_ONE + y) + slope)


@fused
def _clip(x):
    x = _FLAT if x > _FLAT else x
    return -_FLAT if x < -_FLAT else x
