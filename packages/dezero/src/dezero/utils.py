"""Drawing, checking and fetching: tools that the book's package has in one module."""

from __future__ import annotations

import numpy as np

from dezero_core import as_numpy
from dezero_core.files import get_file
from dezero_core.functions import logsumexp, sum_to
from dezero_core.gradient_check import gradient_check, numerical_diff, numerical_grad
from dezero_core.typing import ArrayLike
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
