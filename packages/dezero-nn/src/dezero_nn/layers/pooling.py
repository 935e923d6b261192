"""Pooling as layers, for models that are lists of layers."""

from __future__ import annotations

from dezero_core import Variable
from dezero_core.typing import ArrayLike
from dezero_nn.functions import average_pooling, pooling
from dezero_nn.functions.windows import pair
from dezero_nn.layers.layer import Layer

__all__ = ["AveragePooling", "Pooling"]


class _Pooling(Layer):
    def __init__(
        self,
        kernel_size: int | tuple[int, int],
        stride: int | tuple[int, int] = 1,
        pad: int | tuple[int, int] = 0,
    ) -> None:
        self.kernel_size, self.stride, self.pad = pair(kernel_size), pair(stride), pair(pad)


class Pooling(_Pooling):
    """The largest element of each window, `pooling`.

    Args:
        kernel_size: The window's height and width: an integer, or two.
        stride: The distance from window to window: 1, as in the book, not the window's size.
        pad: How many elements are added at each side.

    Example:
        >>> import numpy as np
        >>> Pooling(2, stride=2)(np.zeros((1, 3, 8, 8))).shape
        (1, 3, 4, 4)

    Deep Learning from Scratch 3, step 57.
    """

    def forward(self, x: ArrayLike) -> Variable:
        """Pool images of shape (N, C, H, W)."""
        return pooling(x, self.kernel_size, self.stride, self.pad)


class AveragePooling(_Pooling):
    """The mean of each window, `average_pooling`.

    Args:
        kernel_size: The window's height and width: an integer, or two.
        stride: The distance from window to window: 1, as in the book, not the window's size.
        pad: How many zeros are added at each side.

    Example:
        >>> import numpy as np
        >>> AveragePooling(2, stride=2)(np.zeros((1, 3, 8, 8))).shape
        (1, 3, 4, 4)

    Deep Learning from Scratch 3, step 57.
    """

    def forward(self, x: ArrayLike) -> Variable:
        """Pool images of shape (N, C, H, W)."""
        return average_pooling(x, self.kernel_size, self.stride, self.pad)
