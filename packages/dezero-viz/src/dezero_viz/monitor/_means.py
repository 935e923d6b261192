"""Weighted means of numbers, some of which a device may still be computing."""

from __future__ import annotations

import math
from collections.abc import Mapping
from numbers import Real
from typing import Any

import numpy as np

from dezero_core import Variable
from dezero_core.backend import backend_of
from dezero_core.errors import describe

__all__ = ["Means", "checked_name", "checked_weight", "examples_in", "scalar"]

# What the monitor itself writes under these names.
_RESERVED = frozenset({"epoch", "step", "seconds", "time", "kind"})
# So many scalars wait on a device at most: then they are read, in one transfer.
_MOST_WAITING = 1000


def checked_name(name: Any) -> str:
    """Return the name of a quantity, or say what is wrong with it."""
    if not isinstance(name, str):
        raise TypeError(f"Monitor.log: a name is a string, such as 'loss', got {name!r}")
    if not name.strip() or not name.isprintable() or name in _RESERVED:
        wrong = "is the monitor's own" if name in _RESERVED else "is not a line of printable text"
        raise ValueError(f"Monitor.log: the name {name!r} {wrong}; give another")
    return name


def checked_weight(weight: Any) -> float:
    """Return how much a number counts, or say what is wrong with it."""
    if not isinstance(weight, Real):
        raise TypeError(f"Monitor.log: weight is a number, got {weight!r}")
    number = float(weight)
    if not 0 <= number < math.inf:
        raise ValueError(f"Monitor.log: weight is a finite number, 0 or more; got {weight!r}")
    return number


def scalar(name: str, value: Any) -> Any:
    """Return a number as a float; where it is an array on a device, as that array, unread.

    Raises:
        TypeError: It is no real number.
        ValueError: It is an array with several elements, or none.
    """
    if isinstance(value, Variable):
        value = value.data
    if isinstance(value, (Real, np.bool_)):
        return float(value)
    shape, dtype = getattr(value, "shape", None), getattr(value, "dtype", None)
    if shape is None or dtype is None or dtype.kind not in "fiubV":
        raise TypeError(
            f"Monitor.log: {name!r} must be a real number, an array or a Variable, got "
            f"{describe(value)}"
        )
    if math.prod(shape) != 1:
        raise ValueError(
            f"Monitor.log: {name!r} must be one number, got {describe(value)}; log its mean"
        )
    if isinstance(value, np.ndarray | np.generic):
        return float(value.reshape(()))
    # A copy, since the array may change before somebody reads it. No wait for the device.
    return value.reshape(()).astype(np.float64)


def examples_in(batch: Any) -> float:
    """Return how many examples a batch has, as far as its first array tells; otherwise 1."""
    while isinstance(batch, tuple | list | Mapping) and batch:
        batch = next(iter(batch.values() if isinstance(batch, Mapping) else batch))
    shape = getattr(batch, "shape", ())
    return float(shape[0]) if shape else 1.0


class Means:
    """Gathers numbers by name; `read` gives the weighted mean of each.

    Numbers on a device are kept there until then: reading one makes the host wait for all the
    work before it, which at each step would halve the speed of a run.
    """

    def __init__(self) -> None:
        self._sums: dict[str, list[float]] = {}
        self._waiting: list[tuple[str, Any, float]] = []

    def add(self, name: str, value: Any, weight: float) -> None:
        """Take a number that `scalar` returned into the mean of its name."""
        if isinstance(value, float):
            self._add(name, value, weight)
            return
        self._sums.setdefault(name, [0.0, 0.0])  # which keeps the order of the names
        self._waiting.append((name, value, weight))
        if len(self._waiting) >= _MOST_WAITING:
            self._fetch()

    def read(self) -> dict[str, float]:
        """Return the means so far, in the order in which the names came."""
        self._fetch()
        return {
            name: total / weight if weight else math.nan
            for name, (total, weight) in self._sums.items()
        }

    def clear(self) -> None:
        """Begin anew."""
        self._sums.clear()
        self._waiting.clear()

    def state(self) -> dict[str, list[float]]:
        """Return for each name the weighted sum and the sum of weights."""
        self._fetch()
        return {name: list(sums) for name, sums in self._sums.items()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a `state`."""
        self.clear()
        self._sums = {name: [float(a), float(b)] for name, (a, b) in state.items()}

    def _add(self, name: str, value: float, weight: float) -> None:
        sums = self._sums.setdefault(name, [0.0, 0.0])
        sums[0] += value * weight
        sums[1] += weight

    def _fetch(self) -> None:
        waiting, self._waiting = self._waiting, []
        by_backend: dict[str, list[tuple[str, Any, float]]] = {}
        for item in waiting:
            by_backend.setdefault(backend_of(item[1]).name, []).append(item)
        for items in by_backend.values():
            backend = backend_of(items[0][1])
            values = backend.to_numpy(backend.xp.stack([value for _, value, _ in items]))
            for (name, _, weight), value in zip(items, values.tolist(), strict=True):
                self._add(name, value, weight)
