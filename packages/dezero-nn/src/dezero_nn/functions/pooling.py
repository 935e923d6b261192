"""Windows of an image in one number each: the largest, or the mean (book step 57)."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from dezero_core import Variable
from dezero_core import functions as F
from dezero_core.compiled import Loops
from dezero_core.parallel import in_threads
from dezero_core.primitive import primitive
from dezero_core.typing import Array, ArrayLike, Shape
from dezero_nn.functions._sliding import Pair, check_images, output_size, pad_images, positions
from dezero_nn.functions.windows import im2col, pair

__all__ = ["average_pooling", "pooling", "pooling_simple"]


def _views(xp: Any, x: Array, kernel: Pair, stride: Pair, pad: Pair) -> list[Array]:
    """Return for each place in a window what all windows see there; outside of images: zeros."""
    out = output_size(x.shape[2:], kernel, stride, pad, (1, 1))
    padded = pad_images(xp, x, pad)
    return [padded[seen] for _, _, seen in positions(kernel, stride, (1, 1), out)]


def _cut(xp: Any, padded: Array, pad: Pair) -> Array:
    """Return images without their border."""
    if pad == (0, 0):
        return padded
    (ph, pw), (_, _, H, W) = pad, padded.shape
    return xp.ascontiguousarray(padded[:, :, ph : H - ph, pw : W - pw])


# How many elements are worked on at once: what stays in the cache.
_BLOCK = 1 << 18

_loops = Loops("dezero_nn.loops.pooling")

# --- the largest ---------------------------------------------------------------------------------


def _lowest(xp: Any, x: Array) -> Any:
    """Return what no number is less than: what outside of the image never wins with."""
    if x.dtype.kind == "b":
        return False
    return -xp.inf if x.dtype.kind in "fV" else xp.iinfo(x.dtype).min


def _windows(xp: Any, x: Array, kernel: Pair, stride: Pair, pad: Pair) -> list[Array]:
    """Return for each place in a window what all windows see there."""
    out = output_size(x.shape[2:], kernel, stride, pad, (1, 1))
    padded = pad_images(xp, x, pad, _lowest(xp, x))
    return [padded[seen] for _, _, seen in positions(kernel, stride, (1, 1), out)]


@primitive
def _pooling(xp: Any, x: Array, *, kernel_size: Pair, stride: Pair, pad: Pair) -> Any:
    check_images(x)
    out = output_size(x.shape[2:], kernel_size, stride, pad, (1, 1))
    x = pad_images(xp, x, pad, _lowest(xp, x))
    if kernel_size == (1, 1):
        return x[:, :, :: stride[0], :: stride[1]].copy()

    y = xp.empty((*x.shape[:2], *out), x.dtype)
    loops = _loops.find(x) if kernel_size == stride == (2, 2) else None

    def compute(parts: Sequence[slice]) -> None:
        for i in parts:
            if loops is not None:
                loops.largest_of_four(*map(_flat, (x[i], y[i])))
                continue
            # Over rows, then over columns: KH + KW steps instead of KH * KW, and the first on
            # whole rows.
            rows = _largest_along(xp, x[i], 2, kernel_size[0], stride[0], out[0])
            _largest_along(xp, rows, 3, kernel_size[1], stride[1], out[1], y[i])

    in_threads(compute, _parts(xp, x))
    return y


def _parts(xp: Any, x: Array) -> list[slice]:
    """Divide images: on the host some at a time, which stay in the cache."""
    n = max(1, _BLOCK // max(1, prod(x.shape[1:]))) if xp is np else max(1, len(x))
    return [slice(i, i + n) for i in range(0, len(x), n)]


def _flat(x: Array) -> Array:
    """Return images one below the other, (N * C, H, W)."""
    return x.reshape(-1, *x.shape[2:])


def _largest_along(
    xp: Any, x: Array, axis: int, kernel: int, stride: int, out: int, y: Array | None = None
) -> Array:
    """Take the largest of the windows along an axis; for a kernel of one, a view."""
    before = (slice(None),) * axis
    seen = [x[(*before, slice(i, i + stride * (out - 1) + 1, stride))] for i in range(kernel)]
    if kernel == 1:
        if y is None:
            return seen[0]
        y[...] = seen[0]
        return y
    y = xp.maximum(seen[0], seen[1], out=y)
    for other in seen[2:]:
        xp.maximum(y, other, out=y)
    return y


# Where the largest is decides where the gradient goes: to one element of the window, the first of
# them if several are equal. Going there and coming from there are linear, and adjoint.
@primitive
def _to_winners(
    xp: Any, gy: Array, x: Array, largest: Array, *, kernel_size: Pair, stride: Pair, pad: Pair
) -> Any:
    (_, _, H, W), (ph, pw) = x.shape, pad
    x = pad_images(xp, x, pad, _lowest(xp, x))
    *places, last = [
        place for _, _, place in positions(kernel_size, stride, (1, 1), largest.shape[2:])
    ]
    overlap = kernel_size[0] > stride[0] or kernel_size[1] > stride[1]
    is_covered = (
        kernel_size == stride
        and kernel_size[0] * largest.shape[2] == H + 2 * ph
        and kernel_size[1] * largest.shape[3] == W + 2 * pw
    )
    loops = _loops.find(x, largest, gy) if kernel_size == stride == (2, 2) else None
    gx = (xp.zeros if loops is None and not is_covered else xp.empty)(x.shape, gy.dtype)

    def compute(parts: Sequence[slice]) -> None:
        for i in parts:
            if loops is not None:
                loops.to_winners_of_four(*map(_flat, (x[i], largest[i], gy[i], gx[i])))
                continue
            x_i, y_i, gx_i, gy_i = x[i], largest[i], gx[i], gy[i]
            free = xp.ones(y_i.shape, bool)
            for place in places:
                wins = x_i[place] == y_i
                wins &= free
                free ^= wins
                if overlap:
                    gx_i[place] += gy_i * wins
                else:
                    xp.multiply(gy_i, wins, out=gx_i[place])
            # What has not won by now.
            if overlap:
                gx_i[last] += gy_i * free
            else:
                xp.multiply(gy_i, free, out=gx_i[last])

    in_threads(compute, _parts(xp, x))
    return _cut(xp, gx, pad)


@primitive
def _from_winners(
    xp: Any, v: Array, x: Array, largest: Array, *, kernel_size: Pair, stride: Pair, pad: Pair
) -> Any:
    found = xp.zeros(largest.shape, bool)
    *values, last = _views(xp, v, kernel_size, stride, pad)
    # The last wins where none before it does, as in `_to_winners`.
    y = last.copy()
    for value, seen in zip(values, _windows(xp, x, kernel_size, stride, pad), strict=False):
        wins = (seen == largest) & ~found
        y = xp.where(wins, value, y)
        found |= wins
    return y


_pooling.defvjp(
    lambda xp, gy, x, y, kernel_size, stride, pad: _to_winners.on(
        xp, gy, x, y, kernel_size=kernel_size, stride=stride, pad=pad
    )
)
# None for the images and their largest: a small change of these moves no gradient elsewhere.
_to_winners.defvjp(
    lambda xp, gy, x, largest, kernel_size, stride, pad: _from_winners.on(
        xp, gy, x, largest, kernel_size=kernel_size, stride=stride, pad=pad
    )
)
_from_winners.defvjp(
    lambda xp, gy, x, largest, kernel_size, stride, pad: _to_winners.on(
        xp, gy, x, largest, kernel_size=kernel_size, stride=stride, pad=pad
    )
)


def pooling(
    x: ArrayLike, kernel_size: int | Pair, stride: int | Pair = 1, pad: int | Pair = 0
) -> Variable:
    r"""Take the largest element of each window (max pooling).

    Outside of the image nothing is largest: it counts as :math:`-\infty`, also where all of the
    image is negative. The gradient goes to the largest element, the first if several are equal.

    The largest of a whole image, global pooling, is ``F.max(x, axis=(2, 3))``.

    Args:
        x: Images, of shape (N, C, H, W).
        kernel_size: The window's height and width.
        stride: The distance from window to window: 1, as in the book, not the window's size.
        pad: How many elements are added at each side.

    Returns:
        A Variable of shape (N, C, OH, OW). A window that sees nothing of the image, where `pad` is
        not less than the window, gives :math:`-\infty`.

    Raises:
        ValueError: `x` has not four axes, a setting is out of its range, or the window is larger
            than the padded images.

    Example:
        >>> import numpy as np
        >>> pooling(np.arange(16.0).reshape(1, 1, 4, 4), kernel_size=2, stride=2)
        variable([[[[ 5.  7.]
                    [13. 15.]]]])

    Deep Learning from Scratch 3, step 57.
    """
    return _pooling(x, kernel_size=pair(kernel_size), stride=pair(stride), pad=pair(pad))


def pooling_simple(
    x: ArrayLike, kernel_size: int | Pair, stride: int | Pair = 1, pad: int | Pair = 0
) -> Variable:
    """Compose `pooling` of `im2col` and `max`: more memory, the same values.

    Its gradient is shared out where several elements of a window are largest.

    Args:
        x: Images, of shape (N, C, H, W).
        kernel_size: The window's height and width.
        stride: The distance from window to window.
        pad: How many elements are added at each side.

    Returns:
        A Variable of shape (N, C, OH, OW).

    Raises:
        ValueError: As `pooling` does.

    Example:
        >>> import numpy as np
        >>> pooling_simple(np.array([[[[-1.0, -2.0]]]]), kernel_size=1, pad=0)
        variable([[[[-1. -2.]]]])

    Deep Learning from Scratch 3, step 57.
    """
    (KH, KW), (ph, pw) = pair(kernel_size), pair(pad)
    try:
        N, C, H, W = check_images(x)
        OH, OW = output_size((H, W), (KH, KW), pair(stride), (ph, pw), (1, 1))
    except ValueError as error:
        raise ValueError(f"pooling_simple: {error}") from None
    if ph or pw:
        x = F.pad(x, ((0, 0), (0, 0), (ph, ph), (pw, pw)), constant_values=-float("inf"))
    col = im2col(x, (KH, KW), stride).reshape(N * OH * OW * C, KH * KW)
    return F.max(col, axis=1).reshape(N, OH, OW, C).transpose(0, 3, 1, 2)


# --- the mean ------------------------------------------------------------------------------------


@primitive
def _average_pooling(xp: Any, x: Array, *, kernel_size: Pair, stride: Pair, pad: Pair) -> Any:
    if kernel_size == check_images(x)[2:] and pad == (0, 0):
        return x.mean(axis=(2, 3), keepdims=True)
    first, *others = _views(xp, x, kernel_size, stride, pad)
    y = first / (kernel_size[0] * kernel_size[1])
    for seen in others:
        y += seen / (kernel_size[0] * kernel_size[1])
    return y


@primitive
def _spread(xp: Any, gy: Array, *, size: Shape, kernel_size: Pair, stride: Pair, pad: Pair) -> Any:
    """Give each element of a window its part of the mean's gradient."""
    (N, C, *out), (H, W), (ph, pw) = gy.shape, size, pad
    part = gy / (kernel_size[0] * kernel_size[1])
    gx = xp.zeros((N, C, H + 2 * ph, W + 2 * pw), part.dtype)
    for _, _, place in positions(kernel_size, stride, (1, 1), (out[0], out[1])):
        gx[place] += part
    return _cut(xp, gx, pad)


