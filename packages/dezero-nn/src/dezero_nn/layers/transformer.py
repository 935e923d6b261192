"""The block of which transformers are built."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from dezero_core import Variable
from dezero_core.typing import ArrayLike, DTypeLike
from dezero_nn.functions import gelu
from dezero_nn.layers.attention import MultiHeadAttention
from dezero_nn.layers.dropout import Dropout
from dezero_nn.layers.layer import Layer
from dezero_nn.layers.linear import Linear, then
from dezero_nn.layers.normalization import LayerNorm

__all__ = ["TransformerBlock"]


class TransformerBlock(Layer):
    r"""Self-attention, then two fully connected layers at each position, added to what came in.

    .. math:: x' = x + \mathrm{attention}(\mathrm{norm}_1(x)), \quad
        y = x' + \phi(\mathrm{norm}_2(x') W_1 + b_1) W_2 + b_2

    What is added is normalized first (pre-norm), so that deep stacks learn from the start. After
    the last block a `LayerNorm` is usual.

    Args:
        size: The number of features D.
        heads: The number of heads.
        hidden_size: The number of hidden units; None for 4 D.
        causal: Whether no position sees a later one.
        dropout_ratio: What fraction of both additions is left out in training.
        activation: The function between the two layers.
        dtype: The dtype of the parameters.

    Attributes:
        norm1: The first `LayerNorm`, and `norm2` the second one.
        attention: The `MultiHeadAttention`.
        fc1: The first `Linear`, and `fc2` the second one.
        dropout: The `Dropout`.

    Raises:
        TypeError: A size is no integer.
        ValueError: `size` is no multiple of `heads`. When called: shapes do not fit.

    Example:
        >>> import numpy as np
        >>> from dezero_nn import Sequential
        >>> model = Sequential(*[TransformerBlock(8, heads=2, causal=True) for _ in range(2)])
        >>> model(np.ones((5, 3, 8), np.float32)).shape
        (5, 3, 8)

    A. Vaswani et al., "Attention Is All You Need", 2017; R. Xiong et al., "On Layer Normalization
    in the Transformer Architecture", 2020.
    """

    def __init__(
        self,
        size: int,
        heads: int,
        hidden_size: int | None = None,
        *,
        causal: bool = False,
        dropout_ratio: float = 0.0,
        activation: Callable[[Any], Any] = gelu,
        dtype: DTypeLike = np.float32,
    ) -> None:
        self.size, self.heads, self.causal = size, heads, causal
        self.hidden_size = 4 * size if hidden_size is None else hidden_size
        self.norm1 = LayerNorm(dtype=dtype, size=size)
        self.attention = MultiHeadAttention(size, heads, dtype=dtype, in_size=size)
        self.norm2 = LayerNorm(dtype=dtype, size=size)
        self.fc1 = Linear(self.hidden_size, dtype=dtype, in_size=size)
        self.fc2 = Linear(size, dtype=dtype, in_size=self.hidden_size)
        self.dropout = Dropout(dropout_ratio)
        self.dropout_ratio = dropout_ratio
        self.activation = activation

    def forward(self, x: ArrayLike, mask: ArrayLike | None = None) -> Variable:
        """Compute the block.

        Args:
            x: Of shape (N, T, D).
            mask: Which positions are seen (see `MultiHeadAttention`).

        Returns:
            A Variable of shape (N, T, D).
        """
        y = self.attention(self.norm1(x), mask=mask, causal=self.causal)
        x = x + self.dropout(y)
        y = self.fc2(then(self.fc1, self.activation, self.norm2(x)))
        total: Variable = x + self.dropout(y)
        return total
