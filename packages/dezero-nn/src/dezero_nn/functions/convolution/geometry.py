"""What a convolution is made of: all sizes, checked once."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

from dezero_core.errors import describe
from dezero_core.typing import Shape
from dezero_nn.functions._sliding import Pair, check_images, output_size
from dezero_nn.functions.windows import get_deconv_outsize

__all__ = ["Geometry", "of_conv", "of_deconv", "of_weights"]


@dataclass(frozen=True, slots=True)
class Geometry:
    """The sizes of a convolution. For its transpose, those of the convolution it belongs to.

    Attributes:
        batch: The number of images, N.
        in_channels: C, all groups together.
        out_channels: OC, all groups together.
        in_size: The height and width of the images.
        out_size: The height and width of the result.
        kernel: The height and width of the kernel, KH and KW.
        stride: The distance from window to window.
        pad: How many zeros are added at each side.
        dilation: The distance between the elements that the kernel sees.
        groups: The number of groups of channels that do not see each other.
    """

    batch: int
    in_channels: int
    out_channels: int
    in_size: Pair
    out_size: Pair
    kernel: Pair
    stride: Pair
    pad: Pair
    dilation: Pair
    groups: int

    @property
    def x_shape(self) -> Shape:
        """The shape of the images."""
        return (self.batch, self.in_channels, *self.in_size)

    @property
    def y_shape(self) -> Shape:
        """The shape of the result."""
        return (self.batch, self.out_channels, *self.out_size)

    @property
    def w_shape(self) -> Shape:
        """The shape of the weights."""
        return (self.out_channels, self.in_channels // self.groups, *self.kernel)

    @property
    def grouped_w_shape(self) -> Shape:
        """The shape of the weights as one matrix for each group."""
        OC, IC, KH, KW = self.w_shape
        return (self.groups, OC // self.groups, IC * KH * KW)

    @property
    def window_size(self) -> int:
        """The number of elements that a window sees in the channels of its group."""
        return prod(self.w_shape[1:])

    @property
    def multiplications(self) -> int:
        """How many multiplications it takes."""
        return self.batch * self.pixels * prod(self.w_shape)

    @property
    def is_much(self) -> bool:
        """Whether it takes milliseconds: at least 2**27 multiplications."""
        return self.multiplications >= 1 << 27

    @property
    def pixels(self) -> int:
        """The number of windows in an image."""
        return prod(self.out_size)


def of_conv(
    x: Any, W: Any, b: Any, stride: Pair, pad: Pair, dilation: Pair, groups: int
) -> Geometry:
    """Return the geometry of ``conv2d(x, W, b)``.

    Raises:
        ValueError: The operands' shapes do not fit together.
    """
    N, C, H, Wd = check_images(x)
    OC, IC, KH, KW = _weights(W, "(OC, C / groups, KH, KW)")
    _check_groups(groups, C, OC)
    if IC * groups != C:
        takes = f"{IC} channels" if groups == 1 else f"{IC} channels in each of {groups} groups"
        raise ValueError(f"x has {C} channels, W takes {takes}")
    _check_bias(b, OC)
    out = output_size((H, Wd), (KH, KW), stride, pad, dilation)
    return Geometry(N, C, OC, (H, Wd), out, (KH, KW), stride, pad, dilation, groups)


def of_deconv(
    x: Any,
    W: Any,
    b: Any,
    stride: Pair,
    pad: Pair,
    outsize: Pair | None,
    dilation: Pair,
    groups: int,
) -> Geometry:
    """Return the geometry of the convolution whose transpose ``deconv2d(x, W, b)`` is.

    Raises:
        ValueError: The operands' shapes do not fit together, or no convolution takes images of
            `outsize` to the size of `x`.
    """
    N, OC, H, Wd = check_images(x)
    out_channels, IC, KH, KW = _weights(W, "(OC, C / groups, KH, KW)")
    _check_groups(groups, OC)
    if out_channels != OC:
        raise ValueError(f"x has {OC} channels, W takes {out_channels}")
    _check_bias(b, IC * groups)
    size, kernel = (H, Wd), (KH, KW)
    least = tuple(map(get_deconv_outsize, size, kernel, stride, pad, dilation))
    wanted = (least[0], least[1]) if outsize is None else outsize
    if min(wanted) < 1:
        raise ValueError(f"the result would have the size {wanted}; use less padding")
    if output_size(wanted, kernel, stride, pad, dilation) != size:
        most = tuple([n + s - 1 for n, s in zip(least, stride, strict=True)])
        raise ValueError(f"outsize lies between {least} and {most}, not {wanted}")
    return Geometry(N, IC * groups, OC, wanted, size, kernel, stride, pad, dilation, groups)


def of_weights(
    x: Any, gy: Any, kernel: Pair, stride: Pair, pad: Pair, dilation: Pair, groups: int
) -> Geometry:
    """Return the geometry of the convolution of `x` whose result has the gradient `gy`."""
    N, C, *size = x.shape
    return Geometry(
        N, C, gy.shape[1], tuple(size), gy.shape[2:], kernel, stride, pad, dilation, groups
    )


def _weights(W: Any, wanted: str) -> Shape:
    shape: Shape = getattr(W, "shape", ())
    if len(shape) != 4:
        raise ValueError(f"W is an array of shape {wanted}, not {describe(W)}")
    return shape


def _check_groups(groups: int, *channels: int) -> None:
    if groups < 1:
        raise ValueError(f"groups must be at least 1, it is {groups}")
    for number in channels:
        if number % groups:
            raise ValueError(f"{number} channels are not divisible into {groups} groups")


def _check_bias(b: Any, channels: int) -> None:
    if b is not None and getattr(b, "shape", None) != (channels,):
        raise ValueError(f"b is an array of shape ({channels},), not {describe(b)}")