_average_pooling.defvjp(
    lambda xp, gy, x_shape, kernel_size, stride, pad: _spread.on(
        xp, gy, size=x_shape[2:], kernel_size=kernel_size, stride=stride, pad=pad
    )
)
_spread.defvjp(
    lambda xp, gy, kernel_size, stride, pad: _average_pooling.on(
        xp, gy, kernel_size=kernel_size, stride=stride, pad=pad
    )
)


def average_pooling(
    x: ArrayLike, kernel_size: int | Pair, stride: int | Pair = 1, pad: int | Pair = 0
) -> Variable:
    r"""Take the mean of each window.

    .. math:: y_{n,c,p,q} = \frac{1}{K_H K_W} \sum_{i,j} x_{n,c,\, pS + i - P,\, qS + j - P}

    S and P are `stride` and `pad`. Outside of the image there are zeros, which count: the sum is
    divided by the window's size.

    The mean of a whole image, global pooling, is ``F.mean(x, axis=(2, 3))``.

    Args:
        x: Images, of shape (N, C, H, W).
        kernel_size: The window's height and width.
        stride: The distance from window to window: 1, as in the book, not the window's size.
        pad: How many zeros are added at each side.

    Returns:
        A Variable of shape (N, C, OH, OW).

    Raises:
        ValueError: `x` has not four axes, a setting is out of its range, or the window is larger
            than the padded images.

    Example:
        >>> import numpy as np
        >>> average_pooling(np.arange(16.0).reshape(1, 1, 4, 4), kernel_size=2, stride=2)
        variable([[[[ 2.5  4.5]
                    [10.5 12.5]]]])

    Deep Learning from Scratch 3, step 57.
    """
    return _average_pooling(x, kernel_size=pair(kernel_size), stride=pair(stride), pad=pair(pad))
