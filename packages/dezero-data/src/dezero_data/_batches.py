"""From items to a batch, for everything that has to make one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from dezero_core.typing import Array
from dezero_data._pillow import is_pillow
from dezero_data.randomness import ItemRandom, map_items, using_item_random

__all__ = ["Collate", "collate", "fetch", "stack"]

#: From the items of a batch to the batch.
Collate: TypeAlias = Callable[[list[Any]], Any]

# How many indices an error names.
_SHOWN = 8


def stack(items: Sequence[Any], maker: str) -> Array:
    """Stack items of one shape along a new first axis; `maker` names where they come from.

    Raises:
        TypeError: They are images of Pillow's.
        ValueError: The shapes differ.
    """
    # NumPy would make arrays of them, with the channels last.
    if items and is_pillow(items[0]):
        raise TypeError(
            f"{maker} gives images of Pillow's, of which no batch can be made; "
            "end its transform with ToArray()"
        )
    arrays = [np.asarray(item) for item in items]
    shapes = {array.shape for array in arrays}
    if len(shapes) > 1:
        found = " and ".join(map(str, sorted(shapes)[:3]))
        raise ValueError(
            f"{maker} gives items of shapes {found}: a batch needs one shape. "
            "Bring them to one size with a transform"
        )
    return np.stack(arrays)


def collate(items: Sequence[Any], maker: str) -> Any:
    """Make a batch of items that are all built alike: what is done unless the user says otherwise.

    Tuples, lists and dictionaries of fields become tuples and dictionaries of batches; None stays
    None, texts become a list, and all else is stacked.

    Args:
        items: At least one.
        maker: Where they come from, for errors.

    Raises:
        TypeError: The items differ in kind, or are nothing that an array can hold.
        ValueError: The items differ in their fields, or in shape.
    """
    first = items[0]
    if isinstance(first, Mapping):
        _check_alike(items, Mapping, maker, lambda item: sorted(map(str, item)), "the keys")
        return {
            key: collate([item[key] for item in items], f"{maker}, as {key!r},") for key in first
        }
    if isinstance(first, (tuple, list)):
        _check_alike(items, (tuple, list), maker, len, "lengths")
        columns = [
            collate(column, _name_of_field(maker, place, len(first)))
            for place, column in enumerate(zip(*items, strict=True))
        ]
        return type(first)(*columns) if hasattr(first, "_fields") else tuple(columns)
    if all(item is None for item in items):
        return None
    if isinstance(first, (str, bytes)):
        _check_alike(items, (str, bytes), maker)
        return list(items)
    batch = stack(items, maker)
    if batch.dtype.hasobject:
        kinds = " and ".join(sorted({type(item).__name__ for item in items}))
        raise TypeError(
            f"{maker} gives items that no array can hold: {kinds}. Turn them into arrays with a "
            "transform, or say with collate=... what a batch of them is"
        )
    return batch


def fetch(
    dataset: Any,
    indices: Array,
    random: ItemRandom | None,
    collate_items: Collate | None = None,
) -> Any:
    """Get the items of some indices as one batch, in one call where the data set can do that.

    Args:
        dataset: With `__getitem__`, and perhaps `__getitems__`.
        indices: Integers, shape (N,).
        random: The random streams of these items; None outside of a loader.
        collate_items: What makes a batch of a list of items. Default: `collate`.

    Returns:
        The batch. For a data set of pairs: their data, shape (N, ...), and their labels, or None
        for a data set without labels.

    Raises:
        TypeError: What the data set gives makes no batch.
        ValueError: The items cannot be stacked.
        Exception: What the data set raises, with a note that says for which items.
    """
    name = type(dataset).__name__
    with using_item_random(random):
        if collate_items is None and _hands_out_batches(type(dataset)):
            try:
                batch = dataset.__getitems__(indices)
            except Exception as error:
                error.add_note(f"This was in the batch of items {shorten(indices)} of {name}.")
                raise
            if not isinstance(batch, (tuple, Mapping, np.ndarray)):
                raise TypeError(
                    f"{name}.__getitems__ gives a {type(batch).__name__}, not a pair of the data "
                    "and the labels of the whole batch (or a tuple, dictionary or array)"
                )
            return batch
        items = map_items(dataset.__getitem__, indices.tolist())
    if collate_items is None:
        return collate(items, name)
    try:
        return collate_items(items)
    except Exception as error:
        error.add_note(f"This was in collate, of items {shorten(indices)} of {name}.")
        raise


def shorten(indices: Array) -> str:
    """Write the first few of some indices."""
    shown = ", ".join(map(str, indices[:_SHOWN].tolist()))
    return shown if len(indices) <= _SHOWN else f"{shown}, … ({len(indices)} in all)"


def _name_of_field(maker: str, place: int, count: int) -> str:
    if count == 2:
        return maker if place == 0 else f"{maker}, as labels,"
    return f"{maker}, as field {place},"


def _check_alike(
    items: Sequence[Any],
    kinds: Any,
    maker: str,
    form: Callable[[Any], Any] = type,
    what: str = "",
) -> None:
    """Check that all items are of some kinds, and of one form."""
    for item in items:
        if not isinstance(item, kinds):
            raise TypeError(
                f"{maker} gives a {type(items[0]).__name__} and a {type(item).__name__} "
                "in one batch: items are built alike"
            )
        if what and form(item) != form(items[0]):
            raise ValueError(
                f"{maker} gives items with {what} {form(items[0])} and {form(item)}: "
                "items are built alike"
            )


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
