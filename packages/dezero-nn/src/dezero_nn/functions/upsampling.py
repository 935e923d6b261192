"""Images made larger."""

from __future__ import annotations

from dezero_core import Variable, as_variable
from dezero_core import functions as F
from dezero_core.errors import describe
from dezero_core.typing import ArrayLike
from dezero_nn.functions._sliding import Pair
from dezero_nn.functions.windows import pair

__all__ = ["upsample_nearest"]


def upsample_nearest(x: ArrayLike, scale: int | Pair) -> Variable:
    r"""Enlarge images by repeating each pixel (nearest neighbor).

    .. math:: y_{n,c,i,j} = x_{n,c,\, \lfloor i / s \rfloor,\, \lfloor j / s \rfloor}

    Followed by a convolution it enlarges more evenly than `deconv2d`.

    Args:
        x: Images, of shape (N, C, H, W).
        scale: How often each pixel is repeated, an integer, or vertically and horizontally.

    Returns:
        A Variable of shape (N, C, H * scale, W * scale).

    Raises:
        ValueError: `x` has not four axes, or `scale` is less than 1.

    Example:
        >>> import numpy as np
        >>> upsample_nearest(np.array([[[[1.0, 2.0]]]]), 2)
        variable([[[[1. 1. 2. 2.]
                    [1. 1. 2. 2.]]]])

    A. Odena, V. Dumoulin, C. Olah, "Deconvolution and Checkerboard Artifacts", 2016.
    """
    sh, sw = pair(scale)
    if min(sh, sw) < 1:
        raise ValueError(f"upsample_nearest: scale must be at least 1, it is {scale}")
    x = as_variable(x)
    if x.ndim != 4:
        raise ValueError(f"upsample_nearest: x has the shape (N, C, H, W), not {describe(x)}")
    N, C, H, W = x.shape
    blocks = F.broadcast_to(x.reshape(N, C, H, 1, W, 1), (N, C, H, sh, W, sw))
    return blocks.reshape(N, C, H * sh, W * sw)
