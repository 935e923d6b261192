"""What transforms of images share: the three kinds of image, sizes, fill values."""

from __future__ import annotations

import operator
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np

from dezero_core.typing import Array
from dezero_data._arguments import check_rng
from dezero_data._pillow import is_pillow
from dezero_data.randomness import ItemRandom, RandomSource, item_random

__all__ = [
    "ImageTransform",
    "RandomImageTransform",
    "channel_values",
    "check_fill",
    "check_fits",
    "check_probability",
    "pair",
    "pillow_fill",
]


class ImageTransform(ABC):
    """A transform of images: of an array (C, H, W), of a batch (N, C, H, W), or of Pillow's."""

    def __call__(self, x: Any) -> Any:
        """Transform one image: an array of shape (C, H, W), or an image of Pillow's."""
        if is_pillow(x):
            width, height = x.size
            return self._pillow(x, self._choose(1, height, width))
        images = self._checked(x, "(C, H, W)")[np.newaxis]
        return self._arrays(images, self._choose(1, *images.shape[2:]))[0]

    def batch(self, xs: Array) -> Array:
        """Transform a batch of images of shape (N, C, H, W)."""
        images = self._checked(xs, "(N, C, H, W)")
        return self._arrays(images, self._choose(len(images), *images.shape[2:]))

    def _checked(self, x: Any, shape: str) -> Array:
        name = type(self).__name__
        if not isinstance(x, np.ndarray):
            raise TypeError(
                f"{name}: an image is an array of shape {shape} or an image of Pillow's, "
                f"not a {type(x).__name__}"
            )
        if x.ndim != shape.count(",") + 1:
            raise ValueError(f"{name}: an array of images has shape {shape}, not {x.shape}")
        if x.dtype.kind not in "biuf":
            raise TypeError(f"{name}: an image is of numbers, not of dtype {x.dtype}")
        return x

    def _choose(self, n: int, height: int, width: int) -> Any:
        """Decide what becomes of each of n images: here nothing is left to decide."""
        return None

    @abstractmethod
    def _arrays(self, xs: Array, choices: Any) -> Array:
        """Transform arrays of shape (N, C, H, W)."""

    @abstractmethod
    def _pillow(self, image: Any, choices: Any) -> Any:
        """Transform one image of Pillow's; the choices are those of a batch of one."""


class RandomImageTransform(ImageTransform):
    """A transform that draws, for each image, from that image's stream."""

    def __init__(self, rng: RandomSource | None) -> None:
        self._rng = check_rng(rng, type(self).__name__)

    def _choose(self, n: int, height: int, width: int) -> Any:
        return self._draw(item_random(n, self._rng), height, width)

    @abstractmethod
    def _draw(self, random: ItemRandom, height: int, width: int) -> Any:
        """Draw what becomes of each image."""

    def _repr(self, *arguments: str) -> str:
        shown = list(arguments)
        if self._rng is not None:
            shown.append(f"rng={type(self._rng).__name__}")
        return f"{type(self).__name__}({', '.join(shown)})"


def pair(value: int | Sequence[int], owner: str, name: str, least: int = 1) -> tuple[int, int]:
    """Read an int or a pair (width, height), and return (height, width).

    Raises:
        TypeError: It is neither.
        ValueError: It is below `least`.
    """
    try:
        both = (value, value) if isinstance(value, (int, np.integer)) else tuple(value)
        if len(both) != 2 or isinstance(value, bool):
            raise TypeError
        width, height = map(operator.index, both)
    except TypeError:
        raise TypeError(
            f"{owner}: {name} is an int or a pair of ints (width, height), not {value!r}"
        ) from None
    if min(width, height) < least:
        raise ValueError(f"{owner}: {name} is at least {least}, not {value!r}")
    return height, width


def shown_pair(size: tuple[int, int]) -> str:
    """Write (height, width) as the argument that it came from."""
    height, width = size
    return str(width) if width == height else f"({width}, {height})"


def check_fits(owner: str, size: tuple[int, int], height: int, width: int, hint: str = "") -> None:
    """Check that a crop of `size` lies within an image."""
    if size[0] > height or size[1] > width:
        raise ValueError(
            f"{owner}: a crop of {size[1]}x{size[0]} (width x height) is larger than the image, "
            f"{width}x{height}{hint}"
        )


def check_probability(owner: str, p: float) -> float:
    """Return p as a float.

    Raises:
        TypeError: It is no number.
        ValueError: It is no probability.
    """
    if isinstance(p, bool) or not isinstance(p, (int, float, np.integer, np.floating)):
        raise TypeError(f"{owner}: p is a number from 0 to 1, not {p!r}")
    if not 0 <= p <= 1:
        raise ValueError(f"{owner}: p is a probability, from 0 to 1, not {p}")
    return float(p)


def check_fill(owner: str, fill: float | Sequence[float]) -> tuple[float, ...]:
    """Return a fill value, one number or one per channel, as a tuple."""
    values = np.asarray(fill)
    if values.dtype.kind not in "iuf" or values.ndim > 1 or not values.size:
        raise TypeError(f"{owner}: fill is a number, or one per channel, not {fill!r}")
    return tuple(np.atleast_1d(values).tolist())


def shown_fill(fill: tuple[float, ...]) -> str:
    """Write a fill value as the argument that it came from."""
    return repr(fill[0] if len(fill) == 1 else fill)


def channel_values(owner: str, fill: tuple[float, ...], xs: Array) -> Array:
    """Return a fill value for each channel of images (N, C, H, W), in their dtype.

    Raises:
        ValueError: There are more or fewer values than channels, or the dtype cannot hold one.
    """
    channels = xs.shape[1]
    _check_channels(owner, fill, channels)
    if xs.dtype.kind in "iu":
        bounds = np.iinfo(xs.dtype)
        if not all(bounds.min <= value <= bounds.max and value == int(value) for value in fill):
            raise ValueError(f"{owner}: fill {shown_fill(fill)} is no value of dtype {xs.dtype}")
    return np.broadcast_to(np.array(fill).astype(xs.dtype), channels)


def pillow_fill(owner: str, fill: tuple[float, ...], image: Any) -> Any:
    """Return a fill value as Pillow wants it: a number, or a tuple with one for each band."""
    bands = len(image.getbands())
    _check_channels(owner, fill, bands)
    if image.mode != "F":
        if not all(value == int(value) for value in fill):
            raise ValueError(
                f"{owner}: fill {shown_fill(fill)} is no value of an image of mode {image.mode}"
            )
        fill = tuple(map(int, fill))
    return fill[0] if bands == 1 else fill * bands if len(fill) == 1 else fill


def _check_channels(owner: str, fill: tuple[float, ...], channels: int) -> None:
    if len(fill) not in (1, channels):
        raise ValueError(
            f"{owner}: fill has {len(fill)} values, but the image has {channels} channels"
        )
