"""From items to a batch, for everything that has to make one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from dezero_core.typing import Array

__all__ = ["fetch", "stack"]


def stack(items: Sequence[Any], maker: str) -> Array:
    """Stack items of one shape along a new first axis; `maker` names where they come from.

    Raises:
        ValueError: The shapes differ.
    """
    arrays = [np.asarray(item) for item in items]
    shapes = {array.shape for array in arrays}
    if len(shapes) > 1:
        found = " and ".join(map(str, sorted(shapes)[:3]))
        raise ValueError(
            f"{maker} gives items of shapes {found}: a batch needs one shape. "
            "Bring them to one size with a transform"
        )
    return np.stack(arrays)


def fetch(dataset: Any, indices: Array) -> tuple[Array, Array | None]:
    """Get the items of some indices as one batch, in one call where the data set can do that.

    Args:
        dataset: With `__getitem__`, and perhaps `__getitems__`.
        indices: Integers, shape (N,).

    Returns:
        The items' data, shape (N, ...), and their labels, or None for a data set without labels.

    Raises:
        TypeError: The data set gives no pairs.
        ValueError: The items cannot be stacked.
    """
    name = type(dataset).__name__
    if _hands_out_batches(type(dataset)):
        batch = dataset.__getitems__(indices)
        if not isinstance(batch, tuple) or len(batch) != 2:
            raise TypeError(
                f"{name}.__getitems__ gives a {type(batch).__name__}, not a pair of "
                "the data and the labels of the whole batch"
            )
        return batch
    items = []
    for index in indices.tolist():
        item = dataset[index]
        if not isinstance(item, (tuple, list)) or len(item) != 2:
            raise TypeError(
                f"{name}[{index}] is a {type(item).__name__}, not a pair of data and label"
            )
        items.append(item)
    x = stack([item[0] for item in items], name)
    if all(item[1] is None for item in items):
        return x, None
    return x, stack([item[1] for item in items], f"{name}, as labels,")


def _hands_out_batches(kind: type) -> bool:
    """Tell whether `__getitems__` speaks for the class.

    A subclass that redefines `__getitem__` alone means every item, so the inherited `__getitems__`
    no longer says the truth about it.
    """
    for ancestor in kind.__mro__:
        if "__getitems__" in ancestor.__dict__:
            return True
        if "__getitem__" in ancestor.__dict__:
            return False
    return False
