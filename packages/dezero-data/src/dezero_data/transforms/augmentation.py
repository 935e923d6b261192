"""Transforms that make another image of the same thing, at random."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from dezero_core.typing import Array
from dezero_data.randomness import ItemRandom, RandomSource
from dezero_data.transforms._images import (
    RandomImageTransform,
    channel_values,
    check_fill,
    check_fits,
    check_probability,
    pair,
    pillow_fill,
    shown_fill,
    shown_pair,
)
from dezero_data.transforms._resampling import rotate

__all__ = ["Cutout", "RandomCrop", "RandomHorizontalFlip", "RandomRotation"]


class RandomHorizontalFlip(RandomImageTransform):
    """Mirror an image, left for right, or leave it as it is.

    Args:
        p: The probability of mirroring.
        rng: Where to draw from instead of the item's stream.

    Raises:
        TypeError: `p` is no number, or `rng` no generator.
        ValueError: `p` is no probability.

    Example:
        >>> RandomHorizontalFlip(p=1.0)(np.array([[[1, 2, 3]]]))
        array([[[3, 2, 1]]])
    """

    def __init__(self, p: float = 0.5, *, rng: RandomSource | None = None) -> None:
        super().__init__(rng)
        self.p = check_probability("RandomHorizontalFlip", p)

    def _draw(self, random: ItemRandom, height: int, width: int) -> Array:
        return random.uniform() < self.p

    def _arrays(self, xs: Array, mirrored: Array) -> Array:
        out = xs.copy()
        out[mirrored] = xs[mirrored, :, :, ::-1]
        return out

    def _pillow(self, image: Any, mirrored: Array) -> Any:
        return image.transpose(0) if mirrored[0] else image  # 0: Pillow's FLIP_LEFT_RIGHT

    def __repr__(self) -> str:
        return self._repr(f"p={self.p}")


class RandomCrop(RandomImageTransform):
    """Cut an image of a size out of another one, at a random place.

    Args:
        size: The side of a square, or a pair (width, height).
        pad: How many pixels are put around the image before: on all sides, or a pair of those on
            the left and on the right, and of those at the top and at the bottom.
        fill: The value of these pixels, or one per channel.
        rng: Where to draw from instead of the item's stream.

    Attributes:
        size: (height, width).
        pad: (at the top and at the bottom, on the left and on the right).
        fill: One number, or one per channel, as a tuple.

    Raises:
        TypeError: `size` or `pad` is neither an int nor a pair of ints, `fill` is neither a number
            nor a sequence of numbers, or `rng` is no generator.
        ValueError: `size` is not positive, or `pad` negative; in a call, the image is smaller than
            `size`, or does not fit `fill`.

    Example:
        >>> x = np.ones((3, 32, 32), dtype=np.uint8)
        >>> RandomCrop(28)(x).shape
        (3, 28, 28)
        >>> RandomCrop(32, pad=4)(x).shape
        (3, 32, 32)
    """

    def __init__(
        self,
        size: int | Sequence[int],
        pad: int | Sequence[int] = 0,
        fill: float | Sequence[float] = 0,
        *,
        rng: RandomSource | None = None,
    ) -> None:
        super().__init__(rng)
        self.size = pair(size, "RandomCrop", "size")
        self.pad = pair(pad, "RandomCrop", "pad", least=0)
        self.fill = check_fill("RandomCrop", fill)

    def _draw(self, random: ItemRandom, height: int, width: int) -> Array:
        height, width = height + 2 * self.pad[0], width + 2 * self.pad[1]
        check_fits("RandomCrop", self.size, height, width, ", pad included")
        places = np.array([height - self.size[0] + 1, width - self.size[1] + 1])
        return random.integers(0, places, size=2)

    def _arrays(self, xs: Array, corners: Array) -> Array:
        n, channels, height, width = xs.shape
        down, right = self.pad
        if down or right:
            padded = np.empty((n, channels, height + 2 * down, width + 2 * right), xs.dtype)
            padded[...] = channel_values("RandomCrop", self.fill, xs)[:, np.newaxis, np.newaxis]
            padded[:, :, down : down + height, right : right + width] = xs
            xs = padded
        out = np.empty((n, channels, *self.size), xs.dtype)
        for image, source, (top, left) in zip(out, xs, corners.tolist(), strict=True):
            image[...] = source[:, top : top + self.size[0], left : left + self.size[1]]
        return out

    def _pillow(self, image: Any, corners: Array) -> Any:
        down, right = self.pad
        if down or right:
            from PIL import ImageOps

            fill = pillow_fill("RandomCrop", self.fill, image)
            image = ImageOps.expand(image, (right, down), fill)
        top, left = corners[0].tolist()
        return image.crop((left, top, left + self.size[1], top + self.size[0]))

    def __repr__(self) -> str:
        pad, fill = shown_pair(self.pad), shown_fill(self.fill)
        return self._repr(shown_pair(self.size), f"pad={pad}", f"fill={fill}")


class RandomRotation(RandomImageTransform):
    """Rotate an image about its center, by a random angle; its size stays.

    The result for an array of uint8 differs from that for Pillow's image by at most one level with
    ``"bilinear"``, since Pillow rounds down, and in single pixels with ``"nearest"``.

    Args:
        degrees: The largest angle either way, or a pair of the least and the largest angle.
            Positive angles are counterclockwise.
        mode: ``"bilinear"`` or ``"nearest"``. Images of bool take the nearest pixel always.
        fill: The value of what comes in at the corners, or one per channel.
        rng: Where to draw from instead of the item's stream.

    Attributes:
        degrees: (least, largest).
        mode: As given.
        fill: One number, or one per channel, as a tuple.

    Raises:
        TypeError: `degrees` is neither a number nor a pair of numbers, `fill` is neither a number
            nor a sequence of numbers, or `rng` is no generator.
        ValueError: There is no such mode, or no angle between these; in a call, the image does
            not fit `fill`.

    Example:
        >>> RandomRotation((90, 90))(np.array([[[1, 2], [3, 4]]]))
        array([[[2, 4],
                [1, 3]]])
    """

    def __init__(
        self,
        degrees: float | Sequence[float],
        mode: str = "bilinear",
        fill: float | Sequence[float] = 0,
        *,
        rng: RandomSource | None = None,
    ) -> None:
        super().__init__(rng)
        self.degrees = _angles(degrees)
        if mode not in _ROTATION_MODES:
            raise ValueError(f"RandomRotation: mode is bilinear or nearest, not {mode!r}")
        self.mode = mode
        self.fill = check_fill("RandomRotation", fill)

    def _draw(self, random: ItemRandom, height: int, width: int) -> Array:
        return random.uniform(*self.degrees)

    def _arrays(self, xs: Array, angles: Array) -> Array:
        return rotate(xs, angles, self.mode, channel_values("RandomRotation", self.fill, xs))

    def _pillow(self, image: Any, angles: Array) -> Any:
        fill = pillow_fill("RandomRotation", self.fill, image)
        return image.rotate(float(angles[0]), _ROTATION_MODES[self.mode], fillcolor=fill)

    def __repr__(self) -> str:
        return self._repr(str(self.degrees), f"mode={self.mode!r}", f"fill={shown_fill(self.fill)}")


class Cutout(RandomImageTransform):
    """Cover a square of an image. Its center may be any pixel, so part of it may lie outside.

    Source: T. DeVries, G. W. Taylor, "Improved Regularization of Convolutional Neural Networks
    with Cutout", arXiv:1708.04552, 2017.

    Args:
        size: The side of the square, or a pair (width, height) of a rectangle.
        fill: The value of what is covered, or one per channel. The paper's is the mean of the
            data, which is 0 after `Normalize`.
        holes: How many squares are covered; they may overlap.
        rng: Where to draw from instead of the item's stream.

    Attributes:
        size: (height, width).
        fill: One number, or one per channel, as a tuple.
        holes: As given.

    Raises:
        TypeError: `size` is neither an int nor a pair of ints, `fill` is neither a number nor a
            sequence of numbers, `holes` is no int, or `rng` no generator.
        ValueError: `size` or `holes` is not positive; in a call, the image does not fit `fill`.

    Example:
        >>> covered = Cutout(3)(np.ones((1, 9, 9)))
        >>> bool(4 <= (covered == 0).sum() <= 9)
        True
    """

    def __init__(
        self,
        size: int | Sequence[int],
        fill: float | Sequence[float] = 0,
        holes: int = 1,
        *,
        rng: RandomSource | None = None,
    ) -> None:
        super().__init__(rng)
        self.size = pair(size, "Cutout", "size")
        self.fill = check_fill("Cutout", fill)
        if isinstance(holes, bool) or not isinstance(holes, (int, np.integer)):
            raise TypeError(f"Cutout: holes is an int, not {holes!r}")
        if holes < 1:
            raise ValueError(f"Cutout: holes is at least 1, not {holes}")
        self.holes = int(holes)

    def _draw(self, random: ItemRandom, height: int, width: int) -> Array:
        """Draw boxes (top, left, bottom, right), int64 of shape (N, holes, 4)."""
        image = np.array([height, width])
        size = np.array(self.size)
        # An image without pixels has nothing to cover, and is no error.
        centers = random.integers(0, np.maximum(image, 1), size=(self.holes, 2))
        corners = centers - size // 2
        return np.concatenate(
            [np.clip(corners, 0, image), np.clip(corners + size, 0, image)], axis=-1
        )

    def _arrays(self, xs: Array, boxes: Array) -> Array:
        fill = channel_values("Cutout", self.fill, xs)[:, np.newaxis, np.newaxis]
        out = xs.copy()
        for image, holes in zip(out, boxes.tolist(), strict=True):
            for top, left, bottom, right in holes:
                image[:, top:bottom, left:right] = fill
        return out

    def _pillow(self, image: Any, boxes: Array) -> Any:
        fill = pillow_fill("Cutout", self.fill, image)
        image = image.copy()
        for top, left, bottom, right in boxes[0].tolist():
            image.paste(fill, (left, top, right, bottom))
        return image

    def __repr__(self) -> str:
        fill = shown_fill(self.fill)
        return self._repr(shown_pair(self.size), f"fill={fill}", f"holes={self.holes}")


_ROTATION_MODES = {"nearest": 0, "bilinear": 2}  # and Pillow's constants for them


def _angles(degrees: float | Sequence[float]) -> tuple[float, float]:
    values = np.asarray(degrees)
    if values.dtype.kind not in "iuf" or values.shape not in ((), (2,)):
        raise TypeError(
            f"RandomRotation: degrees is a number, or a pair (least, largest), not {degrees!r}"
        )
    largest = float(values) if values.ndim == 0 else float(values[1])
    least = -largest if values.ndim == 0 else float(values[0])
    if not (np.isfinite(least) and np.isfinite(largest) and least <= largest):
        raise ValueError(f"RandomRotation: there is no angle from {least} to {largest}")
    return least, largest
