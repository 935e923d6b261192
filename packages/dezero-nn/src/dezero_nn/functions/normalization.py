"""Normalization of each example on its own: over its features, or over groups of channels."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from dezero_core import Variable
from dezero_core import functions as F
from dezero_core.errors import describe
from dezero_core.primitive import primitive
from dezero_core.typing import Array, ArrayLike, Shape
from dezero_nn.functions._blocks import blocks, channel_shape, computed_dtype, scale_and_shift
from dezero_nn.functions._rows import find_loops, normalize, normalize_back

__all__ = ["group_norm", "layer_norm", "rms_norm"]

# --- rows --------------------------------------------------------------------------------------


# A rule of its own: composed, it would keep five arrays of the size of x. This one keeps x, and
# two numbers for each row.
@primitive(extras=["center", "inverse"], autocast="single")
def _normalize_rows(
    xp: Any,
    x: Array,
    gamma: Array | None = None,
    beta: Array | None = None,
    *,
    size: int,
    centered: bool,
    eps: float,
) -> Any:
    """Normalize each run of `size` elements: x stands for a matrix of that many columns."""
    rows = x.reshape(-1, size)
    loops = find_loops(rows, gamma, beta)
    if loops is not None:
        y, center, inverse = normalize(loops, rows, gamma, beta, centered=centered, eps=eps)
        return y.reshape(x.shape), center, inverse
    y = xp.empty(rows.shape, computed_dtype(xp, x, gamma, beta))
    precision = np.result_type(x.dtype, np.float32)
    ones = xp.ones(size, precision) if centered else None
    center = xp.zeros((len(rows), 1), precision)
    inverse = xp.empty((len(rows), 1), precision)
    for block in blocks(xp, rows):
        part, out = rows[block], y[block]
        if centered:
            center[block] = _row_products(xp, part, ones, precision) / size
            part = part - center[block]
        square = _row_products(xp, part, part, precision)
        inverse[block] = 1 / xp.sqrt(square / size + eps)
        xp.multiply(part, inverse[block], out=out)
        if gamma is not None:
            xp.multiply(out, gamma.reshape(-1), out=out)
        if beta is not None:
            xp.add(out, beta.reshape(-1), out=out)
    return y.reshape(x.shape), center, inverse


def _row_products(xp: Any, x0: Array, x1: Array, dtype: Any) -> Array:
    """Sum the products of a matrix and another, or a row, along each row."""
    if xp is np:
        return np.vecdot(x0, x1, dtype=dtype).reshape(-1, 1)
    return (x0 * x1).sum(axis=1, keepdims=True, dtype=dtype)


def _normalize_rows_vjp(
    xp: Any,
    gy: Any,
    needs: Any,
    x: Any,
    gamma: Any,
    beta_shape: Shape,
    center: Any,
    inverse: Any,
    size: int,
    centered: bool,
    eps: float,
) -> Any:
    shape = x.shape
    x, gy = x.reshape(-1, size), gy.reshape(-1, size)
    scale = None if gamma is None else gamma.reshape(-1)
    loops = find_loops(x, gy, gamma, center)
    if loops is not None:
        g_rows, g_gamma, g_beta = normalize_back(
            loops, gy, x, gamma, center, inverse, centered=centered, with_beta=any(needs[2:])
        )
    elif xp is F:
        g_rows, g_gamma = _gradient_to_differentiate(gy, x, scale, centered, eps)
        g_beta = gy.sum(0)
    else:
        g_rows = xp.empty(x.shape, np.result_type(x.dtype, gy.dtype))
        g_gamma, g_beta = xp.zeros(size, inverse.dtype), xp.zeros(size, inverse.dtype)
        ones = xp.ones(size, inverse.dtype)
        for block in blocks(xp, x):
            normal = (x[block] - center[block]) * inverse[block]
            out = g_rows[block]
            if len(needs) > 2 and needs[2]:
                g_beta += gy[block].sum(axis=0)
            if scale is None:
                out[...] = gy[block]
            else:
                g_gamma += _column_products(xp, gy[block], normal)
                xp.multiply(gy[block], scale, out=out)
            normal *= _row_products(xp, out, normal, inverse.dtype) / size
            if centered:
                normal += _row_products(xp, out, ones, inverse.dtype) / size
            out -= normal
            out *= inverse[block]
    gradients = [g_rows.reshape(shape)]
    if len(needs) > 1:
        gradients.append(g_gamma.reshape(gamma.shape) if needs[1] else None)
    if len(needs) > 2:
        gradients.append(g_beta.reshape(beta_shape) if needs[2] else None)
    return gradients


def _column_products(xp: Any, x0: Array, x1: Array) -> Array:
    return np.einsum("nd,nd->d", x0, x1) if xp is np else (x0 * x1).sum(axis=0)


def _gradient_to_differentiate(gy: Any, x: Any, gamma: Any, centered: bool, eps: float) -> Any:
    """Compute the gradients of Variables, of which mean and variance are functions too."""
    deviation = x - x.mean(1, keepdims=True) if centered else x
    inverse = 1 / F.sqrt(F.square(deviation).mean(1, keepdims=True) + eps)
    normal = deviation * inverse
    g_gamma = (gy * normal).sum(0)
    if gamma is not None:
        gy = gy * gamma
    gx = gy - normal * (gy * normal).mean(1, keepdims=True)
    if centered:
        gx = gx - gy.mean(1, keepdims=True)
    return gx * inverse, g_gamma


_normalize_rows.defvjp_joint(_normalize_rows_vjp)

# --- over features -----------------------------------------------------------------------------


def layer_norm(
    x: ArrayLike,
    gamma: ArrayLike | None = None,
    beta: ArrayLike | None = None,
    eps: float = 1e-5,
) -> Variable:
    r"""Bring the features of each example to mean 0 and variance 1, then scale and shift them.

    .. math:: y = \gamma \frac{x - \mu}{\sqrt{\sigma^2 + \epsilon}} + \beta

    Training and use are the same, and so are batches of any size, down to none.

    Args:
        x: Of shape (..., D), or with more axes of features.
        gamma: The scale, of the shape of the features, (D,); None for 1.
        beta: The shift, of the same shape; None for 0.
        eps: What is added to the variance.

    Returns:
        A Variable of the shape of `x`. The axes that are normalized are as many as `gamma` has, or
        `beta`; the last one if both are None.

    Raises:
        ValueError: A shape does not fit, there are no features, or `eps` is not positive.

    Example:
        >>> import numpy as np
        >>> layer_norm(np.array([[1.0, 3.0], [10.0, 50.0]]), eps=1e-9)
        variable([[-1.  1.]
                  [-1.  1.]])

    J. L. Ba, J. R. Kiros, G. E. Hinton, "Layer Normalization", 2016.
    """
    size = _check_features("layer_norm", x, {"gamma": gamma, "beta": beta}, eps)
    return _normalize_rows(x, gamma, beta, size=size, centered=True, eps=eps)


def rms_norm(x: ArrayLike, gamma: ArrayLike | None = None, eps: float = 1e-5) -> Variable:
    r"""Bring the features of each example to mean square 1, then scale them.

    .. math:: y = \gamma \frac{x}{\sqrt{\frac{1}{D} \sum_i x_i^2 + \epsilon}}

    What `layer_norm` does, but without a mean: cheaper, and it is said to serve as well.

    Args:
        x: Of shape (..., D), or with more axes of features.
        gamma: The scale, of the shape of the features, (D,); None for 1.
        eps: What is added to the mean square.

    Returns:
        A Variable of the shape of `x`. As many axes are normalized as `gamma` has, or the last.

    Raises:
        ValueError: A shape does not fit, there are no features, or `eps` is not positive.

    Example:
        >>> import numpy as np
        >>> rms_norm(np.array([[1.0, -7.0]]), eps=1e-9)
        variable([[ 0.2 -1.4]])

    B. Zhang, R. Sennrich, "Root Mean Square Layer Normalization", 2019.
    """
    size = _check_features("rms_norm", x, {"gamma": gamma}, eps)
    return _normalize_rows(x, gamma, size=size, centered=False, eps=eps)


def _check_features(name: str, x: Any, factors: dict[str, Any], eps: float) -> int:
    """Return how many features there are."""
    given = [value.shape for value in factors.values() if hasattr(value, "shape")]
    shape: Shape = getattr(x, "shape", ())
    axes = len(given[0]) if given else 1
    if not axes or len(shape) < axes:
        raise ValueError(f"{name}: x is of shape (..., D), got {describe(x)}")
    features = shape[len(shape) - axes :]
    _check_factors(name, x, features, factors)
    return _check_size(name, x, prod(features), eps)


def _check_factors(name: str, x: Any, wanted: Shape, factors: dict[str, Any]) -> None:
    for factor, value in factors.items():
        if value is not None and getattr(value, "shape", None) != wanted:
            raise ValueError(
                f"{name}: for x, {describe(x)}, {factor} is of shape {wanted}, got "
                f"{describe(value)}"
            )


def _check_size(name: str, x: Any, size: int, eps: float) -> int:
    if not size:
        raise ValueError(f"{name}: there are no features to normalize in x, {describe(x)}")
    if not eps > 0:
        raise ValueError(f"{name}: eps must be positive, got {eps}")
    return size


# --- over groups of channels -------------------------------------------------------------------


def group_norm(
    x: ArrayLike,
    groups: int,
    gamma: ArrayLike | None = None,
    beta: ArrayLike | None = None,
    eps: float = 1e-5,
) -> Variable:
    r"""Bring each group of channels of each example to mean 0 and variance 1.

    .. math:: y = \gamma \frac{x - \mu}{\sqrt{\sigma^2 + \epsilon}} + \beta

    Mean and variance are those of C / `groups` channels in a row, over all their places. One group
    is layer normalization of images; as many groups as channels are instance normalization.

    Args:
        x: Of shape (N, C), or (N, C, ...), such as images.
        groups: The number of groups, which divides C.
        gamma: The scale of each channel, of shape (C,); None for 1.
        beta: The shift of each channel, of shape (C,); None for 0.
        eps: What is added to the variance.

    Returns:
        A Variable of the shape of `x`.

    Raises:
        ValueError: A shape does not fit, `groups` does not divide C, there is nothing to
            normalize, or `eps` is not positive.

    Example:
        >>> import numpy as np
        >>> group_norm(np.array([[1.0, 3.0, 10.0, 50.0]]), groups=2, eps=1e-9)
        variable([[-1.  1. -1.  1.]])

    Y. Wu, K. He, "Group Normalization", 2018.
    """
    shape: Shape = getattr(x, "shape", ())
    if len(shape) < 2:
        raise ValueError(f"group_norm: x is of shape (N, C) or (N, C, ...), got {describe(x)}")
    if groups < 1 or shape[1] % groups:
        raise ValueError(
            f"group_norm: {groups} groups do not divide the {shape[1]} channels of x, {describe(x)}"
        )
    _check_factors("group_norm", x, shape[1:2], {"gamma": gamma, "beta": beta})
    size = _check_size("group_norm", x, prod(shape[1:]) // groups, eps)
    y: Variable = _normalize_rows(x, size=size, centered=True, eps=eps)
    wide = channel_shape(shape)
    if gamma is not None and beta is not None:
        return scale_and_shift(y, F.reshape(gamma, wide), F.reshape(beta, wide))
    if gamma is not None:
        return y * F.reshape(gamma, wide)
    return y if beta is None else y + F.reshape(beta, wide)
