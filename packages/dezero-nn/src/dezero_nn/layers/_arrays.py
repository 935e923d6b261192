"""What the formats of weight files have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from dezero_core.typing import Array
from dezero_nn.layers._state import Saved

__all__ = ["ArrayFile"]


class ArrayFile(Mapping[str, Array]):
    """An open file of arrays by name, each of which is read when it is asked for.

    Attributes:
        found: The shapes and dtypes of all arrays, known before any is read.
    """

    def __init__(self, found: Mapping[str, Saved], read: Callable[[str], Array]) -> None:
        self.found = found
        self._read = read

    def __getitem__(self, name: str) -> Array:
        if name not in self.found:
            raise KeyError(name)
        return self._read(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self.found)

    def __len__(self) -> int:
        return len(self.found)
