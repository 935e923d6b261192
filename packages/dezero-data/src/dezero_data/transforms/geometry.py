"""Transforms that bring images to a size."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dezero_core.typing import Array
from dezero_data.transforms._images import ImageTransform, check_fits, pair, shown_pair
from dezero_data.transforms._resampling import resize

__all__ = ["CenterCrop", "Resize"]

#: Ways of resizing by name, and the constant of `PIL.Image` that means the same.
_MODES = {"nearest": 0, "lanczos": 1, "bilinear": 2, "bicubic": 3, "box": 4, "hamming": 5}


class Resize(ImageTransform):
    """Stretch or shrink an image to a size, whatever its proportions.

    An image that shrinks is smoothed first, so that fine patterns do not turn into coarse ones:
    each output pixel is a weighted mean of all input pixels under the filter. Integers are
    rounded. The result for an array of uint8 differs from Pillow's by at most one level, in few
    pixels. A floating value that is not finite spreads to the pixels around.

    Source: Deep Learning from Scratch 3, step 49.

    Args:
        size: The side of a square, or a pair (width, height).
        mode: ``"bilinear"``, ``"nearest"``, ``"bicubic"``, ``"box"``, ``"hamming"`` or
            ``"lanczos"``, or the constant of `PIL.Image` for one of them. Images of bool take the
            nearest pixel always.

    Attributes:
        size: (height, width).
        mode: The mode's name.

    Raises:
        TypeError: `size` is neither an int nor a pair of ints.
        ValueError: `size` is not positive, or there is no such mode.

    Example:
        >>> import numpy as np
        >>> x = np.array([[[0, 100, 200, 40]]], dtype=np.uint8)
        >>> Resize((2, 1), "box")(x)
        array([[[ 50, 120]]], dtype=uint8)
    """

    def __init__(self, size: int | Sequence[int], mode: str | int = "bilinear") -> None:
        self.size = pair(size, "Resize", "size")
        names = {number: name for name, number in _MODES.items()}
        self.mode = mode if isinstance(mode, str) else names.get(mode, "")
        if self.mode not in _MODES:
            raise ValueError(f"Resize: mode is one of {', '.join(_MODES)}, not {mode!r}")

    def _arrays(self, xs: Array, choices: None) -> Array:
        if 0 in xs.shape[1:]:
            raise ValueError(f"Resize: an image of shape {xs.shape[1:]} has no pixels")
        return resize(xs, *self.size, self.mode)

    def _pillow(self, image: Any, choices: None) -> Any:
        height, width = self.size
        return image.resize((width, height), _MODES[self.mode])

    def __repr__(self) -> str:
        return f"Resize({shown_pair(self.size)}, mode={self.mode!r})"


class CenterCrop(ImageTransform):
    """Cut out the middle of an image.

    Where as many rows or columns cannot go on both sides, one more goes at the bottom or the right.

    Source: Deep Learning from Scratch 3, step 49.

    Args:
        size: The side of a square, or a pair (width, height).

    Attributes:
        size: (height, width).

    Raises:
        TypeError: `size` is neither an int nor a pair of ints.
        ValueError: `size` is not positive; in a call, it is larger than the image.

    Example:
        >>> import numpy as np
        >>> CenterCrop((2, 1))(np.array([[[1, 2, 3, 4]]]))
        array([[[2, 3]]])
    """

    def __init__(self, size: int | Sequence[int]) -> None:
        self.size = pair(size, "CenterCrop", "size")

    def _corner(self, height: int, width: int) -> tuple[int, int]:
        check_fits("CenterCrop", self.size, height, width)
        return (height - self.size[0]) // 2, (width - self.size[1]) // 2

    def _arrays(self, xs: Array, choices: None) -> Array:
        top, left = self._corner(*xs.shape[2:])
        return xs[:, :, top : top + self.size[0], left : left + self.size[1]].copy()

    def _pillow(self, image: Any, choices: None) -> Any:
        top, left = self._corner(image.height, image.width)
        return image.crop((left, top, left + self.size[1], top + self.size[0]))

    def __repr__(self) -> str:
        return f"CenterCrop({shown_pair(self.size)})"
