"""Windows that slide over images: their sizes, and images as columns of windows (book step 55)."""

from __future__ import annotations

from collections.abc import Sequence
from operator import index
from typing import Any

from dezero_core import Variable, as_variable
from dezero_core.errors import describe
from dezero_core.primitive import primitive
from dezero_core.typing import Array, ArrayLike, Shape
from dezero_nn.functions._sliding import (
    Pair,
    check_images,
    conv_length,
    output_size,
    pad_images,
    positions,
)

__all__ = ["col2im", "get_conv_outsize", "get_deconv_outsize", "im2col", "pair"]

# --- sizes ---------------------------------------------------------------------------------------


def pair(x: int | Sequence[int]) -> Pair:
    """Return a number twice, and a pair as it is.

    Args:
        x: An integer, or two of them: vertical and horizontal.

    Returns:
        A tuple of two integers.

    Raises:
        ValueError: There are not two numbers.
        TypeError: They are no integers.

    Example:
        >>> pair(3), pair((1, 2))
        ((3, 3), (1, 2))

    Deep Learning from Scratch 3, step 55.
    """
    if isinstance(x, (tuple, list)):
        if len(x) != 2:
            raise ValueError(f"pair: expected an integer or two of them, got {x!r}")
        return _integer(x[0], x), _integer(x[1], x)
    number = _integer(x, x)
    return number, number


def _integer(number: Any, given: Any) -> int:
    try:
        return index(number)
    except TypeError:
        raise TypeError(f"pair: expected an integer or two of them, got {given!r}") from None


def get_conv_outsize(
    input_size: int, kernel_size: int, stride: int, pad: int, dilation: int = 1
) -> int:
    r"""Return how many windows fit along an axis of an input.

    .. math:: O = \lfloor (I + 2P - D(K - 1) - 1) / S \rfloor + 1

    Args:
        input_size: The length of the axis, I.
        kernel_size: The length of the window, K.
        stride: The distance from window to window, S.
        pad: How many elements are added at each end, P.
        dilation: The distance between the elements that a window sees, D.

    Returns:
        The length of the output. It is less than 1 where not even one window fits.

    Example:
        >>> get_conv_outsize(4, 3, 1, 1)
        4

    Deep Learning from Scratch 3, step 55.
    """
    return conv_length(input_size, kernel_size, stride, pad, dilation)


def get_deconv_outsize(size: int, k: int, s: int, p: int, dilation: int = 1) -> int:
    r"""Return the smallest input of a convolution whose output has a size.

    .. math:: O = S (I - 1) + D(K - 1) + 1 - 2P

    Args:
        size: The length of an axis of the transposed convolution's input, I.
        k: The length of the kernel, K.
        s: The stride, S.
        p: How many elements are cut off at each end, P.
        dilation: The distance between the elements that the kernel sees, D.

    Returns:
        The length of the transposed convolution's output.

    Example:
        >>> get_deconv_outsize(4, 3, 2, 1)
        7
    """
    return s * (size - 1) + dilation * (k - 1) + 1 - 2 * p


# --- the primitives ------------------------------------------------------------------------------


# These two are adjoint: each is linear, and the other is its derivative.
@primitive
def _im2col(
    xp: Any, x: Array, *, kernel_size: Pair, stride: Pair, pad: Pair, dilation: Pair
) -> Any:
    N, C, H, W = check_images(x)
    out = output_size((H, W), kernel_size, stride, pad, dilation)
    col = xp.empty((N, C, *kernel_size, *out), x.dtype)
    x = pad_images(xp, x, pad)
    for i, j, seen in positions(kernel_size, stride, dilation, out):
        col[:, :, i, j] = x[seen]
    return col


@primitive
def _col2im(
    xp: Any, col: Array, *, input_shape: Shape, stride: Pair, pad: Pair, dilation: Pair
) -> Any:
    (N, C, H, W), (ph, pw) = input_shape, pad
    kernel, out = col.shape[2:4], col.shape[4:]
    x = xp.zeros((N, C, H + 2 * ph, W + 2 * pw), col.dtype)
    for i, j, seen in positions(kernel, stride, dilation, out):
        x[seen] += col[:, :, i, j]
    return x if pad == (0, 0) else xp.ascontiguousarray(x[:, :, ph : ph + H, pw : pw + W])


