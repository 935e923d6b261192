"""Convolution, its transpose, and their gradients.

Convolution is linear in the images and in the weights. Its gradients are the transposed
convolution and the gradient of the weights, which are bilinear as well; and the gradients of all
three are again among the three. So all can be differentiated as often as you like.
"""

from __future__ import annotations

from typing import Any

from dezero_core import Variable, as_variable
from dezero_core import functions as F
from dezero_core.errors import describe
from dezero_core.primitive import primitive
from dezero_core.typing import Array, ArrayLike, Shape
from dezero_nn.functions._sliding import Pair
from dezero_nn.functions.convolution import algorithms
from dezero_nn.functions.convolution.geometry import of_conv, of_deconv, of_weights
from dezero_nn.functions.windows import im2col, pair

__all__ = ["conv1d", "conv2d", "conv2d_simple", "deconv1d", "deconv2d"]


@primitive(autocast="half")
def _conv2d(
    xp: Any,
    x: Array,
    W: Array,
    b: Array | None = None,
    *,
    stride: Pair,
    pad: Pair,
    dilation: Pair,
    groups: int,
) -> Any:
    geometry = of_conv(x, W, b, stride, pad, dilation, groups)
    return algorithms.conv2d(xp, x, W, b, geometry)


@primitive(autocast="half")
def _deconv2d(
    xp: Any,
    x: Array,
    W: Array,
    b: Array | None = None,
    *,
    stride: Pair,
    pad: Pair,
    outsize: Pair | None,
    dilation: Pair,
    groups: int,
) -> Any:
    geometry = of_deconv(x, W, b, stride, pad, outsize, dilation, groups)
    return algorithms.deconv2d(xp, x, W, b, geometry)


@primitive
def _conv2d_weight(
    xp: Any,
    x: Array,
    gradient: Array,
    *,
    kernel_size: Pair,
    stride: Pair,
    pad: Pair,
    dilation: Pair,
    groups: int,
) -> Any:
    geometry = of_weights(x, gradient, kernel_size, stride, pad, dilation, groups)
    return algorithms.conv2d_weight(xp, x, gradient, geometry)


# --- the rules: each of the three in terms of the others -----------------------------------------


def _conv2d_vjp_x(
    xp: Any, gy: Any, x_shape: Any, W: Any, stride: Any, pad: Any, dilation: Any, groups: Any
) -> Any:
    return _deconv2d.on(
        xp, gy, W, stride=stride, pad=pad, outsize=x_shape[2:], dilation=dilation, groups=groups
    )


def _conv2d_vjp_w(
    xp: Any, gy: Any, x: Any, W_shape: Any, stride: Any, pad: Any, dilation: Any, groups: Any
) -> Any:
    return _conv2d_weight.on(
        xp,
        x,
        gy,
        kernel_size=W_shape[2:],
        stride=stride,
        pad=pad,
        dilation=dilation,
        groups=groups,
    )


def _deconv2d_vjp_x(
    xp: Any, gy: Any, W: Any, stride: Any, pad: Any, dilation: Any, groups: Any
) -> Any:
    return _conv2d.on(xp, gy, W, stride=stride, pad=pad, dilation=dilation, groups=groups)


def _deconv2d_vjp_w(
    xp: Any, gy: Any, x: Any, W_shape: Any, stride: Any, pad: Any, dilation: Any, groups: Any
) -> Any:
    return _conv2d_vjp_w(xp, x, gy, W_shape, stride, pad, dilation, groups)


def _conv2d_weight_vjp_x(
    xp: Any, gy: Any, x_shape: Any, gradient: Any, stride: Any, pad: Any, dilation: Any, groups: Any
) -> Any:
    return _conv2d_vjp_x(xp, gradient, x_shape, gy, stride, pad, dilation, groups)


def _conv2d_weight_vjp_gradient(
    xp: Any, gy: Any, x: Any, stride: Any, pad: Any, dilation: Any, groups: Any
) -> Any:
    return _conv2d.on(xp, x, gy, stride=stride, pad=pad, dilation=dilation, groups=groups)


def _vjp_b(xp: Any, gy: Any) -> Any:
    return gy.sum(axis=(0, 2, 3))


_conv2d.defvjp(_conv2d_vjp_x, _conv2d_vjp_w, _vjp_b)
_deconv2d.defvjp(_deconv2d_vjp_x, _deconv2d_vjp_w, _vjp_b)
_conv2d_weight.defvjp(_conv2d_weight_vjp_x, _conv2d_weight_vjp_gradient)


