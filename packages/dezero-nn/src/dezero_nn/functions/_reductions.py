"""What losses share: operands of one shape, and how the losses of a batch become one number."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import numpy as np

from dezero_core import Variable
from dezero_core.errors import describe
from dezero_core.typing import ArrayLike

__all__ = ["Reduction", "check_one_shape", "check_range", "check_reduction", "reduce_losses"]

#: The mean over examples, the sum of all, or each for itself.
Reduction: TypeAlias = Literal["mean", "sum", "none"]


def check_reduction(name: str, reduction: str) -> None:
    """Make sure that there is such a reduction.

    Raises:
        ValueError: There is none.
    """
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(f"{name}: reduction must be 'mean', 'sum' or 'none', got {reduction!r}")


def check_one_shape(name: str, x0: ArrayLike, x1: ArrayLike, reduction: str) -> None:
    """Make sure that predictions and targets have one shape, and that there is such a reduction.

    Raises:
        ValueError: They differ, there is no such reduction, or no mean, for there are no examples.
    """
    check_reduction(name, reduction)
    shape0, shape1 = getattr(x0, "shape", ()), getattr(x1, "shape", ())
    if shape0 != shape1:
        raise ValueError(
            f"{name}: predictions and targets must have one shape, got {describe(x0)} and "
            f"{describe(x1)}; a loss is never broadcast, so reshape one of them"
        )
    if reduction == "mean" and shape0 and not shape0[0]:
        raise ValueError(f"{name}: there is no mean over an empty batch, got {describe(x0)}")


def check_range(name: str, what: str, x: ArrayLike, advice: str = "") -> None:
    """Make sure that numbers are from 0 to 1, as far as they are on the host.

    Raises:
        ValueError: One is not.
    """
    array: Any = x.data if isinstance(x, Variable) else x
    if isinstance(array, np.ndarray) and array.size:
        low, high = array.min(), array.max()
        if not (low >= 0 and high <= 1):  # which NaN is not, either
            raise ValueError(
                f"{name}: {what} are from 0 to 1, got some from {low} to {high} in "
                f"{describe(x)}{advice}"
            )


def reduce_losses(losses: Variable, reduction: str) -> Variable:
    """Return the losses' sum over the number of examples, their sum, or themselves."""
    if reduction == "none":
        return losses
    total = losses.sum()
    return total / losses.shape[0] if reduction == "mean" and losses.ndim else total
