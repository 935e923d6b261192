"""The state of a loader: reading one that was saved, and saying what does not fit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from dezero_core.typing import Array
from dezero_data.randomness import RandomSource

__all__ = ["Reader", "load_generator", "save_generator", "save_indices"]


def save_indices(index: Array) -> Array:
    """Return indices in as few bytes as they need."""
    if not len(index) or index.min() < 0:
        return index.copy()
    return index.astype(np.min_scalar_type(index.max()))


def save_generator(rng: RandomSource | None) -> Any:
    """Return the state of a generator, as numbers, strings and arrays."""
    if isinstance(rng, np.random.Generator):
        return rng.bit_generator.state
    return None if rng is None else rng.get_state(legacy=False)


def load_generator(rng: RandomSource, state: Any) -> None:
    """Set the state of a generator.

    Raises:
        ValueError: It is none of this kind of generator.
    """
    try:
        if isinstance(rng, np.random.Generator):
            rng.bit_generator.state = state
        else:
            rng.set_state(state)
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"rng has no such state: {error}") from error


class Reader:
    """Reads a saved state, and collects what is wrong with it.

    Args:
        operation: What is being done, for the error.
        state: What was saved.
    """

    def __init__(self, operation: str, state: Any) -> None:
        self._operation = operation
        self._state = state
        self.problems: list[str] = []

    def check_keys(self, wanted: Mapping[str, Any]) -> None:
        """Check that the state has these entries and no others."""
        if not isinstance(self._state, Mapping):
            self.problems.append(f"a {type(self._state).__name__} is no state")
        else:
            self.problems += [f"missing: {key}" for key in wanted if key not in self._state]
            self.problems += [f"unexpected: {key}" for key in self._state if key not in wanted]
        self.raise_if_any()

    def check_same(self, wanted: Mapping[str, Any]) -> None:
        """Check that some entries are what they are here."""
        for key, value in wanted.items():
            saved = self._state[key]
            if type(saved) is not type(value) or saved != value:
                self.problems.append(f"{key}: saved was {saved!r}, here it is {value!r}")

    def natural(self, key: str) -> int:
        """Return an entry that counts something."""
        value = self._state[key]
        if isinstance(value, (int, np.integer)) and not isinstance(value, bool) and value >= 0:
            return int(value)
        self.problems.append(f"{key} is a number from 0 on, not {value!r}")
        return 0

    def indices(self, key: str) -> Array:
        """Return an entry that is an array of integers in one axis."""
        value = self._state[key]
        if isinstance(value, np.ndarray) and value.ndim == 1 and value.dtype.kind in "iu":
            return value.astype(np.int64)
        self.problems.append(f"{key} is an array of integers, not {type(value).__name__}")
        return np.empty(0, np.int64)

    def raise_if_any(self) -> None:
        """Raise one error that lists all problems."""
        if self.problems:
            listed = "\n  ".join(self.problems)
            raise ValueError(f"{self._operation}: the state does not fit\n  {listed}")
