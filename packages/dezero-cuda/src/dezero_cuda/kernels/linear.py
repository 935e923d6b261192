"""Fully connected: a product of matrices, and one launch for the bias and what comes after it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import prod
from types import MappingProxyType
from typing import Any

from dezero_core.products import matmul as product_of
from dezero_core.typing import Array
from dezero_cuda.kernels._launch import supported
from dezero_cuda.kernels.activations import (
    BY_RESULT,
    add_and_activate,
    bias_activation,
    bias_activation_gradient,
)
from dezero_cuda.kernels.products import matmul

__all__ = ["KERNELS"]


def _product(xp: Any, x: Array, W: Array, b: Array | None) -> Any:
    """Return the product and its dtype; NotImplemented where the general function must see to it.

    It says what is wrong with shapes, too.
    """
    dtype = supported(xp, x, W, b)
    if dtype is None or not x.ndim or W.ndim != 2 or (b is not None and b.shape != W.shape[1:]):
        return NotImplemented
    y = matmul(xp, x, W)
    return y if y is NotImplemented else (y, dtype)


def _linear(xp: Any, x: Array, W: Array, b: Array | None = None) -> Any:
    found = _product(xp, x, W, b)
    if found is NotImplemented:
        return NotImplemented
    y, dtype = found
    if b is not None:
        add_and_activate(xp, "identity", dtype, y, b)
    return y


def _linear_activation(
    xp: Any, x: Array, W: Array, b: Array | None = None, *, activation: str
) -> Any:
    found = _product(xp, x, W, b)
    if found is NotImplemented:
        return NotImplemented
    y, dtype = found
    if activation in BY_RESULT:
        add_and_activate(xp, activation, dtype, y, b)
        return y, None
    return bias_activation(xp, y, b, activation), y


def _linear_activation_vjp(
    xp: Any,
    gy: Any,
    needs: Any,
    x: Any,
    W: Any,
    b: Any,
    y: Any,
    product: Any,
    activation: str,
) -> Any:
    if supported(xp, gy, x, W, b, y, product) is None:
        return NotImplemented
    by_result = activation in BY_RESULT
    if b is not None and b.shape != W.shape[1:]:
        return NotImplemented
    gz = bias_activation_gradient(
        xp, gy, y if by_result else product, activation, None if by_result else b
    )
    if gz is NotImplemented:
        return NotImplemented
    n = prod(x.shape[:-1])
    rows = gz.reshape(n, W.shape[1])
    gradients = [
        product_of(xp, rows, W.T).reshape(x.shape) if needs[0] else None,
        product_of(xp, x.reshape(n, W.shape[0]).T, rows) if needs[1] else None,
        gz,
    ]
    return gradients[: len(needs)]


#: What stands in for primitives and their rules, by name.
KERNELS: Mapping[str, Callable[..., Any]] = MappingProxyType(
    {
        "linear": _linear,
        "linear_activation": _linear_activation,
        "linear_activation.vjp": _linear_activation_vjp,
    }
)
