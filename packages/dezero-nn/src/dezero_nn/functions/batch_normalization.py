"""Batch normalization: each channel at mean 0 and variance 1 over a batch."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from dezero_core import Config, Variable, get_array_module
from dezero_core import functions as F
from dezero_core.backend import kernels_of
from dezero_core.errors import describe
from dezero_core.primitive import primitive
from dezero_core.typing import Array, ArrayLike, Shape
from dezero_nn.functions._blocks import (
    blocks,
    by_channel,
    channel_shape,
    computed_dtype,
    scale_and_shift,
    spread,
)
from dezero_nn.functions._channels import find_loops

__all__ = ["batch_norm"]


# A rule of its own: composed, it would keep five arrays of the size of x. This one keeps x, and
# two numbers for each channel.
@primitive(multiple_outputs=True, extras=["center", "inverse"], autocast="first")
def _batch_norm(xp: Any, x: Array, gamma: Array, beta: Array, *, eps: float) -> Any:
    """Return the normalized x, and mean and variance of the channels."""
    rows = by_channel(x)
    loops = find_loops(rows, gamma, beta)
    if loops is not None:
        mean, var = loops.moments(rows)
    else:
        mean = _sums(xp, rows) / _count(x.shape)
        # The mean is subtracted before squaring: otherwise an offset would cost all precision.
        var = _sums(xp, rows, center=mean) / _count(x.shape)
    inverse = 1 / xp.sqrt(var + eps)
    scale = gamma * inverse
    y = scale_and_shift.compute(xp, rows, scale, beta - mean * scale)[0]
    # Statistics of float16 are float32, which is nobody else's concern.
    dtype = computed_dtype(xp, x, gamma, beta)
    y = y.reshape(x.shape)
    return y if y.dtype == dtype else y.astype(dtype), mean, var, mean, inverse


def _count(shape: Shape) -> int:
    """Return how many elements there are for each channel."""
    return shape[0] * prod(shape[2:])


def _sums(xp: Any, x: Array, other: Array | None = None, center: Array | None = None) -> Array:
    """Sum over each channel: x; (x - center)^2; or, with another array, other * (x - center)."""
    dtype = center.dtype if center is not None else np.result_type(x.dtype, np.float32)
    ones = xp.ones(x.shape[2:], dtype) if center is None else None
    center = None if center is None else spread(xp, center, x)
    total: Array = None
    for block in blocks(xp, x):
        part, channels = x[block], block[1:]
        if center is None:
            sums = _products(xp, part, ones)
        else:
            part = part - center[channels]
            sums = _products(xp, part, part if other is None else other[block])
        if part.shape == x.shape:
            return sums
        if total is None:
            total = xp.zeros(x.shape[1], dtype)
        total[channels] += sums
    return total


def _products(xp: Any, x0: Array, x1: Array) -> Array:
    """Sum the products of two arrays over each channel."""
    if xp is not np:
        return (x0 * x1).sum(axis=(0, 2) if x0.ndim > 2 else 0)
    if x0.ndim > 2:
        return np.vecdot(x0, x1).sum(axis=0)
    return np.einsum("nc,nc->c", x0, x1) if x1.ndim > 1 else x0.sum(axis=0, dtype=x1.dtype)


def _batch_norm_vjp(
    xp: Any, gy: Any, needs: Any, x: Any, gamma: Any, center: Any, inverse: Any, eps: float
) -> Any:
    # Nothing is ever computed from the other two results.
    gy = gy[0]
    if xp is F:
        return _gradient_to_differentiate(gy, x, gamma, eps)
    shape = x.shape
    x, gy = by_channel(x), by_channel(gy)
    loops = find_loops(x, gy, gamma, center)
    if loops is not None:
        g_beta, g_gamma = loops.sums(gy, x, center)
    else:
        g_beta, g_gamma = _sums(xp, gy), _sums(xp, x, gy, center)
    g_gamma = g_gamma * inverse
    gx = None
    if needs[0]:
        n = _count(shape)
        scale = gamma * inverse
        slope, offset = -scale * inverse * g_gamma / n, -scale * g_beta / n
        if loops is not None:
            gx = loops.gradient(gy, x, center, scale, slope, offset)
            return gx.reshape(shape), g_gamma, g_beta
        gx = xp.empty(x.shape, xp.result_type(x.dtype, gy.dtype))
        scale, slope, offset, center = (spread(xp, a, x) for a in (scale, slope, offset, center))
        for block in blocks(xp, gx):
            part, channels = gx[block], block[1:]
            deviation = x[block] - center[channels]
            deviation *= slope[channels]
            xp.multiply(gy[block], scale[channels], out=part)
            part += deviation
            part += offset[channels]
        gx = gx.reshape(shape)
    return gx, g_gamma, g_beta


def _gradient_to_differentiate(gy: Any, x: Any, gamma: Any, eps: float) -> Any:
    """Compute the gradients of Variables, of which mean and variance are functions too."""
    axes = (0, *range(2, x.ndim))
    n = _count(x.shape)
    deviation = x - x.mean(axes, keepdims=True)
    inverse = 1 / F.sqrt(F.square(deviation).mean(axes, keepdims=True) + eps)
    normal = deviation * inverse
    g_beta, g_gamma = gy.sum(axes, keepdims=True), (gy * normal).sum(axes, keepdims=True)
    gx = (gamma.reshape(channel_shape(x.shape)) * inverse) * (
        gy - (g_beta / n + normal * (g_gamma / n))
    )
    return gx, g_gamma.reshape(-1), g_beta.reshape(-1)


_batch_norm.defvjp_joint(_batch_norm_vjp)


def batch_norm(
    x: ArrayLike,
    gamma: ArrayLike,
    beta: ArrayLike,
    mean: Array | None = None,
    var: Array | None = None,
    decay: float = 0.9,
    eps: float = 2e-5,
) -> Variable:
    r"""Bring each channel to mean 0 and variance 1 over a batch, then scale and shift it.

    .. math:: y = \gamma \frac{x - \mu}{\sqrt{\sigma^2 + \epsilon}} + \beta

    In training :math:`\mu` and :math:`\sigma^2` are mean and variance of the batch, and the
    running ones are changed in place to ``decay * running + (1 - decay) * new``, where the new
    variance is the unbiased estimate (with m - 1 for m elements). In test mode, and for an empty
    batch, the running ones are used, and stay as they are.

    Args:
        x: Of shape (N, C), or (N, C, ...), such as images.
        gamma: The scale of each channel, of shape (C,).
        beta: The shift of each channel, of shape (C,).
        mean: The running mean, an array of shape (C,) or a Variable that holds one. None if there
            is none: then the batch's own is used in test mode too.
        var: The running variance; None if, and only if, `mean` is.
        decay: How much of the running statistics is kept, from 0 to 1.
        eps: What is added to the variance.

    Returns:
        A Variable of the shape of `x`.

    Raises:
        ValueError: A shape does not fit, `decay` is not between 0 and 1, or `eps` is not positive.
        TypeError: One of `mean` and `var` is None, or is no array.

    Example:
        >>> import numpy as np
        >>> x = np.array([[1.0, 10.0], [3.0, 50.0]])
        >>> mean, var = np.zeros(2), np.ones(2)
        >>> batch_norm(x, np.ones(2), np.zeros(2), mean, var, eps=1e-9)
        variable([[-1. -1.]
                  [ 1.  1.]])
        >>> mean
        array([0.2, 3. ])

    S. Ioffe, C. Szegedy, "Batch Normalization", 2015; Deep Learning from Scratch 3 names it in its
    last column.
    """
    mean, var = _array_of(mean), _array_of(var)
    _check(x, gamma, beta, mean, var, decay, eps)
    if x.size and (mean is None or Config.train):
        y, batch_mean, batch_var = _batch_norm(x, gamma, beta, eps=eps)
        if mean is not None and var is not None:
            _move(mean, var, batch_mean.data, batch_var.data, _count(x.shape), decay)
        return y
    if mean is None or var is None:
        return scale_and_shift(x, *_in_channels(x, gamma, beta))
    inverse = 1 / get_array_module(var).sqrt(var + eps)
    scale = F.multiply(gamma, inverse)
    # The product with the mean is a new array: the mean itself may change before a backward pass.
    return scale_and_shift(x, *_in_channels(x, scale, beta - scale * mean.copy()))


def _in_channels(x: Any, *values: Any) -> list[Any]:
    return [F.reshape(value, channel_shape(x.shape)) for value in values]


def _move(mean: Array, var: Array, new_mean: Array, new_var: Array, n: int, decay: float) -> None:
    """Change running statistics in place, towards those of a batch of n elements a channel."""
    xp = get_array_module(mean, new_mean)
    kernel = kernels_of(xp).get("batch_norm.running")
    if kernel and kernel(xp, mean, var, new_mean, new_var, n, decay) is not NotImplemented:
        return
    for running, new in ((mean, new_mean), (var, new_var * (n / max(n - 1, 1)))):
        running *= decay
        running += (1 - decay) * new


def _array_of(x: Any) -> Any:
    return x.data if isinstance(x, Variable) else x


def _check(x: Any, gamma: Any, beta: Any, mean: Any, var: Any, decay: float, eps: float) -> None:
    shape: Shape = getattr(x, "shape", ())
    if len(shape) < 2:
        raise ValueError(f"batch_norm: x is of shape (N, C) or (N, C, ...), got {describe(x)}")
    if (mean is None) != (var is None):
        raise TypeError(
            "batch_norm: give both running statistics or none; "
            f"got mean={describe(mean)}, var={describe(var)}"
        )
    named = {"gamma": gamma, "beta": beta}
    if mean is not None:
        named |= {"mean": mean, "var": var}
    for name, value in named.items():
        if getattr(value, "shape", None) != shape[1:2]:
            raise ValueError(
                f"batch_norm: {name} has one number for each of the {shape[1]} channels of x, "
                f"{describe(x)}; got {describe(value)}"
            )
    if not 0 <= decay <= 1:
        raise ValueError(f"batch_norm: decay is between 0 and 1, got {decay}")
    if not eps > 0:
        raise ValueError(f"batch_norm: eps must be positive, got {eps}")