_im2col.defvjp(
    lambda xp, gy, x_shape, stride, pad, dilation: _col2im.on(
        xp, gy, input_shape=x_shape, stride=stride, pad=pad, dilation=dilation
    )
)
_col2im.defvjp(
    lambda xp, gy, col_shape, stride, pad, dilation: _im2col.on(
        xp, gy, kernel_size=col_shape[2:4], stride=stride, pad=pad, dilation=dilation
    )
)


# --- public --------------------------------------------------------------------------------------


def im2col(
    x: ArrayLike,
    kernel_size: int | Pair,
    stride: int | Pair = 1,
    pad: int | Pair = 0,
    to_matrix: bool = True,
    dilation: int | Pair = 1,
) -> Variable:
    r"""Lay out what a window sees at each of its places.

    .. math:: y_{n,c,i,j,p,q} = x_{n,c,\, pS + iD - P,\, qS + jD - P}

    with zeros outside of the image; S, P and D are `stride`, `pad` and `dilation`.

    Args:
        x: Images, of shape (N, C, H, W).
        kernel_size: The window's height and width, KH and KW.
        stride: The distance from window to window.
        pad: How many zeros are added at each side.
        to_matrix: Whether to return a matrix with a row for each window.
        dilation: The distance between the elements that a window sees.

    Returns:
        A Variable of shape (N * OH * OW, C * KH * KW), or, not as a matrix,
        (N, C, KH, KW, OH, OW).

    Raises:
        ValueError: `x` has not four axes, a setting is out of its range, or the window is larger
            than the padded images.

    Example:
        >>> import numpy as np
        >>> im2col(np.zeros((1, 3, 7, 7)), kernel_size=5).shape
        (9, 75)

    Deep Learning from Scratch 3, step 55.
    """
    col = _im2col(
        x,
        kernel_size=pair(kernel_size),
        stride=pair(stride),
        pad=pair(pad),
        dilation=pair(dilation),
    )
    if not to_matrix:
        return col
    N, C, KH, KW, OH, OW = col.shape
    return col.transpose(0, 4, 5, 1, 2, 3).reshape(N * OH * OW, C * KH * KW)


def col2im(
    col: ArrayLike,
    input_shape: Shape,
    kernel_size: int | Pair,
    stride: int | Pair = 1,
    pad: int | Pair = 0,
    to_matrix: bool = True,
    dilation: int | Pair = 1,
) -> Variable:
    r"""Add up what `im2col` laid out: its adjoint, not its inverse, since windows overlap.

    .. math:: y_{n,c,\, pS + iD - P,\, qS + jD - P} \mathrel{+}= x_{n,c,i,j,p,q}

    Args:
        col: Of the shape that `im2col` returns.
        input_shape: The shape of the images, (N, C, H, W).
        kernel_size: As for `im2col`, and so are `stride`, `pad` and `dilation`.
        stride: See above.
        pad: See above.
        to_matrix: Whether `col` is a matrix.
        dilation: See above.

    Returns:
        A Variable of shape `input_shape`.

    Raises:
        ValueError: The shape of `col` is not what `im2col` gives.

    Example:
        >>> import numpy as np
        >>> col2im(np.ones((4, 4)), (1, 1, 3, 3), kernel_size=2)
        variable([[[[1. 2. 1.]
                    [2. 4. 2.]
                    [1. 2. 1.]]]])

    Deep Learning from Scratch 3, step 55.
    """
    kernel, stride, pad, dilation = pair(kernel_size), pair(stride), pair(pad), pair(dilation)
    input_shape = tuple(input_shape)
    if len(input_shape) != 4:
        raise ValueError(f"col2im: input_shape is (N, C, H, W), not {input_shape}")
    N, C, H, W = input_shape
    try:
        out = output_size((H, W), kernel, stride, pad, dilation)
    except ValueError as error:
        raise ValueError(f"col2im: {error}") from None
    shape = (N * out[0] * out[1], C * kernel[0] * kernel[1]) if to_matrix else (N, C, *kernel, *out)
    if getattr(col, "shape", ()) != shape:
        raise ValueError(f"col2im: col has the shape {list(shape)}, not {describe(col)}")
    if to_matrix:
        col = as_variable(col).reshape(N, *out, C, *kernel).transpose(0, 3, 4, 5, 1, 2)
    return _col2im(col, input_shape=input_shape, stride=stride, pad=pad, dilation=dilation)
