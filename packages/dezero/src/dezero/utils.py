"""Drawing, checking and fetching: tools that the book's package has in one module."""

from __future__ import annotations

import numpy as np

from dezero_core import Variable, as_numpy
from dezero_core import functions as F
from dezero_core.files import get_file
from dezero_core.gradient_check import gradient_check, numerical_diff, numerical_grad
from dezero_core.typing import Array, ArrayLike, Axis, Shape
from dezero_nn.functions.windows import get_conv_outsize, get_deconv_outsize, pair
from dezero_viz import get_dot_graph, plot_dot_graph

__all__ = [
    "array_allclose",
    "array_equal",
    "get_conv_outsize",
    "get_deconv_outsize",
    "get_dot_graph",
    "get_file",
    "gradient_check",
    "logsumexp",
    "numerical_diff",
    "numerical_grad",
    "pair",
    "plot_dot_graph",
    "reshape_sum_backward",
    "sum_to",
]


def array_equal(a: ArrayLike, b: ArrayLike) -> bool:
    """Tell whether two arrays have the same shape and the same elements, wherever they live.

    Args:
        a: A Variable, or an array on any device.
        b: Another.

    Returns:
        Whether they are equal.

    Example:
        >>> array_equal(np.array([1.0, 2.0]), np.array([1.0, 2.5]))
        False
    """
    return np.array_equal(as_numpy(a), as_numpy(b))


def array_allclose(a: ArrayLike, b: ArrayLike, rtol: float = 1e-4, atol: float = 1e-5) -> bool:
    r"""Tell whether two arrays are close, wherever they live: :math:`|a - b| \le atol + rtol |b|`.

    Args:
        a: A Variable, or an array on any device.
        b: Another, of the same shape or of one that is broadcast.
        rtol: The relative tolerance.
        atol: The absolute tolerance.

    Returns:
        Whether all elements are close.

    Example:
        >>> array_allclose(np.array([1.0, 2.0]), np.array([1.0, 2.00001]))
        True
    """
    return np.allclose(as_numpy(a), as_numpy(b), rtol=rtol, atol=atol)


def logsumexp(x: ArrayLike, axis: Axis = 1) -> Variable | Array:
    r"""Compute :math:`\log \sum e^x` along an axis, which stays with length 1 (book step 47).

    For the forward passes of your own Functions, which work on arrays. `dezero.functions.logsumexp`
    is for Variables.

    Args:
        x: An array, or a Variable.
        axis: Which axes are summed over.

    Returns:
        What `x` is, an array or a Variable.

    Example:
        >>> logsumexp(np.zeros((2, 4))).tolist() == [[np.log(4)], [np.log(4)]]
        True
    """
    y = F.logsumexp(x, axis, keepdims=True)
    return y if isinstance(x, Variable) else y.data


def sum_to(x: ArrayLike, shape: Shape) -> Variable | Array:
    """Sum an array over the axes along which a shape would be broadcast to it (book step 40).

    For the forward passes of your own Functions, which work on arrays. `dezero.functions.sum_to` is
    for Variables.

    Args:
        x: An array, or a Variable.
        shape: The shape of the result.

    Returns:
        What `x` is, an array or a Variable.

    Raises:
        ValueError: `shape` can not be broadcast to that of `x`.

    Example:
        >>> sum_to(np.ones((2, 3)), (1, 3))
        array([[2., 2., 2.]])
    """
    y = F.sum_to(x, shape)
    return y if isinstance(x, Variable) else y.data


def reshape_sum_backward(gy: Variable, x_shape: Shape, axis: Axis, keepdims: bool) -> Variable:
    """Give the gradient of a sum the axes back that the sum took away, of length 1 (book step 39).

    For the backward passes of your own Functions: what it returns can be broadcast to `x_shape`.

    Args:
        gy: The gradient of the sum.
        x_shape: The shape of what was summed.
        axis: The axes that were summed over: an int, a tuple of ints, or None for all.
        keepdims: Whether the sum kept them itself.

    Returns:
        The gradient, of as many axes as `x_shape` has.

    Example:
        >>> gy = Variable(np.ones(2))
        >>> reshape_sum_backward(gy, (2, 3), axis=1, keepdims=False).shape
        (2, 1)
    """
    summed = range(len(x_shape)) if axis is None else np.atleast_1d(axis) % max(len(x_shape), 1)
    return F.reshape(gy, tuple([1 if i in summed else n for i, n in enumerate(x_shape)]))
