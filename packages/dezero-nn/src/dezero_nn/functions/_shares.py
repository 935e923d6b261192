"""Divide the work of compiled loops among threads, where there is enough of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from dezero_core.parallel import in_threads

__all__ = ["in_shares"]

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")

# A loop reads a million numbers in 0.2 ms; to wake a thread up takes half of that.
_DIVIDED = 1 << 20


def in_shares(
    work: Callable[[Sequence[_Item]], _Result], items: Sequence[_Item], size: int
) -> list[_Result]:
    """Do what `in_threads` does, in one thread if there are few numbers.

    Args:
        work: Is called with a share of the items.
        items: The items, one at least.
        size: How many numbers are read, those read several times counted as often.
    """
    return in_threads(work, items) if size >= _DIVIDED else [work(items)]
