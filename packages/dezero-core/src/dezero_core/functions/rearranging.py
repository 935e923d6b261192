"""Functions that mirror, shift, repeat and pad elements."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from operator import index
from typing import Any

import numpy as np

from dezero_core.backend import get_array_module
from dezero_core.functions._axes import Axes, normalize_axes, normalize_axis, shape_of
from dezero_core.functions.indexing import get_item
from dezero_core.functions.shape import ravel
from dezero_core.primitive import primitive
from dezero_core.typing import ArrayLike, Axis, Shape
from dezero_core.variable import Variable, as_variable

__all__ = ["flip", "pad", "repeat", "roll", "tile"]


@primitive
def _flip(xp: Any, x: ArrayLike, *, axis: Axes) -> Any:
    return xp.flip(xp.asarray(x), axis=axis)


_flip.defvjp(lambda xp, gy, axis: _flip.on(xp, gy, axis=axis))


def flip(x: ArrayLike, axis: Axis = None) -> Variable:
    """Reverse the order of elements.

    Args:
        x: Any shape.
        axis: The axes along which to reverse; None for all.

    Returns:
        The shape of `x`, a view of it.

    Raises:
        AxisError: There is no such axis.

    Example:
        >>> import numpy as np
        >>> from dezero_core import functions as F
        >>> F.flip(np.array([[1, 2], [3, 4]]), axis=1)
        variable([[2 1]
                  [4 3]])
    """
    return _flip(x, axis=normalize_axes("flip", axis, shape_of("flip", x)))


@primitive
def _roll(xp: Any, x: ArrayLike, *, shift: Any, axis: Any) -> Any:
    return xp.roll(xp.asarray(x), shift, axis=axis)


def _roll_back(xp: Any, gy: Any, shift: Any, axis: Any) -> Any:
    back = tuple([-n for n in shift]) if isinstance(shift, tuple) else -shift
    return _roll.on(xp, gy, shift=back, axis=axis)


_roll.defvjp(_roll_back)


def roll(x: ArrayLike, shift: int | Sequence[int], axis: Axis = None) -> Variable:
    """Shift elements along axes; those shifted out come in again at the other end.

    Args:
        x: Any shape.
        shift: By how many places; for several axes one number, or one for each.
        axis: The axes; None shifts through all elements in a row.

    Returns:
        The shape of `x`.

    Raises:
        AxisError: There is no such axis.
        ValueError: There are not as many shifts as axes.

    Example:
        >>> import numpy as np
        >>> from dezero_core import functions as F
        >>> F.roll(np.array([1, 2, 3, 4]), 1)
        variable([4 1 2 3])
    """
    shape = shape_of("roll", x)
    several = isinstance(shift, Iterable)
    shifts = _integers(shift)
    if axis is None and not several:
        y: Variable = _roll(x, shift=shifts[0], axis=None)
        return y
    wanted = axis if isinstance(axis, (tuple, list)) else [axis]
    axes = tuple([normalize_axis("roll", a, shape) for a in wanted])
    shifts = shifts if several else shifts * len(axes)
    if len(shifts) != len(axes):
        raise ValueError(
            f"roll: shift={shift!r} and axis={axis!r} differ in number, for an operand of shape "
            f"{list(shape)}"
        )
    y = _roll(x, shift=tuple(shifts), axis=axes)
    return y


@primitive
def _repeat(xp: Any, x: ArrayLike, *, repeats: int, axis: int) -> Any:
    return xp.repeat(x, repeats, axis=axis)


def _repeat_back(xp: Any, gy: Any, x_shape: Shape, repeats: int, axis: int) -> Any:
    after = axis + 1
    return gy.reshape((*x_shape[:after], repeats, *x_shape[after:])).sum(axis=after)


_repeat.defvjp(_repeat_back)


def repeat(x: ArrayLike, repeats: int | Sequence[int], axis: int | None = None) -> Variable:
    """Repeat each element, one next to the other.

    Args:
        x: Any shape.
        repeats: How often; one number, or one for each element along the axis.
        axis: The axis along which to repeat; None puts all elements in a row before.

    Returns:
        The shape of `x` but for the axis.

    Raises:
        AxisError: There is no such axis.
        ValueError: `repeats` is negative, or differs in number from the elements.

    Example:
        >>> import numpy as np
        >>> from dezero_core import functions as F
        >>> F.repeat(np.array([1, 2]), 2)
        variable([1 1 2 2])
        >>> F.repeat(np.array([[1, 2], [3, 4]]), [1, 2], axis=0)
        variable([[1 2]
                  [3 4]
                  [3 4]])
    """
    if axis is None:
        x, axis = ravel(x), 0
    shape = shape_of("repeat", x)
    axis = normalize_axis("repeat", axis, shape)
    counts = _integers(repeats)
    if min(counts, default=0) < 0 or len(counts) not in (1, shape[axis]):
        raise ValueError(
            f"repeat: repeats={repeats!r} must be one number or {shape[axis]}, none of them "
            f"negative, for axis {axis} of an operand of shape {list(shape)}"
        )
    if len(counts) == 1:
        y: Variable = _repeat(x, repeats=counts[0], axis=axis)
        return y
    xp = get_array_module(x)
    places = xp.asarray(np.repeat(np.arange(shape[axis]), counts))
    return get_item(x, (*[slice(None)] * axis, places))


@primitive
def _tile(xp: Any, x: ArrayLike, *, reps: tuple[int, ...]) -> Any:
    return xp.tile(xp.asarray(x), reps)


def _tile_back(xp: Any, gy: Any, x_shape: Shape, reps: tuple[int, ...]) -> Any:
    lengths = (*[1] * (len(reps) - len(x_shape)), *x_shape)
    pairs = [n for pair in zip(reps, lengths, strict=True) for n in pair]
    return gy.reshape(pairs).sum(axis=tuple(range(0, len(pairs), 2))).reshape(x_shape)


_tile.defvjp(_tile_back)


def tile(x: ArrayLike, reps: int | Sequence[int]) -> Variable:
    """Repeat a whole array, like tiles.

    Args:
        x: Any shape.
        reps: How often along each axis, the last one last. Of `reps` and the shape the shorter
            one is filled up with ones in front.

    Returns:
        The tiled array.

    Raises:
        ValueError: A number is negative.

    Example:
        >>> import numpy as np
        >>> from dezero_core import functions as F
        >>> F.tile(np.array([1, 2]), (2, 2))
        variable([[1 2 1 2]
                  [1 2 1 2]])
    """
    counts = _integers(reps)
    shape = shape_of("tile", x)
    if min(counts, default=0) < 0:
        raise ValueError(f"tile: reps={reps!r} is negative, for an operand of shape {list(shape)}")
    return _tile(x, reps=(*[1] * (len(shape) - len(counts)), *counts))


def _integers(numbers: int | Iterable[int]) -> list[int]:
    return [index(n) for n in (numbers if isinstance(numbers, Iterable) else [numbers])]


# --- padding ------------------------------------------------------------------------------------


@primitive
def _pad(xp: Any, x: ArrayLike, *, pad_width: tuple[tuple[int, int], ...], value: float) -> Any:
    x = xp.asarray(x)
    shape = tuple(
        [before + n + after for n, (before, after) in zip(x.shape, pad_width, strict=True)]
    )
    y = xp.full(shape, value, x.dtype) if value else xp.zeros(shape, x.dtype)
    y[_inside(x.shape, pad_width)] = x
    return y


def _inside(shape: Shape, pad_width: tuple[tuple[int, int], ...]) -> tuple[slice, ...]:
    return tuple([slice(start, start + n) for n, (start, _) in zip(shape, pad_width, strict=True)])


_pad.defvjp(lambda xp, gy, x_shape, pad_width: gy[_inside(x_shape, pad_width)])

# From where each element of the padded axis comes, given its place `i` relative to the first of
# the `n` elements that are there.
_SOURCES = {
    "edge": lambda xp, i, n: xp.clip(i, 0, n - 1),
    "wrap": lambda xp, i, n: i % n,
    "symmetric": lambda xp, i, n: xp.minimum(i % (2 * n), (-1 - i) % (2 * n)),
    "reflect": lambda xp, i, n: xp.minimum(i % max(2 * n - 2, 1), -i % max(2 * n - 2, 1)),
}


def pad(
    x: ArrayLike,
    pad_width: int | Sequence[Any],
    mode: str = "constant",
    constant_values: float = 0,
) -> Variable:
    """Add elements at the ends of axes.

    Args:
        x: Any shape.
        pad_width: How many: one number for all ends; ``(before, after)`` for all axes; or such a
            pair for each axis.
        mode: ``"constant"``, or where the elements come from: ``"edge"``, the nearest element;
            ``"wrap"``, the other end; ``"reflect"`` and ``"symmetric"``, a mirror on the last
            element or behind it.
        constant_values: The number that ``"constant"`` adds.

    Returns:
        The padded array.

    Raises:
        ValueError: `pad_width` does not fit the axes, is negative, or takes elements from an axis
            that has none; there is no such mode.

    Example:
        >>> import numpy as np
        >>> from dezero_core import functions as F
        >>> F.pad(np.array([1, 2, 3]), (2, 1))
        variable([0 0 1 2 3 0])
        >>> F.pad(np.array([1, 2, 3]), (2, 1), mode="reflect")
        variable([3 2 1 2 3 2])
    """
    shape = shape_of("pad", x)
    widths = _pad_widths(pad_width, shape)
    if mode == "constant":
        if not isinstance(constant_values, (bool, int, float)):
            raise TypeError(f"pad: constant_values must be one number, got {constant_values!r}")
        y: Variable = _pad(x, pad_width=widths, value=constant_values)
        return y
    if mode not in _SOURCES:
        known = ", ".join(map(repr, ["constant", *_SOURCES]))
        raise ValueError(f"pad: no mode {mode!r}; there is {known}")
    xp = get_array_module(x)
    for axis, (before, after) in enumerate(widths):
        if before or after:
            n = shape[axis]
            if n == 0:
                raise ValueError(
                    f"pad: axis {axis} of an operand of shape {list(shape)} has no element that "
                    f"mode={mode!r} could repeat"
                )
            places = _SOURCES[mode](xp, xp.arange(-before, n + after), n)
            x = get_item(x, (*[slice(None)] * axis, places))
    return x if isinstance(x, Variable) else as_variable(x).detach()


def _pad_widths(pad_width: Any, shape: Shape) -> tuple[tuple[int, int], ...]:
    try:
        widths = np.asarray(pad_width)
        if widths.dtype.kind not in "iu" and widths.size:
            raise ValueError
        pairs = np.broadcast_to(widths, (len(shape), 2)).tolist()
    except ValueError:
        pairs = [[-1, -1]]
    if any(n < 0 for pair in pairs for n in pair):
        raise ValueError(
            f"pad: pad_width={pad_width!r} must be one integer, a pair, or {len(shape)} pairs, "
            f"none negative, for an operand of shape {list(shape)}"
        )
    return tuple([(before, after) for before, after in pairs])
