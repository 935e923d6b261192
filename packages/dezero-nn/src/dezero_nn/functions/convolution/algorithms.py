"""Which algorithm computes a convolution."""

from __future__ import annotations

from typing import Any

from dezero_core.typing import Array
from dezero_nn.functions.convolution import general
from dezero_nn.functions.convolution.geometry import Geometry

__all__ = ["conv2d", "conv2d_weight", "deconv2d"]


def conv2d(xp: Any, x: Array, W: Array, b: Array | None, g: Geometry) -> Array:
    """Compute a convolution."""
    y = general.forward(xp, x, W, g)
    return y if b is None else y + b.reshape(1, -1, 1, 1)


def deconv2d(xp: Any, x: Array, W: Array, b: Array | None, g: Geometry) -> Array:
    """Compute a transposed convolution."""
    y = general.backward_x(xp, x, W, g)
    return y if b is None else y + b.reshape(1, -1, 1, 1)


def conv2d_weight(xp: Any, x: Array, gradient: Array, g: Geometry) -> Array:
    """Compute the gradient of a convolution's weights."""
    return general.backward_w(xp, x, gradient, g)
