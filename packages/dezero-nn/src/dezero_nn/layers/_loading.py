"""From a saved state to the arrays that a layer takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from dezero_core import Parameter, Variable, as_numpy
from dezero_core.typing import Array
from dezero_nn.layers._state import Saved, Wanted, compare
from dezero_nn.layers._tree import MEMBERS
from dezero_nn.layers.persistent import Persistent

if TYPE_CHECKING:
    from dezero_nn.layers.layer import Layer

__all__ = ["Loading"]


class Loading:
    """What of a state a layer takes, and from where.

    A parameter that the layer shares has one path, its first. The state may have it under another
    one, as a model has that shared nothing, or under several, as files of the book's package do.

    Attributes:
        report: What does not fit.
    """

    def __init__(
        self,
        layer: Layer,
        wanted: Mapping[str, Wanted],
        operation: str,
        source: str,
        found: Mapping[str, Saved | None],
        strict: bool,
    ) -> None:
        self._operation = operation
        self._source = source
        target = type(layer).__name__
        first_paths = {id(value): path for path, _, _, value in layer._find()}
        self._also: dict[str, list[str]] = {}
        seen = dict(found)
        for path in found:
            if path not in wanted:
                parameter = _resolve(layer, path)
                first = first_paths.get(id(parameter)) if parameter is not None else None
                if first is not None and _same_shape(found, path, first):
                    self._also.setdefault(first, []).append(path)
                    seen.setdefault(first, seen[path])
                    del seen[path]
        self.report = compare(source, target, seen, wanted)
        if self.report and strict:
            listed = "\n  ".join(self.report.lines)
            raise ValueError(
                f"{operation}: {source} does not fit the {target}; nothing was changed\n  {listed}"
            )
        skipped = {*self.report.missing, *self.report.different}
        self._sources = {
            path: path if path in found else self._also[path][0]
            for path in wanted
            if path not in skipped
        }

    def arrays(self, state: Mapping[str, Array]) -> dict[str, Array]:
        """Return the arrays that the layer takes, by its own paths.

        Raises:
            ValueError: What the layer shares has different values under its paths.
        """
        arrays = {path: state[source] for path, source in self._sources.items()}
        for path, others in self._also.items():
            for other in others:
                if path in arrays and not np.array_equal(
                    as_numpy(arrays[path]), as_numpy(state[other]), equal_nan=True
                ):
                    raise ValueError(
                        f"{self._operation}: {self._source} has different values for {path} and "
                        f"{other}, which are one parameter here; nothing was changed"
                    )
        return arrays


def _same_shape(found: Mapping[str, Saved | None], path: str, first: str) -> bool:
    saved, other = found[path], found.get(first, found[path])
    return saved is not None and other is not None and saved.shape == other.shape


def _resolve(layer: Layer, path: str) -> Variable | None:
    """Follow a path through attributes and containers."""
    place: Any = layer
    for name in path.split("/"):
        if hasattr(place, "namedlayers"):
            place = place.__dict__.get(MEMBERS, place.__dict__)
        if isinstance(place, dict):
            place = place.get(name)
        elif isinstance(place, (list, tuple)) and name.isdecimal() and int(name) < len(place):
            place = place[int(name)]
        else:
            return None
    return place if isinstance(place, (Parameter, Persistent)) else None
