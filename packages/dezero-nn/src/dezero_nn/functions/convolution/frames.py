"""Parts of images, with zeros where they reach beyond."""

from __future__ import annotations

import numpy as np

from dezero_core.typing import Array

__all__ = ["Frames"]


class Frames:
    """Takes parts of equal width out of images; those that reach beyond are put into a buffer.

    Args:
        x: Images, of shape (N, C, H, W).
        left: Where all parts begin horizontally; negative if they begin left of the images.
        width: The width of all parts.
    """

    def __init__(self, x: Array, left: int, width: int) -> None:
        self._x = x
        self._width = width
        # The columns of the images that belong to the parts, and where they lie there.
        first = min(max(left, 0), x.shape[3])
        last = max(first, min(left + width, x.shape[3]))
        self._seen, self._place = slice(first, last), slice(first - left, last - left)
        self._buffer = np.zeros(0, x.dtype)

    def take(self, images: slice, top: int, height: int) -> Array:
        """Return rows ``top`` to ``top + height`` of some images. Valid until the next call."""
        x = self._x[images]
        n, channels, available, _ = x.shape
        below = available - top
        is_inside = top >= 0 and below >= height
        if is_inside and self._place == slice(0, self._width):
            return x[:, :, top : top + height, self._seen]
        shape = (n, channels, height, self._width)
        if self._buffer.shape != shape:
            self._buffer = np.empty(shape, x.dtype)
            # What is left and right of the images stays zero.
            self._buffer[..., : self._place.start] = 0
            self._buffer[..., self._place.stop :] = 0
        frame = self._buffer
        first, last = min(max(-top, 0), height), max(min(below, height), 0)
        frame[:, :, :first] = 0
        frame[:, :, last:] = 0
        if first < last:
            frame[:, :, first:last, self._place] = x[:, :, top + first : top + last, self._seen]
        return frame
