"""Names for the types that signatures of this project speak of.

An array may come from any backend, and backends share no base class: `Array` documents, it does
not check.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

__all__ = ["Array", "ArrayLike", "Axis", "DTypeLike", "Shape"]

#: An array of some backend: `numpy.ndarray`, `cupy.ndarray`, ...
Array: TypeAlias = Any
#: What an operation takes as an operand: a Variable, an array of a backend, or a number.
ArrayLike: TypeAlias = Any
#: One axis, several, or None for all.
Axis: TypeAlias = int | Sequence[int] | None
#: What NumPy takes for a dtype.
DTypeLike: TypeAlias = Any
Shape: TypeAlias = tuple[int, ...]
