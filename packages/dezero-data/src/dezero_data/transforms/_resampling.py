"""Images on another grid: the numerics of resizing and of rotating.

Both follow Pillow's definitions, so that arrays and Pillow's images become the same pictures up to
one level of 256.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from dezero_core.typing import Array

__all__ = ["FILTERS", "resize", "rotate"]


def _triangle(x: Array) -> Array:
    return np.maximum(1.0 - np.abs(x), 0.0)


def _box(x: Array) -> Array:
    return ((x > -0.5) & (x <= 0.5)).astype(np.float64)


def _hamming(x: Array) -> Array:
    return np.where(np.abs(x) < 1, np.sinc(x) * (0.54 + 0.46 * np.cos(np.pi * x)), 0.0)


def _cubic(x: Array) -> Array:
    # Keys' family of cubics, with a = -1/2: the one that is exact for parabolas.
    x = np.abs(x)
    near = (1.5 * x - 2.5) * x * x + 1.0
    far = ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0
    return np.where(x < 1, near, np.where(x < 2, far, 0.0))


def _lanczos(x: Array) -> Array:
    return np.where(np.abs(x) < 3, np.sinc(x) * np.sinc(x / 3), 0.0)


#: How much an input pixel counts, by its distance from an output pixel; "nearest" is none of them.
FILTERS: dict[str, Callable[[Array], Array]] = {
    "bilinear": _triangle,
    "box": _box,
    "hamming": _hamming,
    "bicubic": _cubic,
    "lanczos": _lanczos,
}

# As many output pixels are made by one matrix product: few, and most of each matrix is not zeros.
_BLOCK = 32


def resize(xs: Array, height: int, width: int, mode: str) -> Array:
    """Resize images of shape (N, C, H, W).

    An output pixel is a weighted mean of the input pixels under it. The weights of rows and of
    columns multiply, so an image becomes ``A @ image @ B``. When it shrinks, the filter is
    stretched by the scale: each input pixel counts, and fine patterns turn gray, not into others.
    """
    n, channels, rows, columns = xs.shape
    if mode == "nearest" or xs.dtype.kind == "b":
        if (rows, columns) == (height, width):
            return xs.copy()
        return xs.take(_nearest(rows, height), axis=2).take(_nearest(columns, width), axis=3)
    dtype = _working_dtype(xs.dtype)
    # Width first and rounded in between, as Pillow does it. BLAS rounds by shape and layout, and an
    # image in a batch is to be the image alone: so each product is of one image or one channel.
    if columns != width:
        lines = np.ascontiguousarray(xs, dtype).reshape(n, channels * rows, columns)
        out = np.empty((n, channels * rows, width), dtype)
        for made, used, weights in _weights(columns, width, mode, dtype.char):
            np.matmul(lines[:, :, used], weights, out=out[:, :, made])
        xs = _rounded(out, xs.dtype).reshape(n, channels, rows, width)
    if rows != height:
        lines = np.ascontiguousarray(xs, dtype)
        out = np.empty((n, channels, height, width), dtype)
        for made, used, weights in _weights(rows, height, mode, dtype.char):
            np.matmul(weights.T, lines[:, :, used], out=out[:, :, made])
        xs = _rounded(out, xs.dtype)
    return xs.copy() if (rows, columns) == (height, width) else xs


@lru_cache(maxsize=64)
def _weights(
    size: int, new_size: int, mode: str, dtype: str
) -> tuple[tuple[slice, slice, Array], ...]:
    """Return blocks: output pixels, the input pixels they use, weights (inputs, outputs)."""
    scale = size / new_size
    stretch = max(scale, 1.0)
    centers = (np.arange(new_size) + 0.5) * scale
    distances = np.arange(size)[:, np.newaxis] + 0.5 - centers
    weights = FILTERS[mode](distances / stretch)
    weights /= weights.sum(axis=0)
    blocks = []
    for start in range(0, new_size, _BLOCK):
        made = slice(start, min(start + _BLOCK, new_size))
        inputs = np.flatnonzero(weights[:, made].any(axis=1))
        used = slice(int(inputs[0]), int(inputs[-1]) + 1)
        blocks.append((made, used, np.ascontiguousarray(weights[used, made], dtype)))
    return tuple(blocks)


def _nearest(size: int, new_size: int) -> Array:
    """Return the input pixel in which the center of each output pixel lies."""
    return (2 * np.arange(new_size) + 1) * size // (2 * new_size)


# As many pixels are rotated at once: their coordinates stay in the cache.
_CHUNK = 1 << 15


def rotate(xs: Array, degrees: Array, mode: str, fill: Array) -> Array:
    """Rotate images of shape (N, C, H, W) about their centers, each by an angle of its own.

    Args:
        xs: The images.
        degrees: The angles, counterclockwise, shape (N,).
        mode: "bilinear" or "nearest".
        fill: What comes in at the corners, shape (C,).
    """
    height, width = xs.shape[2:]
    out = np.empty_like(xs)
    at_once = max(1, _CHUNK // max(1, height * width))
    for start in range(0, len(xs), at_once):
        part = slice(start, start + at_once)
        out[part] = _rotated(xs[part], np.radians(degrees[part]), mode, fill)
    return out


def _rotated(xs: Array, angles: Array, mode: str, fill: Array) -> Array:
    n, channels, height, width = xs.shape
    # Rounded, so that a quarter turn is one.
    angles = angles.reshape(n, 1, 1)
    cos, sin = np.round(np.cos(angles), 15), np.round(np.sin(angles), 15)
    from_left = np.arange(width) + 0.5 - width / 2
    from_top = (np.arange(height) + 0.5 - height / 2)[:, np.newaxis]
    # Where in the input the center of each output pixel comes from, (N, H, W).
    x = (cos * from_left - sin * from_top + width / 2).reshape(n, 1, -1)
    y = (sin * from_left + cos * from_top + height / 2).reshape(n, 1, -1)
    outside = (x < 0) | (x >= width) | (y < 0) | (y >= height)
    pixels = xs.reshape(n, channels, height * width)

    def values(row: Array, column: Array) -> Array:
        row = np.clip(row, 0, height - 1).astype(np.intp)
        column = np.clip(column, 0, width - 1).astype(np.intp)
        taken = np.empty_like(pixels)
        # One image after the other: five times as fast as one index over all of them.
        for image, source, index in zip(taken, pixels, row * width + column, strict=True):
            source.take(index[0], axis=1, out=image, mode="clip")
        return taken

    if mode == "nearest" or xs.dtype.kind == "b":
        out = values(np.floor(y), np.floor(x))
    else:
        # Pixels are values at their centers, half a pixel in; beyond the outermost, they go on.
        x, y = x - 0.5, y - 0.5
        left, top = np.floor(x), np.floor(y)
        dtype = _working_dtype(xs.dtype)
        right_part, lower_part = (x - left).astype(dtype), (y - top).astype(dtype)
        upper = _between(values(top, left), values(top, left + 1), right_part)
        lower = _between(values(top + 1, left), values(top + 1, left + 1), right_part)
        out = _rounded(_between(upper, lower, lower_part), xs.dtype)
    return np.where(outside, fill[:, np.newaxis], out).reshape(xs.shape)


def _between(a: Array, b: Array, part: Array) -> Array:
    # So, and not a + part * (b - a): bytes have no negative differences.
    return a * (1 - part) + b * part


def _working_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return the floating dtype that is exact enough for values of a dtype."""
    small = dtype.itemsize <= 2 or dtype == np.float32
    return np.dtype(np.float32 if small else np.float64)


def _rounded(values: Array, dtype: np.dtype[Any]) -> Array:
    """Bring floating values into a dtype, writing over them; half a level rounds up."""
    if dtype.kind in "iu":
        bounds = np.iinfo(dtype)
        values += 0.5
        np.floor(values, out=values)
        np.clip(values, bounds.min, bounds.max, out=values)
    return values.astype(dtype, copy=False)
