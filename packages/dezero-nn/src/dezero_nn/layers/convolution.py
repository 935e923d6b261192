"""Convolutional layers, and their transposes."""

from __future__ import annotations

from math import prod
from operator import index
from typing import Any

import numpy as np

from dezero_core import Parameter, Variable
from dezero_core.errors import describe
from dezero_core.typing import Array, ArrayLike, DTypeLike, Shape
from dezero_nn.functions import conv1d, conv2d, deconv1d, deconv2d
from dezero_nn.functions.windows import pair
from dezero_nn.initializers import Initializer, LeCunNormal, initialize
from dezero_nn.layers.layer import Layer

__all__ = ["Conv1d", "Conv2d", "Deconv1d", "Deconv2d"]


class _Convolution(Layer):
    """What convolutional layers share: weights that wait for the number of channels."""

    # The axes of an input, and whether the input's channels come first in the weights.
    _input_axes: str
    _is_transposed = False

    def __init__(
        self,
        out_channels: int,
        kernel: Shape,
        nobias: bool,
        dtype: DTypeLike,
        in_channels: int | None,
        groups: int,
        initializer: Initializer | None,
    ) -> None:
        self.dtype = np.dtype(dtype)
        if self.dtype.kind != "f":
            raise self._error(TypeError, f"dtype must be a floating-point type, got {self.dtype}")
        self.out_channels = self._check_number("out_channels", out_channels)
        self.groups = self._check_number("groups", groups)
        self._check_divisible("out_channels", self.out_channels)
        self._kernel = tuple([self._check_number("kernel_size", k) for k in kernel])
        self.in_channels: int | None = None
        self.nobias = bool(nobias)
        self.initializer = initializer
        self.W = Parameter(None, name="W")
        if in_channels is not None:
            self._set_in_channels(in_channels)
            self.W.data = self._draw(None)
        self.b = None if nobias else Parameter(np.zeros(self.out_channels, self.dtype), name="b")

    def lazy_spec(self, attribute: str) -> tuple[tuple[int | None, ...], DTypeLike] | None:
        """Say what the weights will be (see `Layer.lazy_spec`)."""
        return (self._w_shape(), self.dtype) if attribute == "W" else None

    def _w_shape(self) -> tuple[int | None, ...]:
        seen = None if self.in_channels is None else self.in_channels // self.groups
        if self._is_transposed:
            return (self.in_channels, self.out_channels // self.groups, *self._kernel)
        return (self.out_channels, seen, *self._kernel)

    def _start(self, x: ArrayLike) -> None:
        """Draw the weights for a first input, on its device."""
        shape: Shape = getattr(x, "shape", ())
        if len(shape) != len(self._kernel) + 2:
            raise self._error(
                ValueError,
                f"the input is an array of shape ({self._input_axes}), not {describe(x)}",
            )
        self._set_in_channels(shape[1])
        self.W.data = self._draw(x)

    def _set_in_channels(self, in_channels: int) -> None:
        in_channels = self._check_number("in_channels", in_channels)
        self._check_divisible("in_channels", in_channels)
        self.in_channels = in_channels

    def _draw(self, like: ArrayLike | None) -> Array:
        assert self.in_channels is not None
        window = prod(self._kernel)
        return initialize(
            self.initializer or LeCunNormal(),
            tuple([n or 0 for n in self._w_shape()]),
            self.dtype,
            fan_in=self.in_channels // self.groups * window,
            fan_out=self.out_channels // self.groups * window,
            like=like,
        )

    def _check_number(self, name: str, number: int) -> int:
        try:
            number = index(number)
        except TypeError:
            raise self._error(TypeError, f"{name} must be an integer, got {number!r}") from None
        if number < 1:
            raise self._error(ValueError, f"{name} must be at least 1, got {number}")
        return number

    def _check_divisible(self, name: str, channels: int) -> None:
        if channels % self.groups:
            raise self._error(
                ValueError, f"{name}={channels} is not divisible into {self.groups} groups"
            )

    def _error(self, kind: type[Exception], message: str) -> Exception:
        return kind(f"{type(self).__name__}: {message}")


class Conv2d(_Convolution):
    r"""Convolution of images with learned kernels, `conv2d`.

    The bias starts at zero. Without `in_channels` the kernels are drawn at the first call, when the
    input tells it.

    Args:
        out_channels: The number of output channels, OC.
        kernel_size: The kernel's height and width: an integer, or two.
        stride: The distance from window to window.
        pad: How many zeros are added at each side.
        nobias: Whether to do without the bias.
        dtype: The dtype of the parameters.
        in_channels: The number of input channels, or None.
        dilation: The distance between the elements that the kernel sees.
        groups: Into how many groups the channels are divided.
        initializer: What the kernels start as (see `dezero_nn.initializers`). Default:
            `LeCunNormal`.

    Attributes:
        W: The kernels, of shape (OC, in_channels / groups, KH, KW).
        b: The bias, of shape (OC,), or None.
        in_channels: As given, or as the first input had it.
        out_channels: As given, and so are the other settings, pairs where they may be pairs.

    Raises:
        TypeError: A number is no integer, or `dtype` is no floating-point type.
        ValueError: A number is out of its range, or channels are not divisible into groups. When
            called: as `conv2d` does.

    Example:
        >>> import numpy as np
        >>> layer = Conv2d(8, kernel_size=3, pad=1)
        >>> y = layer(np.zeros((1, 5, 15, 15), dtype=np.float32))
        >>> y.shape, y.dtype, layer.W.shape
        ((1, 8, 15, 15), dtype('float32'), (8, 5, 3, 3))

    Deep Learning from Scratch 3, step 57.
    """

    _input_axes = "N, C, H, W"

    def __init__(
        self,
        out_channels: int,
        kernel_size: int | tuple[int, int],
        stride: int | tuple[int, int] = 1,
        pad: int | tuple[int, int] = 0,
        nobias: bool = False,
        dtype: DTypeLike = np.float32,
        in_channels: int | None = None,
        dilation: int | tuple[int, int] = 1,
        groups: int = 1,
        *,
        initializer: Initializer | None = None,
    ) -> None:
        self.kernel_size = pair(kernel_size)
        self.stride, self.pad, self.dilation = pair(stride), pair(pad), pair(dilation)
        super().__init__(
            out_channels, self.kernel_size, nobias, dtype, in_channels, groups, initializer
        )

    def forward(self, x: ArrayLike) -> Variable:
        """Convolve.

        Args:
            x: Images, of shape (N, in_channels, H, W).

        Returns:
            A Variable of shape (N, OC, OH, OW).
        """
        if self.W.data is None:
            self._start(x)
        return conv2d(x, self.W, self.b, self.stride, self.pad, self.dilation, self.groups)


class Deconv2d(_Convolution):
    r"""Transposed convolution of images with learned kernels, `deconv2d`.

    The kernels are drawn as those of `Conv2d`.

    Args:
        out_channels: The number of output channels, OC.
        kernel_size: The kernel's height and width: an integer, or two.
        stride: The distance between the places of neighboring pixels' kernels.
        pad: How many elements are cut off at each side.
        nobias: Whether to do without the bias.
        dtype: The dtype of the parameters.
        in_channels: The number of input channels, or None.
        outsize: The height and width of the result, or None for the smallest.
        dilation: The distance between the elements of the kernel.
        groups: Into how many groups the channels are divided.
        initializer: What the kernels start as (see `dezero_nn.initializers`). Default:
            `LeCunNormal`.

    Attributes:
        W: The kernels, of shape (in_channels, OC / groups, KH, KW).
        b: The bias, of shape (OC,), or None.
        in_channels: As given, or as the first input had it.
        out_channels: As given, and so are the other settings, pairs where they may be pairs.

    Raises:
        TypeError: A number is no integer, or `dtype` is no floating-point type.
        ValueError: A number is out of its range, or channels are not divisible into groups. When
            called: as `deconv2d` does.

    Example:
        >>> import numpy as np
        >>> layer = Deconv2d(5, kernel_size=4, stride=2, pad=1)
        >>> layer(np.zeros((1, 8, 16, 16), dtype=np.float32)).shape
        (1, 5, 32, 32)

    Deep Learning from Scratch 3, step 57.
    """

    _input_axes = "N, C, H, W"
    _is_transposed = True

    def __init__(
        self,
        out_channels: int,
        kernel_size: int | tuple[int, int],
        stride: int | tuple[int, int] = 1,
        pad: int | tuple[int, int] = 0,
        nobias: bool = False,
        dtype: DTypeLike = np.float32,
        in_channels: int | None = None,
        outsize: int | tuple[int, int] | None = None,
        dilation: int | tuple[int, int] = 1,
        groups: int = 1,
        *,
        initializer: Initializer | None = None,
    ) -> None:
        self.kernel_size = pair(kernel_size)
        self.stride, self.pad, self.dilation = pair(stride), pair(pad), pair(dilation)
        self.outsize = None if outsize is None else pair(outsize)
        super().__init__(
            out_channels, self.kernel_size, nobias, dtype, in_channels, groups, initializer
        )

    def forward(self, x: ArrayLike) -> Variable:
        """Convolve, transposed.

        Args:
            x: Images, of shape (N, in_channels, H, W).

        Returns:
            A Variable of shape (N, OC, OH, OW).
        """
        if self.W.data is None:
            self._start(x)
        settings: Any = (self.stride, self.pad, self.outsize, self.dilation, self.groups)
        return deconv2d(x, self.W, self.b, *settings)


class Conv1d(_Convolution):
    """Convolution of sequences with learned kernels, `conv1d`.

    Args:
        out_channels: The number of output channels, OC.
        kernel_size: The kernel's length, K.
        stride: The distance from window to window.
        pad: How many zeros are added at each end.
        nobias: Whether to do without the bias.
        dtype: The dtype of the parameters.
        in_channels: The number of input channels, or None (see `Conv2d`).
        dilation: The distance between the elements that the kernel sees.
        groups: Into how many groups the channels are divided.
        initializer: What the kernels start as (see `dezero_nn.initializers`). Default:
            `LeCunNormal`.

    Attributes:
        W: The kernels, of shape (OC, in_channels / groups, K).
        b: The bias, of shape (OC,), or None.
        in_channels: As given, or as the first input had it.
        out_channels: As given, and so are the other settings.

    Raises:
        TypeError: A number is no integer, or `dtype` is no floating-point type.
        ValueError: A number is out of its range, or channels are not divisible into groups. When
            called: as `conv1d` does.

    Example:
        >>> import numpy as np
        >>> Conv1d(8, kernel_size=3, pad=1)(np.zeros((2, 4, 10), dtype=np.float32)).shape
        (2, 8, 10)

    A. Waibel et al., "Phoneme Recognition Using Time-Delay Neural Networks", 1989.
    """

    _input_axes = "N, C, L"

    def __init__(
        self,
        out_channels: int,
        kernel_size: int,
        stride: int = 1,
        pad: int = 0,
        nobias: bool = False,
        dtype: DTypeLike = np.float32,
        in_channels: int | None = None,
        dilation: int = 1,
        groups: int = 1,
        *,
        initializer: Initializer | None = None,
    ) -> None:
        self.kernel_size, self.stride, self.pad, self.dilation = kernel_size, stride, pad, dilation
        super().__init__(
            out_channels, (kernel_size,), nobias, dtype, in_channels, groups, initializer
        )

    def forward(self, x: ArrayLike) -> Variable:
        """Convolve.

        Args:
            x: Sequences, of shape (N, in_channels, L).

        Returns:
            A Variable of shape (N, OC, OL).
        """
        if self.W.data is None:
            self._start(x)
        return conv1d(x, self.W, self.b, self.stride, self.pad, self.dilation, self.groups)


class Deconv1d(_Convolution):
    """Transposed convolution of sequences with learned kernels, `deconv1d`.

    Args:
        out_channels: The number of output channels, OC.
        kernel_size: The kernel's length, K.
        stride: The distance between the places of neighboring elements' kernels.
        pad: How many elements are cut off at each end.
        nobias: Whether to do without the bias.
        dtype: The dtype of the parameters.
        in_channels: The number of input channels, or None (see `Conv2d`).
        outsize: The length of the result, or None for the smallest.
        dilation: The distance between the elements of the kernel.
        groups: Into how many groups the channels are divided.
        initializer: What the kernels start as (see `dezero_nn.initializers`). Default:
            `LeCunNormal`.

    Attributes:
        W: The kernels, of shape (in_channels, OC / groups, K).
        b: The bias, of shape (OC,), or None.
        in_channels: As given, or as the first input had it.
        out_channels: As given, and so are the other settings.

    Raises:
        TypeError: A number is no integer, or `dtype` is no floating-point type.
        ValueError: A number is out of its range, or channels are not divisible into groups. When
            called: as `deconv1d` does.

    Example:
        >>> import numpy as np
        >>> layer = Deconv1d(8, kernel_size=2, stride=2)
        >>> layer(np.zeros((2, 4, 10), dtype=np.float32)).shape
        (2, 8, 20)

    M. Zeiler et al., "Deconvolutional Networks", 2010.
    """

    _input_axes = "N, C, L"
    _is_transposed = True

    def __init__(
        self,
        out_channels: int,
        kernel_size: int,
        stride: int = 1,
        pad: int = 0,
        nobias: bool = False,
        dtype: DTypeLike = np.float32,
        in_channels: int | None = None,
        outsize: int | None = None,
        dilation: int = 1,
        groups: int = 1,
        *,
        initializer: Initializer | None = None,
    ) -> None:
        self.kernel_size, self.stride, self.pad, self.dilation = kernel_size, stride, pad, dilation
        self.outsize = outsize
        super().__init__(
            out_channels, (kernel_size,), nobias, dtype, in_channels, groups, initializer
        )

    def forward(self, x: ArrayLike) -> Variable:
        """Convolve, transposed.

        Args:
            x: Sequences, of shape (N, in_channels, L).

        Returns:
            A Variable of shape (N, OC, OL).
        """
        if self.W.data is None:
            self._start(x)
        settings: Any = (self.stride, self.pad, self.outsize, self.dilation, self.groups)
        return deconv1d(x, self.W, self.b, *settings)
