"""Photographs as the ready-made models want them."""

from __future__ import annotations

from typing import Any

import numpy as np

from dezero_core.errors import describe
from dezero_core.typing import Array, DTypeLike

__all__ = ["preprocess_caffe", "preprocess_torchvision"]

# The mean and deviation of ImageNet's colors, from 0 to 1, by which torchvision's models go.
_MEAN = (0.485, 0.456, 0.406)
_DEVIATION = (0.229, 0.224, 0.225)


def preprocess_caffe(
    image: Any,
    size: tuple[int, int] | None,
    mean: tuple[float, float, float],
    dtype: DTypeLike = np.float32,
) -> Array:
    """Turn a photograph into channels blue, green, red, from 0 to 255, less their means.

    Args:
        image: An image of Pillow's, or an array of red, green, blue, uint8, of shape (H, W, 3).
        size: The width and height to which it is stretched (as Pillow has them), or None.
        mean: What is subtracted from blue, green and red.
        dtype: The dtype of the result.

    Returns:
        An array of shape (3, height, width).

    Raises:
        TypeError: `image` is neither, or `dtype` no floating-point type.
        ImportError: An array has another size than `size`, and Pillow is not installed.
    """
    if size is not None and (_width(image), _height(image)) != tuple(size):
        image = _as_pillow(image).resize(size)
    x = _colors(image).astype(_float(dtype))[:, :, ::-1]
    return np.ascontiguousarray((x - np.array(mean, x.dtype)).transpose(2, 0, 1))


def preprocess_torchvision(
    image: Any, size: tuple[int, int] = (224, 224), dtype: DTypeLike = np.float32
) -> Array:
    """Turn a photograph into what models with torchvision's weights want.

    It is scaled, its sides in proportion, until it covers 8/7 of `size`; the middle is cut out (of
    256 pixels 224). Red, green and blue, from 0 to 1, are brought to ImageNet's mean 0 and
    deviation 1. A single image wants an axis in front: ``x[np.newaxis]``.

    Args:
        image: An image of Pillow's, or an array of red, green, blue, uint8, of shape (H, W, 3).
        size: Width and height of the result, as Pillow has them.
        dtype: The dtype of the result.

    Returns:
        An array of shape (3, height, width).

    Raises:
        TypeError: `image` is neither, or `dtype` no floating-point type.
        ImportError: An array is not 8/7 of `size`, and Pillow is not installed.

    Example:
        >>> gray = np.full((256, 256, 3), 128, dtype=np.uint8)
        >>> x = preprocess_torchvision(gray)
        >>> x.shape, x.dtype, [f"{value:.3f}" for value in x[:, 0, 0]]
        ((3, 224, 224), dtype('float32'), ['0.074', '0.205', '0.426'])
    """
    width, height = size
    scale = max(width * 8 / 7 / _width(image), height * 8 / 7 / _height(image))
    scaled = (round(_width(image) * scale), round(_height(image) * scale))
    if scaled != (_width(image), _height(image)):
        from_pillow = _as_pillow(image)
        from PIL.Image import Resampling

        image = from_pillow.resize(scaled, Resampling.BILINEAR)
    left, top = (scaled[0] - width) // 2, (scaled[1] - height) // 2
    x = _colors(image)[top : top + height, left : left + width].astype(_float(dtype))
    x = (x / x.dtype.type(255) - np.array(_MEAN, x.dtype)) / np.array(_DEVIATION, x.dtype)
    return np.ascontiguousarray(x.transpose(2, 0, 1))


def _float(dtype: DTypeLike) -> np.dtype[Any]:
    found = np.dtype(dtype)
    if found.kind != "f":
        raise TypeError(f"preprocess: dtype must be a floating-point type, got {found}")
    return found


def _width(image: Any) -> int:
    return int(image.shape[1] if _is_array(image) else image.width)


def _height(image: Any) -> int:
    return int(image.shape[0] if _is_array(image) else image.height)


def _is_array(image: Any) -> bool:
    """Tell arrays from Pillow's images, without needing Pillow; refuse everything else."""
    if isinstance(image, np.ndarray) and image.dtype == np.uint8 and image.shape[2:] == (3,):
        return True
    if all(hasattr(image, name) for name in ("convert", "resize", "width", "height")):
        return False
    raise TypeError(
        "preprocess: image must be an image of Pillow's, or an array of uint8 of shape (H, W, 3), "
        f"not {describe(image)}"
    )


def _colors(image: Any) -> Array:
    """Return the image's red, green and blue, of shape (H, W, 3)."""
    return image if _is_array(image) else np.asarray(image.convert("RGB"))


def _as_pillow(image: Any) -> Any:
    """Return the image as one of Pillow's that can be scaled."""
    if not _is_array(image):
        return image.convert("RGB")
    try:
        from PIL import Image
    except ImportError:
        raise ImportError(
            'preprocess: to scale an array, install Pillow: pip install "dezero-nn[images]". '
            "Or give an array that has the size already"
        ) from None
    return Image.fromarray(image)
