"""Functions element by element, on rows of one length; the last is where the result goes."""

from __future__ import annotations

from dezero_core.compiled import loop
from dezero_nn.loops.scalars import exp

__all__ = ["relu", "relu_gradient", "sigmoid", "sigmoid_gradient"]


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
