"""Where a window that slides over images stands, and what it sees."""

from __future__ import annotations

from typing import Any, TypeAlias

from dezero_core.errors import describe
from dezero_core.typing import Array, Shape

__all__ = ["Pair", "check_images", "conv_length", "output_size", "pad_images", "positions"]

#: A number for the vertical axis and one for the horizontal.
Pair: TypeAlias = tuple[int, int]


def conv_length(length: int, kernel: int, stride: int, pad: int, dilation: int) -> int:
    """Return how many windows fit along an axis (see `get_conv_outsize`)."""
    return (length + 2 * pad - dilation * (kernel - 1) - 1) // stride + 1


def output_size(size: Pair, kernel: Pair, stride: Pair, pad: Pair, dilation: Pair) -> Pair:
    """Return how many windows fit into images of a height and a width.

    Raises:
        ValueError: A setting is out of its range, or no window fits.
    """
    for name, numbers, least in (
        ("kernel_size", kernel, 1),
        ("stride", stride, 1),
        ("pad", pad, 0),
        ("dilation", dilation, 1),
    ):
        if min(numbers) < least:
            raise ValueError(f"{name} must be at least {least}, it is {numbers}")
    height, width = map(conv_length, size, kernel, stride, pad, dilation)
    if height < 1 or width < 1:
        extent = tuple([d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True)])
        padded = tuple([n + 2 * p for n, p in zip(size, pad, strict=True)])
        raise ValueError(f"the kernel, {extent}, is larger than the padded input, {padded}")
    return height, width


# --- on arrays -----------------------------------------------------------------------------------


def pad_images(xp: Any, x: Array, pad: Pair, value: Any = 0) -> Array:
    """Return images with a border around them; without one as they are."""
    if pad == (0, 0):
        return x
    (ph, pw), (N, C, H, W) = pad, x.shape
    padded = xp.full((N, C, H + 2 * ph, W + 2 * pw), value, x.dtype)
    padded[:, :, ph : ph + H, pw : pw + W] = x
    return padded


def positions(
    kernel: Pair, stride: Pair, dilation: Pair, out: Pair
) -> list[tuple[int, int, tuple[Any, ...]]]:
    """Return for each place (i, j) in a window what all windows see there, as an index."""
    (KH, KW), (sh, sw), (dh, dw), (OH, OW) = kernel, stride, dilation, out
    return [
        (
            i,
            j,
            (
                slice(None),
                slice(None),
                slice(i * dh, i * dh + sh * (OH - 1) + 1, sh),
                slice(j * dw, j * dw + sw * (OW - 1) + 1, sw),
            ),
        )
        for i in range(KH)
        for j in range(KW)
    ]


def check_images(x: Any, name: str = "x") -> Shape:
    """Return the shape (N, C, H, W) of images; other arrays are a ValueError."""
    shape: Shape = getattr(x, "shape", ())
    if len(shape) != 4:
        raise ValueError(f"{name} is an array of images, of shape (N, C, H, W), not {describe(x)}")
    return shape
