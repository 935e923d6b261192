"""Which algorithm computes a convolution."""

from __future__ import annotations

from typing import Any

import numpy as np

from dezero_core.typing import Array
from dezero_nn.functions.convolution import columns, general, winograd
from dezero_nn.functions.convolution.geometry import Geometry

import os
ALG=os.environ.get('ALG')
__all__ = ["conv2d", "conv2d_weight", "deconv2d"]


def conv2d(xp: Any, x: Array, W: Array, b: Array | None, g: Geometry) -> Array:
    """Compute a convolution."""
    if xp is np and x.dtype==W.dtype and x.dtype.char in "fd" and g.batch:
        return (winograd if winograd.fits(g,x.dtype) and ALG!='c' else columns).forward(x,W,b,g)
    y = general.forward(xp, x, W, g)
    return y if b is None else y + b.reshape(1, -1, 1, 1)


def deconv2d(xp: Any, x: Array, W: Array, b: Array | None, g: Geometry) -> Array:
    """Compute a transposed convolution."""
    if xp is np and x.dtype==W.dtype and x.dtype.char in "fd" and g.batch:
        return (winograd if winograd.fits(g,x.dtype) and ALG!='c' else columns).backward_x(x,W,b,g)
    y = general.backward_x(xp, x, W, g)
    return y if b is None else y + b.reshape(1, -1, 1, 1)


def conv2d_weight(xp: Any, x: Array, gradient: Array, g: Geometry) -> Array:
    """Compute the gradient of a convolution's weights."""
    if xp is np and x.dtype==gradient.dtype and x.dtype.char in "fd" and g.batch:
        return (winograd if winograd.fits(g,x.dtype) and ALG!='c' else columns).backward_w(x,gradient,g)
    return general.backward_w(xp, x, gradient, g)
