"""One transform after the other, and one batch at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, TypeAlias

from dezero_core.typing import Array
from dezero_data._batches import stack
from dezero_data.randomness import map_items
from dezero_data.transforms._checks import check_transform
from dezero_data.transforms.values import AsType, Normalize, ToFloat, ToInt

__all__ = ["Compose", "Transform", "apply_to_batch"]

#: From one item to what becomes of it.
Transform: TypeAlias = Callable[[Any], Any]


def apply_to_batch(transform: Transform, xs: Array) -> Array:
    """Apply a transform to a batch: at once if it can, else item by item.

    Args:
        transform: A function of one item, with or without a method `batch`.
        xs: The items, shape (N, ...).

    Returns:
        What becomes of them, shape (N, ...).

    Raises:
        ValueError: The transformed items differ in shape.

    Example:
        >>> import numpy as np
        >>> xs = np.arange(4, dtype=np.uint8).reshape(2, 1, 2)
        >>> apply_to_batch(lambda x: x.flatten(), xs)
        array([[0, 1],
               [2, 3]], dtype=uint8)
        >>> apply_to_batch(lambda x: x.sum(), xs)
        array([1, 5], dtype=uint64)
    """
    batch = getattr(transform, "batch", None)
    if batch is not None:
        return batch(xs)
    return stack(map_items(transform, xs), _name_of(transform))


class Compose:
    """One transform after the other.

    When one of them fails, its error says which, in a note.

    Source: Deep Learning from Scratch 3, step 49.

    Args:
        transforms: The transforms, the first one first. None at all leaves items as they are.

    Raises:
        TypeError: They are no list, or one of them cannot be called or is a class of transforms.

    Example:
        >>> import numpy as np
        >>> from dezero_data.transforms import Normalize, ToFloat
        >>> unit = Compose([ToFloat(), Normalize(mean=0.0, std=255.0)])
        >>> unit(np.array([0, 51, 255], dtype=np.uint8))
        array([0. , 0.2, 1. ], dtype=float32)
    """

    def __init__(self, transforms: Iterable[Transform] = ()) -> None:
        if not isinstance(transforms, Iterable):
            raise TypeError(f"Compose: transforms are a list of functions, not {transforms!r}")
        self.transforms = tuple(transforms)
        for position, transform in enumerate(self.transforms):
            check_transform(transform, f"Compose: transforms[{position}]")

    def __call__(self, x: Any) -> Any:
        """Transform one item."""
        return self._from(0, x)

    def _from(self, start: int, x: Any) -> Any:
        """Transform one item that has been through the transforms before `start`."""
        for position in range(start, len(self.transforms)):
            try:
                x = self.transforms[position](x)
            except Exception as error:
                error.add_note(self._note(position))
                raise
        return x

    def batch(self, xs: Array) -> Array:
        """Transform the items of a batch, shape (N, ...).

        At once as far as the first transform that takes single items only, and from there on item
        by item, since what passes between two of those need not be an array.
        """
        fresh = False  # whether one of ours made `xs` in this call, so that we may write over it
        for position, transform in enumerate(self.transforms):
            if not hasattr(transform, "batch"):
                rest = map_items(partial(self._from, position), xs)
                return stack(rest, repr(self))
            before = xs
            try:
                if fresh and type(transform) is Normalize:
                    xs = transform._batch_over(xs)
                    continue
                xs = transform.batch(xs)
            except Exception as error:
                error.add_note(self._note(position))
                raise
            fresh = xs is not before and type(transform) in _MAKERS
        return xs

    def _note(self, position: int) -> str:
        name = _name_of(self.transforms[position])
        return f"This was in transforms[{position}] of Compose, {name}."

    def __repr__(self) -> str:
        return f"Compose([{', '.join(map(_name_of, self.transforms))}])"


# What they return is their argument, or an array that nobody else has.
_MAKERS = (AsType, ToFloat, ToInt, Normalize)


def _name_of(transform: Transform) -> str:
    return getattr(transform, "__name__", None) or repr(transform)
