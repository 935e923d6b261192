"""Functions that put arrays together and take them apart: each takes the other's gradients back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import accumulate, pairwise
from operator import index
from typing import Any

from dezero_core.functions._axes import normalize_axis, shape_of
from dezero_core.functions.shape import ravel
from dezero_core.primitive import primitive
from dezero_core.typing import ArrayLike, Shape
from dezero_core.variable import Variable

__all__ = ["concatenate", "split", "stack"]


@primitive(multiple_outputs=True)
def _split(xp: Any, x: ArrayLike, *, bounds: tuple[int, ...], axis: int) -> Any:
    before = (slice(None),) * axis
    edges = (0, *bounds, x.shape[axis])
    return tuple([x[(*before, slice(start, stop))] for start, stop in pairwise(edges)])


@primitive
def _concatenate(xp: Any, *xs: ArrayLike, axis: int) -> Any:
    return xp.concatenate(xs, axis=axis)


@primitive
def _stack(xp: Any, *xs: ArrayLike, axis: int) -> Any:
    return xp.stack(xs, axis=axis)


def _split_back(xp: Any, gy: tuple[Any, ...], needs: Any, axis: int) -> Any:
    return [_concatenate.on(xp, *gy, axis=axis)]


def _concatenate_back(
    xp: Any, gy: Any, needs: Sequence[bool], xs_shape: tuple[Shape, ...], axis: int
) -> Any:
    bounds = tuple(accumulate([shape[axis] for shape in xs_shape[:-1]]))
    parts = _split.on(xp, gy, bounds=bounds, axis=axis)
    return [part if need else None for part, need in zip(parts, needs, strict=True)]


def _stack_back(
    xp: Any, gy: Any, needs: Sequence[bool], xs_shape: tuple[Shape, ...], axis: int
) -> Any:
    parts = _split.on(xp, gy, bounds=tuple(range(1, len(xs_shape))), axis=axis)
    return [
        part.reshape(shape) if need else None
        for part, shape, need in zip(parts, xs_shape, needs, strict=True)
    ]


_split.defvjp_joint(_split_back)
_concatenate.defvjp_joint(_concatenate_back)
_stack.defvjp_joint(_stack_back)


def concatenate(xs: Iterable[ArrayLike], axis: int | None = 0) -> Variable:
    """Join arrays along an axis that they have.

    Args:
        xs: Variables or arrays that agree in shape but for the length of this axis.
        axis: The axis; None joins the elements of all in one row.

    Returns:
        The joined array.

    Raises:
        ValueError: There is nothing to join, or the shapes do not agree.
        AxisError: There is no such axis.

    Example:
        >>> import numpy as np
        >>> from dezero_core import functions as F
        >>> F.concatenate([np.array([1, 2]), np.array([3])])
        variable([1 2 3])
    """
    operands = _operands("concatenate", xs)
    if axis is None:
        operands, axis = [ravel(x) for x in operands], 0
    axis = normalize_axis("concatenate", axis, shape_of("concatenate", operands[0]))
    return _concatenate(*operands, axis=axis)


def stack(xs: Iterable[ArrayLike], axis: int = 0) -> Variable:
    """Join arrays along a new axis.

    Args:
        xs: Variables, arrays or numbers of one shape.
        axis: Where the new axis goes, counted in the result.

    Returns:
        The joined array, with one more axis.

    Raises:
        ValueError: There is nothing to join, or the shapes differ.
        AxisError: The result has no such axis.

    Example:
        >>> import numpy as np
        >>> from dezero_core import functions as F
        >>> F.stack([np.array([1, 2]), np.array([3, 4])], axis=1)
        variable([[1 3]
                  [2 4]])
    """
    operands = _operands("stack", xs)
    shape = (len(operands), *shape_of("stack", operands[0]))
    return _stack(*operands, axis=normalize_axis("stack", axis, shape))


def split(
    x: ArrayLike, indices_or_sections: int | Sequence[int], axis: int = 0
) -> tuple[Variable, ...]:
    """Cut an array along an axis.

    Args:
        x: Any shape.
        indices_or_sections: How many parts of equal length; or where to cut, in increasing order.
        axis: The axis to cut.

    Returns:
        The parts, views of `x`. A part that nothing is computed from costs nothing.

    Raises:
        ValueError: Equal parts are impossible, or the cuts are out of order.
        AxisError: There is no such axis.

    Example:
        >>> import numpy as np
        >>> from dezero_core import functions as F
        >>> F.split(np.arange(6), 3)
        (variable([0 1]), variable([2 3]), variable([4 5]))
        >>> F.split(np.arange(6), [1, 4])
        (variable([0]), variable([1 2 3]), variable([4 5]))
    """
    shape = shape_of("split", x)
    axis = normalize_axis("split", axis, shape)
    n = shape[axis]
    if isinstance(indices_or_sections, Iterable):
        cuts = [index(cut) for cut in indices_or_sections]
        bounds = [min(cut if cut >= 0 else cut + n, n) for cut in cuts]
        if bounds != sorted(bounds) or (bounds and bounds[0] < 0):
            raise ValueError(
                f"split: cuts must increase, got {cuts} for axis {axis} of an operand of shape "
                f"{list(shape)}"
            )
    else:
        sections = index(indices_or_sections)
        if sections < 1 or n % sections:
            raise ValueError(
                f"split: {sections} parts of equal length are impossible along axis {axis} of an "
                f"operand of shape {list(shape)}"
            )
        bounds = [n // sections * i for i in range(1, sections)]
    parts: Any = _split(x, bounds=tuple(bounds), axis=axis)
    return tuple(parts)


def _operands(operation: str, xs: Iterable[ArrayLike]) -> list[ArrayLike]:
    try:
        operands = list(xs)
    except TypeError:
        raise TypeError(
            f"{operation}: expected a list of Variables or arrays, got {type(xs)}"
        ) from None
    if not operands:
        raise ValueError(f"{operation}: nothing to join: the list is empty")
    return operands
