"""How good the answers are: figures to report, without a gradient."""

from __future__ import annotations

from typing import Any

from dezero_core import Variable
from dezero_core.primitive import primitive
from dezero_core.typing import Array, ArrayLike
from dezero_nn.functions._labels import check_labels

__all__ = ["accuracy"]


@primitive
def _accuracy(xp: Any, x: Array, t: Array) -> Any:
    return (x.argmax(axis=1) == t).mean()


def accuracy(y: ArrayLike, t: ArrayLike) -> Variable:
    r"""Share of the examples whose highest score is that of their label.

    .. math:: \frac{1}{N} \bigl|\{ n : \arg\max_k y_{n,k} = t_n \}\bigr|

    Args:
        y: Scores or probabilities, of shape (N, C). Of equal scores the first counts.
        t: Labels, integers from 0 to C - 1, of shape (N,).

    Returns:
        A Variable of shape () without a gradient, from 0 to 1.

    Raises:
        TypeError: The labels are no integers.
        ValueError: The shapes do not fit, a label is out of range, or the batch is empty.

    Example:
        >>> import numpy as np
        >>> y = np.array([[0.2, 0.8, 0.0], [0.1, 0.9, 0.0], [0.8, 0.1, 0.1]])
        >>> accuracy(y, np.array([1, 2, 0]))
        variable(0.6666666666666666)

    Deep Learning from Scratch 3, step 50.
    """
    share: Variable = _accuracy(y, check_labels("accuracy", y, t))
    return share
