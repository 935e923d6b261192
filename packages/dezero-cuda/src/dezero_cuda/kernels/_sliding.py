"""How many windows fit into images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

__all__ = ["Pair", "out_size"]

#: A number for the vertical axis and one for the horizontal.
Pair: TypeAlias = tuple[int, int]


def out_size(
    size: Sequence[int], kernel: Sequence[int], stride: Pair, pad: Pair, dilation: Pair
) -> Pair | None:
    """Return how many windows fit; None if none fits, or a setting is out of its range.

    Args:
        size: The images' height and width.
        kernel: The window's.
        stride: The distance from window to window.
        pad: How many elements are added at each side.
        dilation: The distance between the elements that a window sees.
    """
    if min(*kernel, *stride, *dilation) < 1 or min(pad) < 0:
        return None
    sizes = zip(size, kernel, stride, pad, dilation, strict=True)
    height, width = ((n + 2 * p - d * (k - 1) - 1) // s + 1 for n, k, s, p, d in sizes)
    return (height, width) if height > 0 and width > 0 else None
