"""Memory for updates in place, shared by all parameters of an optimizer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from dezero_core import get_array_module
from dezero_core.typing import Array

__all__ = ["WorkSpace"]

# Elements that are updated at a time. An update takes several passes over memory; the work space
# for so many stays in the cache, and a large layer needs no more of it than a small one.
_BLOCK = 1 << 18


class WorkSpace:
    """An array that grows to the size of the largest parameter, up to one block."""

    def __init__(self) -> None:
        self._array: Array = np.empty(0, np.float32)

    def blocks(self, dtype: Any, *arrays: Array) -> Iterator[tuple[Array, ...]]:
        """Yield arrays of one shape in blocks, each time with work space of the size of one.

        Args:
            dtype: The dtype of the work space.
            *arrays: Arrays of one shape on one backend. Only on the host they are parted, and only
                if their elements lie in order.

        Yields:
            Views of the arrays, and an array of the same shape, whatever its values.
        """
        first = arrays[0]
        if type(first) is not np.ndarray:
            yield (*arrays, get_array_module(first).empty(first.shape, dtype))
            return
        size = first.size
        n = min(size, _BLOCK)
        if self._array.size < n or self._array.dtype != dtype:
            self._array = np.empty(n, dtype)
        if size <= _BLOCK:
            yield (*arrays, self._array[:n].reshape(first.shape))
        elif all(array.flags.c_contiguous for array in arrays):
            flat = [array.reshape(-1) for array in arrays]
            for start in range(0, size, _BLOCK):
                parts = [array[start : start + _BLOCK] for array in flat]
                yield (*parts, self._array[: parts[0].size])
        else:
            yield (*arrays, np.empty_like(first, dtype))
