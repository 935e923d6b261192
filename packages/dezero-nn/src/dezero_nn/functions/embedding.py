"""Vectors for things that are numbered, such as words."""

from __future__ import annotations

from typing import Any

import numpy as np

from dezero_core import Variable
from dezero_core import functions as F
from dezero_core.errors import describe
from dezero_core.typing import ArrayLike
from dezero_nn.functions._labels import check_one_device

__all__ = ["embedding"]


def embedding(x: ArrayLike, W: ArrayLike) -> Variable:
    r"""Look up the row of each id: :math:`y_n = W_{x_n}`.

    It is the product of one-hot rows and W, without the zeros. The gradients of an id that occurs
    repeatedly add up.

    Args:
        x: Ids, integers from 0 to V - 1, of any shape. On a device that is not the host they are
            not looked at beforehand, and wrong ones wrap around.
        W: The vectors, of shape (V, D).

    Returns:
        A Variable of shape (..., D), where ... is the shape of `x`.

    Raises:
        TypeError: The ids are no integers, or on another device than W.
        ValueError: `W` is no matrix, or an id is out of range.

    Example:
        >>> import numpy as np
        >>> from dezero_core import Parameter
        >>> W = Parameter(np.array([[1.0, 2.0], [3.0, 4.0]]))
        >>> y = embedding(np.array([1, 1, 0]), W)
        >>> y.backward()
        >>> y, W.grad
        (variable([[3. 4.]
                  [3. 4.]
                  [1. 2.]]), variable([[1. 1.]
                  [2. 2.]]))

    T. Mikolov et al., "Efficient Estimation of Word Representations in Vector Space", 2013.
    """
    ids: Any = x.data if isinstance(x, Variable) else x
    if isinstance(ids, int) and not isinstance(ids, bool):
        ids = np.asarray(ids)
    if not hasattr(ids, "dtype") or ids.dtype.kind not in "iu":
        raise TypeError(f"embedding: ids are an array of integers, got {describe(x)}")
    if len(getattr(W, "shape", ())) != 2:
        raise ValueError(f"embedding: W is a matrix of shape (V, D), got {describe(W)}")
    if not isinstance(x, int):
        check_one_device("embedding", ids, W)
    if isinstance(ids, np.ndarray) and ids.size:
        low, high = ids.min(), ids.max()
        if low < 0 or high >= W.shape[0]:
            raise ValueError(
                f"embedding: ids go from 0 to {W.shape[0] - 1} for W, {describe(W)}; got some "
                f"from {low} to {high}"
            )
    return F.get_item(W, ids)
