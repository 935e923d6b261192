"""From one kind of image to another."""

from __future__ import annotations

from typing import Any

import numpy as np

from dezero_core.typing import Array, ArrayLike, DTypeLike
from dezero_data._pillow import is_pillow, pillow_image
from dezero_data.transforms._images import ImageTransform

__all__ = ["Convert", "ToArray", "ToPIL"]


class Convert(ImageTransform):
    """Convert an image to other channels: gray, or red, green, blue in either order.

    An array has the channels that their number says: one is gray, three are red, green and blue,
    four are these and an opacity, which is dropped. Gray is ``0.299 R + 0.587 G + 0.114 B``
    (ITU-R BT.601), rounded for integers.

    Source: Deep Learning from Scratch 3, step 49.

    Args:
        mode: ``"RGB"``, ``"BGR"`` or ``"L"`` for gray. For Pillow's images also its other modes;
            ``"BGR"`` is one of mode RGB whose first channel is blue.

    Raises:
        TypeError: `mode` is no text.
        ValueError: In a call, the image cannot be converted to the mode.

    Example:
        >>> red = np.array([[[200]], [[0]], [[0]]], dtype=np.uint8)
        >>> Convert("BGR")(red).ravel()
        array([  0,   0, 200], dtype=uint8)
        >>> Convert("L")(red)
        array([[[60]]], dtype=uint8)
    """

    def __init__(self, mode: str = "RGB") -> None:
        if not isinstance(mode, str):
            raise TypeError(f"Convert: mode is a text such as 'RGB', not {mode!r}")
        self.mode = mode

    def _arrays(self, xs: Array, choices: None) -> Array:
        if self.mode not in ("L", "RGB", "BGR"):
            raise ValueError(f"Convert: an array can become L, RGB or BGR, not {self.mode}")
        channels = xs.shape[1]
        if channels not in (1, 3, 4):
            raise ValueError(
                f"Convert: an image has 1, 3 or 4 channels (gray, RGB, RGBA), not {channels}"
            )
        if self.mode == "L":
            return xs.copy() if channels == 1 else _gray(xs)
        if channels == 1:
            return np.repeat(xs, 3, axis=1)
        return xs[:, :3].copy() if self.mode == "RGB" else xs[:, 2::-1].copy()

    def _pillow(self, image: Any, choices: None) -> Any:
        if self.mode != "BGR":
            try:
                return image.convert(self.mode)
            except ValueError as error:
                raise ValueError(
                    f"Convert: an image of mode {image.mode} cannot become {self.mode!r}: {error}"
                ) from error
        red, green, blue = image.convert("RGB").split()
        return pillow_image("Convert").merge("RGB", (blue, green, red))

    def __repr__(self) -> str:
        return f"Convert(mode={self.mode!r})"


def _gray(xs: Array) -> Array:
    red, green, blue = (xs[:, i : i + 1] for i in range(3))
    if xs.dtype.kind == "f":
        # Python's numbers leave float32 what it is.
        return 0.299 * red + 0.587 * green + 0.114 * blue
    # In 65536ths, as Pillow does it.
    wide = np.uint32 if xs.dtype == np.uint8 else np.int64
    red, green, blue = (channel.astype(wide) for channel in (red, green, blue))
    return ((19595 * red + 38470 * green + 7471 * blue + 32768) >> 16).astype(xs.dtype)


class ToArray:
    """Make an array of shape (C, H, W) of an image of Pillow's.

    Arrays get the dtype and are otherwise left as they are, so what works on one kind of image
    works on the other.

    Source: Deep Learning from Scratch 3, step 49.

    Args:
        dtype: The dtype. Values are not scaled: those of bytes go from 0 to 255. None keeps the
            image's own.

    Raises:
        TypeError: NumPy does not know such a dtype; in a call, the item is no image.
        ValueError: In a call, the image has a palette, so that its values are no colors.

    Example:
        >>> ToArray()(np.zeros((3, 2, 2), dtype=np.uint8)).dtype
        dtype('float32')
    """

    def __init__(self, dtype: DTypeLike | None = np.float32) -> None:
        self.dtype = None if dtype is None else np.dtype(dtype)

    def __call__(self, x: Any) -> Array:
        """Return the image as an array of shape (C, H, W)."""
        if is_pillow(x):
            return self._from_pillow(x)
        if not isinstance(x, np.ndarray):
            raise TypeError(
                f"ToArray: wanted is an image of Pillow's or an array, not a {type(x).__name__}"
            )
        return x if self.dtype is None else x.astype(self.dtype, copy=False)

    def batch(self, xs: Array) -> Array:
        """Give a batch of arrays the dtype."""
        return self(xs)

    def _from_pillow(self, image: Any) -> Array:
        if image.mode in ("P", "PA"):
            raise ValueError(
                f"ToArray: an image of mode {image.mode} holds numbers of colors in a palette; "
                'put Convert("RGB") before, or use numpy.asarray if it is the numbers you want'
            )
        pixels = np.asarray(image)
        pixels = pixels[np.newaxis] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)
        # A copy in any case: Pillow's memory cannot be written to.
        return np.array(pixels, dtype=self.dtype, order="C")

    def __repr__(self) -> str:
        return f"ToArray({self.dtype})"


class ToPIL:
    """Make an image of Pillow's of an array of shape (C, H, W).

    One channel of uint8 gives mode L, of float32 F, of int32 I, of bool 1; two, three and four
    channels of uint8 give LA, RGB and RGBA. Pillow's images are no arrays, so put `ToArray`
    somewhere after it.

    Source: Deep Learning from Scratch 3, step 49.

    Raises:
        ImportError: In a call, Pillow is not installed.
        TypeError: In a call, the item is no array.
        ValueError: In a call, the array has another shape, or a dtype that Pillow has no mode for.

    Example:
        >>> ToPIL()(np.zeros((3, 4, 6), dtype=np.uint8)).size  # (width, height)
        (6, 4)
    """

    def __call__(self, x: ArrayLike) -> Any:
        """Return the array as an image of Pillow's, which is left as it is if it is one."""
        if is_pillow(x):
            return x
        image = pillow_image("ToPIL")
        if not isinstance(x, np.ndarray):
            raise TypeError(f"ToPIL: wanted is an array of shape (C, H, W), not {type(x).__name__}")
        if x.ndim != 3 or len(x) not in _CHANNELS.get(x.dtype.name, ()):
            wanted = "; ".join(
                f"{dtype} of {' or '.join(map(str, channels))} channels"
                for dtype, channels in _CHANNELS.items()
            )
            raise ValueError(
                f"ToPIL: no image of Pillow's is {x.dtype} of shape {x.shape}. It takes (C, H, W), "
                f"{wanted}; AsType(numpy.uint8) makes bytes"
            )
        pixels = x[0] if len(x) == 1 else x.transpose(1, 2, 0)
        return image.fromarray(np.ascontiguousarray(pixels))

    def __repr__(self) -> str:
        return "ToPIL()"


# How many channels Pillow's images may have, by dtype.
_CHANNELS = {"uint8": (1, 2, 3, 4), "bool": (1,), "int32": (1,), "float32": (1,)}
