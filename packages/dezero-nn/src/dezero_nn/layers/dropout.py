"""The layer that leaves out elements at random."""

from __future__ import annotations

from typing import Any

from dezero_core import Variable
from dezero_core.typing import ArrayLike
from dezero_nn.functions import dropout
from dezero_nn.layers.layer import Layer

__all__ = ["Dropout"]


class Dropout(Layer):
    """Leave out elements at random in training, `dropout`, and none in test mode.

    Args:
        dropout_ratio: The share that is left out, from 0 to less than 1.
        generator: What to draw from, such as ``numpy.random.default_rng(0)``. None is the global
            generator of the array library.

    Raises:
        ValueError: `dropout_ratio` is not from 0 to less than 1.

    Example:
        >>> import numpy as np
        >>> from dezero_nn import Linear, Sequential, relu
        >>> model = Sequential(Linear(100), relu, Dropout(0.2), Linear(10))
        >>> model(np.zeros((5, 3), dtype=np.float32)).shape
        (5, 10)

    Deep Learning from Scratch 3, step 54.
    """

    def __init__(self, dropout_ratio: float = 0.5, generator: Any = None) -> None:
        if not 0 <= dropout_ratio < 1:
            raise ValueError(
                f"Dropout: dropout_ratio is from 0 to less than 1, got {dropout_ratio}"
            )
        self.dropout_ratio = dropout_ratio
        self.generator = generator

    def forward(self, x: ArrayLike) -> Variable:
        """Leave out elements.

        Args:
            x: Of any shape.

        Returns:
            A Variable of the same shape.
        """
        return dropout(x, self.dropout_ratio, self.generator)
