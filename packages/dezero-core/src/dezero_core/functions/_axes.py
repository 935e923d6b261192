"""Checks of what functions are told about axes; their errors name the function and the shape."""

from __future__ import annotations

from operator import index
from typing import Any, TypeAlias

from numpy.exceptions import AxisError

from dezero_core.typing import ArrayLike, Axis, Shape

__all__ = [
    "Axes",
    "as_shape",
    "keep_axes",
    "kept_shape",
    "normalize_axes",
    "normalize_axis",
    "shape_of",
]

#: What `normalize_axes` returns: axes counted from the front, in order; None for all.
Axes: TypeAlias = tuple[int, ...] | None


def shape_of(operation: str, x: ArrayLike) -> Shape:
    """Return the shape of an operand; a number's is ``()``.

    Raises:
        TypeError: It has none, as a list.
    """
    shape: Shape | None = getattr(x, "shape", None)
    if shape is not None:
        return shape
    if isinstance(x, (bool, int, float)):
        return ()
    raise TypeError(
        f"{operation}: expected a Variable, an array or a number, got {type(x)}; "
        "convert with numpy.asarray"
    )


def normalize_axis(operation: str, axis: Any, shape: Shape) -> int:
    """Return an axis counted from the front.

    Args:
        operation: Who asks, for messages.
        axis: The axis; a negative one counts from the end.
        shape: The shape of the operand.

    Raises:
        TypeError: `axis` is no integer.
        AxisError: There is no such axis. It is a ValueError and an IndexError too.
    """
    if type(axis) is not int:
        if isinstance(axis, bool) or not hasattr(axis, "__index__"):
            raise TypeError(
                f"{operation}: an axis is an integer, got {axis!r} of {type(axis)} "
                f"for an operand of shape {list(shape)}"
            )
        axis = index(axis)
    ndim = len(shape)
    if not -ndim <= axis < ndim:
        raise AxisError(
            f"{operation}: axis {axis} is out of range: the operand of shape {list(shape)} "
            f"has {ndim} axes"
        )
    return int(axis) if axis >= 0 else int(axis) + ndim


def normalize_axes(operation: str, axis: Axis, shape: Shape) -> Axes:
    """Return several axes counted from the front, in increasing order; None stays None.

    Args:
        operation: Who asks, for messages.
        axis: One axis, several, or None.
        shape: The shape of the operand.

    Raises:
        TypeError: Some axis is no integer.
        ValueError: An axis is named twice.
        AxisError: There is no such axis. It is a ValueError and an IndexError too.
    """
    if axis is None:
        return None
    if not isinstance(axis, (tuple, list)):
        return (normalize_axis(operation, axis, shape),)
    axes = tuple(sorted([normalize_axis(operation, a, shape) for a in axis]))
    if len(set(axes)) < len(axes):
        raise ValueError(
            f"{operation}: axis={axis!r} names an axis twice, for an operand of shape {list(shape)}"
        )
    return axes


def kept_shape(shape: Shape, axes: Axes) -> Shape:
    """Return the shape of a reduction that keeps the reduced axes, with length one."""
    if axes is None:
        return (1,) * len(shape)
    return tuple([1 if i in axes else n for i, n in enumerate(shape)])


def keep_axes(a: Any, x_shape: Shape, axes: Axes, keepdims: bool) -> Any:
    """Return a reduced array, or its gradient, such that it broadcasts to the operand's shape.

    Args:
        a: The array, or Variable.
        x_shape: The shape of what was reduced.
        axes: The axes that were reduced.
        keepdims: Whether `a` has them still, with length one.
    """
    if keepdims or axes is None:
        return a
    return a.reshape(kept_shape(x_shape, axes))


def as_shape(shape: Any) -> Shape:
    """Return a shape that may be given as a tuple, a list, or one length."""
    return tuple(shape) if isinstance(shape, (tuple, list)) else (shape,)
