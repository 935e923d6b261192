"""The multi-layer perceptron."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from dezero_core import Variable
from dezero_core.typing import ArrayLike
from dezero_nn.functions import sigmoid
from dezero_nn.layers import Linear
from dezero_nn.layers.linear import then
from dezero_nn.models.model import Model

__all__ = ["MLP"]


class MLP(Model):
    r"""Multi-layer perceptron: fully connected layers with an activation between them.

    .. math:: h_0 = x, \quad h_{i+1} = \phi(h_i W_i + b_i), \quad y = h_n W_n + b_n

    The layers are the attributes ``l0``, ``l1``, ... The last one's outputs are scores: they go
    through no activation.

    Args:
        fc_output_sizes: The number of outputs of each layer. Inputs are counted at the first call.
        activation: The function between the layers.

    Raises:
        TypeError: `fc_output_sizes` is no sequence of integers.
        ValueError: It is empty, or a size is less than 1.

    Example:
        >>> import numpy as np
        >>> from dezero_nn import relu
        >>> model = MLP((200, 10), activation=relu)
        >>> model(np.zeros((32, 64), dtype=np.float32)).shape
        (32, 10)

    Deep Learning from Scratch 3, step 45.
    """

    def __init__(
        self,
        fc_output_sizes: Iterable[int],
        activation: Callable[[Any], Any] = sigmoid,
    ) -> None:
        if not isinstance(fc_output_sizes, Iterable):
            raise TypeError(f"MLP: fc_output_sizes must be a tuple, got {fc_output_sizes!r}")
        if not callable(activation):
            raise TypeError(f"MLP: activation can not be called, it is {activation!r}")
        self.activation = activation
        self._size = 0
        for i, out_size in enumerate(fc_output_sizes):
            setattr(self, f"l{i}", Linear(out_size))
            self._size += 1
        if not self._size:
            raise ValueError("MLP: fc_output_sizes must name at least one layer")

    def forward(self, x: ArrayLike) -> Variable:
        """Compute the scores.

        Args:
            x: Of shape (N, in_size).

        Returns:
            A Variable of shape (N, out_size of the last layer).
        """
        *inner, last = [getattr(self, f"l{i}") for i in range(self._size)]
        for layer in inner:
            x = then(layer, self.activation, x)
        y: Variable = last(x)
        return y
