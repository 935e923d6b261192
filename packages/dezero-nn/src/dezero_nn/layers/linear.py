"""The fully connected layer."""

from __future__ import annotations

from collections.abc import Callable
from operator import index
from typing import Any

import numpy as np

from dezero_core import Parameter, Variable
from dezero_core.errors import describe
from dezero_core.typing import Array, ArrayLike, DTypeLike
from dezero_nn.functions import linear
from dezero_nn.functions.connections import joined_name
from dezero_nn.initializers import Initializer, LeCunNormal, initialize
from dezero_nn.layers.layer import Layer

__all__ = ["Linear", "are_joined", "then"]


class Linear(Layer):
    r"""Affine transformation :math:`y = x W + b` with learned weights and bias.

    The bias starts at zero. Without `in_size` the weights are drawn at the first call, when the
    input tells it.

    Args:
        out_size: The number of outputs.
        nobias: Whether to do without the bias.
        dtype: The dtype of the parameters.
        in_size: The number of inputs, or None.
        initializer: What the weights start as (see `dezero_nn.initializers`). Default:
            `LeCunNormal`.

    Attributes:
        W: The weights, of shape (in_size, out_size).
        b: The bias, of shape (out_size,), or None.
        in_size: As given, or as the first input had it.
        out_size: As given, and so are `nobias`, `dtype` and `initializer`.

    Raises:
        TypeError: A size is no integer, or `dtype` is no floating-point type.
        ValueError: A size is less than 1. When called: the input has not `in_size` features.

    Example:
        >>> import numpy as np
        >>> layer = Linear(3)
        >>> y = layer(np.zeros((5, 2), dtype=np.float32))
        >>> y.shape, y.dtype, layer.W.shape
        ((5, 3), dtype('float32'), (2, 3))

    Deep Learning from Scratch 3, step 44.
    """

    def __init__(
        self,
        out_size: int,
        nobias: bool = False,
        dtype: DTypeLike = np.float32,
        in_size: int | None = None,
        *,
        initializer: Initializer | None = None,
    ) -> None:
        self.dtype = np.dtype(dtype)
        if self.dtype.kind != "f":
            raise TypeError(f"Linear: dtype must be a floating-point type, got {self.dtype}")
        self.out_size = _check_size("out_size", out_size)
        self.in_size = None if in_size is None else _check_size("in_size", in_size)
        self.nobias = bool(nobias)
        self.initializer = initializer
        self.W = Parameter(None, name="W")
        if self.in_size is not None:
            self.W.data = self._draw(self.in_size, None)
        self.b = None if nobias else Parameter(np.zeros(self.out_size, self.dtype), name="b")

    def lazy_spec(self, attribute: str) -> tuple[tuple[int | None, ...], DTypeLike] | None:
        """Say what the weights will be (see `Layer.lazy_spec`)."""
        return ((self.in_size, self.out_size), self.dtype) if attribute == "W" else None

    def forward(self, x: ArrayLike, activation: Callable[[Any], Any] | None = None) -> Variable:
        """Compute x W + b.

        Args:
            x: Of shape (N, in_size), or (..., in_size).
            activation: A function of the result, as for `dezero_nn.linear`, or None.

        Returns:
            A Variable of shape (N, out_size), or (..., out_size).
        """
        if self.W.data is None:
            self._start(x)
        return linear(x, self.W, self.b, activation)

    def _start(self, x: ArrayLike) -> None:
        """Draw the weights for a first input, on its device."""
        shape = getattr(x, "shape", ())
        if not shape:
            raise TypeError(
                f"Linear: the input is an array of shape (..., in_size), not {describe(x)}"
            )
        self.in_size = _check_size("in_size", shape[-1])
        self.W.data = self._draw(self.in_size, x)

    def _draw(self, in_size: int, like: ArrayLike | None) -> Array:
        out_size = self.out_size
        return initialize(
            self.initializer or LeCunNormal(),
            (in_size, out_size),
            self.dtype,
            fan_in=in_size,
            fan_out=out_size,
            like=like,
        )


def are_joined(layer: Any, activation: Any, x: ArrayLike) -> bool:
    """Tell whether ``layer(x, activation)`` is one operation, for ``activation(layer(x))``."""
    return type(layer) is Linear and joined_name(activation, x) is not None


def then(layer: Any, activation: Callable[[Any], Any], x: ArrayLike) -> Any:
    """Compute ``activation(layer(x))``, as one operation where that can be."""
    return layer(x, activation) if are_joined(layer, activation, x) else activation(layer(x))


def _check_size(name: str, size: int) -> int:
    try:
        number = index(size)
    except TypeError:
        raise TypeError(f"Linear: {name} must be an integer, got {size!r}") from None
    if number < 1:
        raise ValueError(f"Linear: {name} must be at least 1, got {number}")
    return number
