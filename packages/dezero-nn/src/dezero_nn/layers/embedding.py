"""The layer that has a vector for each thing."""

from __future__ import annotations

from operator import index

import numpy as np

from dezero_core import Parameter, Variable
from dezero_core.typing import Array, ArrayLike, DTypeLike, Shape
from dezero_nn.functions import embedding
from dezero_nn.initializers import Initializer, initialize
from dezero_nn.layers.layer import Layer

__all__ = ["Embedding"]


class Embedding(Layer):
    r"""A learned vector for each of a number of things, such as words: `embedding`.

    Args:
        in_size: The number of things, V.
        out_size: The length of the vectors, D.
        dtype: The dtype of the vectors.
        initializer: What gives the first vectors (see `dezero_nn.initializers`). Default: the
            standard normal distribution, drawn from NumPy's global generator.

    Attributes:
        W: The vectors, of shape (V, D).

    Raises:
        TypeError: A size is no integer, or `dtype` is no floating-point type. When called: the ids
            are no integers.
        ValueError: A size is less than 1. When called: an id is out of range.

    Example:
        >>> import numpy as np
        >>> layer = Embedding(1000, 8)
        >>> layer(np.array([[1, 2, 3], [3, 2, 1]])).shape
        (2, 3, 8)

    T. Mikolov et al., "Efficient Estimation of Word Representations in Vector Space", 2013. The
    book's package calls it EmbedID.
    """

    def __init__(
        self,
        in_size: int,
        out_size: int,
        dtype: DTypeLike = np.float32,
        *,
        initializer: Initializer | None = None,
    ) -> None:
        self.dtype = np.dtype(dtype)
        if self.dtype.kind != "f":
            raise TypeError(f"Embedding: dtype must be a floating-point type, got {self.dtype}")
        self.in_size = _check_size("in_size", in_size)
        self.out_size = _check_size("out_size", out_size)
        self.initializer = initializer
        # Each output is computed from one input: of all others the factor is 0.
        array = initialize(
            initializer or _standard_normal,
            (self.in_size, self.out_size),
            self.dtype,
            fan_in=1,
            fan_out=self.out_size,
        )
        self.W = Parameter(array, name="W")

    def forward(self, x: ArrayLike) -> Variable:
        """Look up vectors.

        Args:
            x: Ids, integers from 0 to V - 1, of any shape.

        Returns:
            A Variable of shape (..., D).
        """
        return embedding(x, self.W)


def _standard_normal(shape: Shape, dtype: DTypeLike, fan_in: int, fan_out: int) -> Array:
    return np.random.randn(*shape).astype(dtype)


def _check_size(name: str, size: int) -> int:
    try:
        number = index(size)
    except TypeError:
        raise TypeError(f"Embedding: {name} must be an integer, got {size!r}") from None
    if number < 1:
        raise ValueError(f"Embedding: {name} must be at least 1, got {number}")
    return number