# --- on images -----------------------------------------------------------------------------------


def conv2d(
    x: ArrayLike,
    W: ArrayLike,
    b: ArrayLike | None = None,
    stride: int | Pair = 1,
    pad: int | Pair = 0,
    dilation: int | Pair = 1,
    groups: int = 1,
) -> Variable:
    r"""Convolve images with a kernel for each output channel.

    .. math:: y_{n,o,p,q} = b_o + \sum_{c,i,j} W_{o,c,i,j} \, x_{n,c,\, pS + iD - P,\, qS + jD - P}

    with zeros outside of the image. (Strictly, that is a cross-correlation, as everywhere in deep
    learning.)

    Args:
        x: Images, of shape (N, C, H, W).
        W: The kernels, of shape (OC, C / groups, KH, KW).
        b: The bias, of shape (OC,), or None.
        stride: The distance S from window to window, an integer, or a vertical and a horizontal.
        pad: How many zeros P are added at each side.
        dilation: The distance D between the elements that the kernel sees.
        groups: Into how many groups the channels are divided. Each group of output channels sees
            its group of input channels only; ``groups=C`` is a depthwise convolution.

    Returns:
        A Variable of shape (N, OC, OH, OW); `get_conv_outsize` tells OH and OW.

    Raises:
        ValueError: The shapes do not fit together, a setting is out of its range, or the kernel is
            larger than the padded images.

    Example:
        >>> import numpy as np
        >>> y = conv2d(np.ones((1, 5, 15, 15)), np.ones((8, 5, 3, 3)), pad=1)
        >>> y.shape
        (1, 8, 15, 15)

    Y. LeCun et al., "Gradient-Based Learning Applied to Document Recognition", 1998;
    Deep Learning from Scratch 3, step 56.
    """
    return _conv2d(
        x, W, b, stride=pair(stride), pad=pair(pad), dilation=pair(dilation), groups=groups
    )


def conv2d_simple(
    x: ArrayLike,
    W: ArrayLike,
    b: ArrayLike | None = None,
    stride: int | Pair = 1,
    pad: int | Pair = 0,
) -> Variable:
    """Compose `conv2d` of `im2col` and a product of matrices: more memory, the same values.

    Args:
        x: Images, of shape (N, C, H, W).
        W: The kernels, of shape (OC, C, KH, KW).
        b: The bias, of shape (OC,), or None.
        stride: The distance from window to window.
        pad: How many zeros are added at each side.

    Returns:
        A Variable of shape (N, OC, OH, OW).

    Raises:
        ValueError: As `conv2d` does.

    Example:
        >>> import numpy as np
        >>> conv2d_simple(np.ones((1, 1, 3, 3)), np.ones((1, 1, 2, 2)))
        variable([[[[4. 4.]
                    [4. 4.]]]])

    Deep Learning from Scratch 3, step 56.
    """
    x, W, b = as_variable(x), as_variable(W), None if b is None else as_variable(b)
    stride, pad = pair(stride), pair(pad)
    try:
        geometry = of_conv(x, W, b, stride, pad, (1, 1), 1)
    except ValueError as error:
        raise ValueError(f"conv2d_simple: {error}") from None
    N, OC, OH, OW = geometry.y_shape
    col = im2col(x, geometry.kernel, stride, pad)
    y: Variable = F.matmul(col, W.reshape(OC, -1).T)
    if b is not None:
        y = y + b
    return y.reshape(N, OH, OW, OC).transpose(0, 3, 1, 2)


def deconv2d(
    x: ArrayLike,
    W: ArrayLike,
    b: ArrayLike | None = None,
    stride: int | Pair = 1,
    pad: int | Pair = 0,
    outsize: int | Pair | None = None,
    dilation: int | Pair = 1,
    groups: int = 1,
) -> Variable:
    r"""Transposed convolution: each pixel adds its kernels, times its value, to the result.

    .. math:: y_{n,c,\, pS + iD - P,\, qS + jD - P}
              \mathrel{+}= \sum_o W_{o,c,i,j} \, x_{n,o,p,q}

    and the bias. It is what takes gradients back through `conv2d` with the same weights; used
    forward it enlarges images.

    Args:
        x: Images, of shape (N, OC, H, W).
        W: The kernels, of shape (OC, C / groups, KH, KW): the input's channels come first.
        b: The bias, of shape (C,), or None.
        stride: The distance S between the places of neighboring pixels' kernels.
        pad: How many elements P are cut off at each side.
        outsize: The height and width of the result; several fit where `stride` is larger than 1.
            None for the smallest, which `get_deconv_outsize` tells.
        dilation: The distance D between the elements of the kernel.
        groups: Into how many groups the channels are divided (see `conv2d`).

    Returns:
        A Variable of shape (N, C, OH, OW).

    Raises:
        ValueError: The shapes do not fit together, a setting is out of its range, or `outsize` is
            not a size that a convolution would take to that of `x`.

    Example:
        >>> import numpy as np
        >>> deconv2d(np.ones((1, 10, 15, 15)), np.ones((10, 5, 3, 3)), pad=1).shape
        (1, 5, 15, 15)

    M. Zeiler et al., "Deconvolutional Networks", 2010; Deep Learning from Scratch 3, step 57.
    """
    return _deconv2d(
        x,
        W,
        b,
        stride=pair(stride),
        pad=pair(pad),
        outsize=None if outsize is None else pair(outsize),
        dilation=pair(dilation),
        groups=groups,
    )


