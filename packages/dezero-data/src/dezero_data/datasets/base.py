"""What all data sets have in common."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import numpy as np

from dezero_core.typing import Array
from dezero_data._arguments import check_index, check_indices
from dezero_data._batches import stack
from dezero_data.randomness import current_items, map_items, using_item_random
from dezero_data.transforms import Compose, Transform
from dezero_data.transforms._checks import check_transform

__all__ = ["DataFileError", "Dataset"]


_LABELS = 1  # the key of the labels' streams


class DataFileError(ValueError):
    """A file of a data set is damaged, or is not what its name says."""


class Dataset:
    """Pairs of data and label, by index.

    A subclass whose data fit in memory sets `data` and `label` in `prepare`, and is done. One
    whose data do not fit gives `data` a sequence that reads an item when it is asked for it, as
    `ImageFolder` does, or defines `__getitem__` and `__len__` itself.

    When a transform fails, its error says, in a note, of which data set, which item and which
    transform. A random transform draws from the streams of the items that a loader is loading
    (see `dezero_data.randomness`); one of the labels has streams apart from those of the data.

    Source: Deep Learning from Scratch 3, step 49.

    Args:
        train: The part for training, or the one for testing.
        transform: What is done to the data of one item. A transform with a method `batch` (see
            `dezero_data.transforms`) is called once per batch.
        target_transform: The same for the label.

    Attributes:
        train: As given.
        transform: As given; without one, a transform that changes nothing.
        target_transform: As `transform`.
        data: All data, shape (N, ...): an array, or a sequence.
        label: All labels, shape (N, ...), or None for data without labels.

    Raises:
        TypeError: `train` is not a bool, or a transform cannot be called, or is a class of them.
        ValueError: `prepare` set another number of data than of labels.

    Example:
        >>> class Squares(Dataset):
        ...     def prepare(self):
        ...         self.data = np.arange(5.0)
        ...         self.label = self.data**2
        >>> squares = Squares(transform=lambda x: x + 100)
        >>> len(squares)
        5
        >>> x, t = squares[3]
        >>> print(x, t)
        103.0 9.0
    """

    # Of the class, so that a subclass whose constructor does not call this one is a data set too.
    transform: Transform = Compose()
    target_transform: Transform = Compose()
    data: Any = None
    label: Any = None

    def __init__(
        self,
        train: bool = True,
        transform: Transform | None = None,
        target_transform: Transform | None = None,
    ) -> None:
        name = type(self).__name__
        # A path in this place would be true, and go unnoticed.
        if not isinstance(train, (bool, np.bool_)):
            raise TypeError(f"{name}: train is True or False, not {train!r}")
        for what, given in (("transform", transform), ("target_transform", target_transform)):
            if given is not None:
                check_transform(given, f"{name}: {what}")
        self.train = bool(train)
        if transform is not None:
            self.transform = transform
        if target_transform is not None:
            self.target_transform = target_transform
        self.prepare()
        _check_lengths(name, self.data, self.label)

    def prepare(self) -> None:
        """Set `data` and `label`. Called once, by the constructor."""

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        """Return one item.

        Args:
            index: Its number; negative ones count from the end.

        Returns:
            The transformed data, and the transformed label or None.

        Raises:
            TypeError: `index` is no integer.
            IndexError: There is no such item.
        """
        name = type(self).__name__
        number = check_index(index, len(self), name)
        x = self._transformed(self.transform, self.data[number], number, "transform")
        if self.label is None:
            return x, None
        with _label_streams():
            label = self.label[number]
            return x, self._transformed(self.target_transform, label, number, "target_transform")

    def __getitems__(self, indices: Array) -> tuple[Array, Array | None]:
        """Return many items as one batch. `DataLoader` asks for batches this way.

        Args:
            indices: Integers, shape (N,).

        Returns:
            The transformed data, shape (N, ...), and the transformed labels or None.

        Raises:
            TypeError: `indices` are no integers in one axis.
            IndexError: There is no item of one of the indices.
            ValueError: The transformed items differ in shape.
        """
        name = type(self).__name__
        indices = check_indices(indices, len(self), name)
        x = self._take(self.data, indices, "transform", name)
        if self.label is None:
            return x, None
        with _label_streams():
            maker = f"{name}, as labels,"
            return x, self._take(self.label, indices, "target_transform", maker)

    def __len__(self) -> int:
        if self.data is None:
            name = type(self).__name__
            raise RuntimeError(
                f"{name} has no data: set self.data in {name}.prepare(), which "
                "Dataset.__init__ calls, or define __getitem__ and __len__"
            )
        return len(self.data)

    def __repr__(self) -> str:
        name = type(self).__name__
        try:
            size = f"{len(self)} items"
        except RuntimeError:
            return f"<{name} without data>"
        what = [f"{kind} {_describe(values)}" for kind, values in self._parts()]
        return f"<{name}: {', '.join([size, *what])}>"

    def _parts(self) -> list[tuple[str, Any]]:
        both = (("data", self.data), ("labels", self.label))
        return [(kind, values) for kind, values in both if values is not None]

    def _take(self, source: Any, indices: Array, which: str, maker: str) -> Array:
        """Return many transformed items of `source`, at once if source and transform allow it."""
        transform = getattr(self, which)
        batch = getattr(transform, "batch", None)
        if batch is None or not isinstance(source, np.ndarray):
            numbers = indices.tolist()
            return stack(
                map_items(
                    lambda number: self._transformed(transform, source[number], number, which),
                    numbers,
                ),
                maker,
            )
        return self._transformed(batch, source[indices], indices, which)

    def _transformed(
        self, function: Callable[[Any], Any], x: Any, where: int | Array, which: str
    ) -> Any:
        try:
            return function(x)
        except Exception as error:
            if isinstance(where, int):
                what = f"item {where}"
            else:
                some = ", ".join(map(str, where[:8].tolist()))
                more = ", ..." if len(where) > 8 else ""
                what = f"the items {some}{more}, as one batch"
            transform = getattr(self, which)
            name = getattr(transform, "__qualname__", None) or repr(transform)
            error.add_note(f"{type(self).__name__}: {which} {name} failed on {what}")
            raise


def _check_lengths(name: str, data: Any, label: Any) -> None:
    if data is not None and label is not None and len(data) != len(label):
        raise ValueError(
            f"{name}: prepare() set {len(data)} items of data, but {len(label)} labels"
        )


def _describe(values: Any) -> str:
    if isinstance(values, np.ndarray):
        shape = f" {values.shape[1:]}" if values.ndim > 1 else ""
        return f"{values.dtype}{shape}"
    return f"in a {type(values).__name__}" if isinstance(values, (list, tuple)) else repr(values)


def _label_streams() -> AbstractContextManager[Any]:
    # Apart from those of the data: how an image was turned must not decide how its label is drawn.
    current = current_items()
    return using_item_random(None if current is None else current.child(_LABELS))