# --- on sequences, which are images of height 1 --------------------------------------------------


def conv1d(
    x: ArrayLike,
    W: ArrayLike,
    b: ArrayLike | None = None,
    stride: int = 1,
    pad: int = 0,
    dilation: int = 1,
    groups: int = 1,
) -> Variable:
    r"""Convolve sequences: `conv2d` with one axis less.

    .. math:: y_{n,o,p} = b_o + \sum_{c,i} W_{o,c,i} \, x_{n,c,\, pS + iD - P}

    Args:
        x: Sequences, of shape (N, C, L).
        W: The kernels, of shape (OC, C / groups, K).
        b: The bias, of shape (OC,), or None.
        stride: The distance from window to window.
        pad: How many zeros are added at each end.
        dilation: The distance between the elements that the kernel sees.
        groups: Into how many groups the channels are divided.

    Returns:
        A Variable of shape (N, OC, OL).

    Raises:
        ValueError: As `conv2d` does.

    Example:
        >>> import numpy as np
        >>> conv1d(np.arange(5.0).reshape(1, 1, 5), np.array([[[1.0, 0.0, -1.0]]]))
        variable([[[-2. -2. -2.]]])

    A. Waibel et al., "Phoneme Recognition Using Time-Delay Neural Networks", 1989.
    """
    x, W = _flat_images("conv1d", "x", x), _flat_images("conv1d", "W", W)
    y = conv2d(x, W, b, (1, stride), (0, pad), (1, dilation), groups)
    return y.reshape(y.shape[0], y.shape[1], y.shape[3])


def deconv1d(
    x: ArrayLike,
    W: ArrayLike,
    b: ArrayLike | None = None,
    stride: int = 1,
    pad: int = 0,
    outsize: int | None = None,
    dilation: int = 1,
    groups: int = 1,
) -> Variable:
    r"""Transposed convolution of sequences: `deconv2d` with one axis less.

    .. math:: y_{n,c,\, pS + iD - P} \mathrel{+}= \sum_o W_{o,c,i} \, x_{n,o,p}

    Args:
        x: Sequences, of shape (N, OC, L).
        W: The kernels, of shape (OC, C / groups, K).
        b: The bias, of shape (C,), or None.
        stride: The distance between the places of neighboring elements' kernels.
        pad: How many elements are cut off at each end.
        outsize: The length of the result, or None for the smallest.
        dilation: The distance between the elements of the kernel.
        groups: Into how many groups the channels are divided.

    Returns:
        A Variable of shape (N, C, OL).

    Raises:
        ValueError: As `deconv2d` does.

    Example:
        >>> import numpy as np
        >>> deconv1d(np.array([[[1.0, 2.0]]]), np.array([[[1.0, 10.0]]]), stride=2)
        variable([[[ 1. 10.  2. 20.]]])

    M. Zeiler et al., "Deconvolutional Networks", 2010.
    """
    x, W = _flat_images("deconv1d", "x", x), _flat_images("deconv1d", "W", W)
    size = None if outsize is None else (1, outsize)
    y = deconv2d(x, W, b, (1, stride), (0, pad), size, (1, dilation), groups)
    return y.reshape(y.shape[0], y.shape[1], y.shape[3])


def _flat_images(function: str, name: str, x: Any) -> Variable:
    shape: Shape = getattr(x, "shape", ())
    if len(shape) != 3:
        raise ValueError(f"{function}: {name} has three axes, not {describe(x)}")
    return F.reshape(x, (shape[0], shape[1], 1, shape[2]))
