"""Multi-head attention."""

from __future__ import annotations

from operator import index

import numpy as np

from dezero_core import Variable
from dezero_core.errors import describe
from dezero_core.typing import ArrayLike, DTypeLike
from dezero_nn.functions.attention import scaled_dot_product_attention
from dezero_nn.layers.layer import Layer
from dezero_nn.layers.linear import Linear

__all__ = ["MultiHeadAttention"]


class MultiHeadAttention(Layer):
    r"""Attention by several heads, each with queries, keys and values of its own.

    .. math:: y = [\mathrm{head}_1, \dots, \mathrm{head}_n]\, W_{out} + b_{out}, \quad
        \mathrm{head}_i = \mathrm{attention}(x W_q^i, z W_k^i, z W_v^i)

    Sequences are batch-first here, (N, T, D): no step waits for another one.

    Args:
        size: The number of outputs D; each head has D / `heads` of them.
        heads: The number of heads.
        dtype: The dtype of the parameters.
        in_size: The number of inputs, of the contexts as well; None to see at the first call.

    Attributes:
        q: The weights and biases for queries, a `Linear`; and so are `k` for keys, `v` for values
            and `out` for the outputs.

    Raises:
        TypeError: A size is no integer, or `dtype` is no floating-point type.
        ValueError: `size` is no multiple of `heads`, or a size is less than 1. When called: shapes
            do not fit.

    Example:
        >>> import numpy as np
        >>> layer = MultiHeadAttention(8, heads=2)
        >>> x, context = np.ones((5, 3, 8), np.float32), np.ones((5, 7, 8), np.float32)
        >>> layer(x, causal=True).shape, layer(x, context).shape
        ((5, 3, 8), (5, 3, 8))

    A. Vaswani et al., "Attention Is All You Need", 2017.
    """

    def __init__(
        self,
        size: int,
        heads: int,
        *,
        dtype: DTypeLike = np.float32,
        in_size: int | None = None,
    ) -> None:
        self.size, self.heads = index(size), index(heads)
        if self.heads < 1 or self.size % self.heads:
            raise ValueError(
                f"MultiHeadAttention: size must be a multiple of heads, got size={size} and "
                f"heads={heads}"
            )
        self.q = Linear(size, dtype=dtype, in_size=in_size)
        self.k = Linear(size, dtype=dtype, in_size=in_size)
        self.v = Linear(size, dtype=dtype, in_size=in_size)
        self.out = Linear(size, dtype=dtype, in_size=size)

    def forward(
        self,
        x: ArrayLike,
        context: ArrayLike | None = None,
        mask: ArrayLike | None = None,
        causal: bool = False,
    ) -> Variable:
        """Let each position look at those of the context.

        Args:
            x: Of shape (N, T, in_size).
            context: What keys and values are made of, of shape (N, S, in_size); None for `x` itself
                (self-attention).
            mask: Which positions are seen, as for `scaled_dot_product_attention`; it broadcasts to
                (N, heads, T, S). For sequences that were padded, the shape is (N, 1, 1, S).
            causal: Whether no position sees a later one.

        Returns:
            A Variable of shape (N, T, D).
        """
        context = x if context is None else context
        for name, z in (("x", x), ("context", context)):
            if len(getattr(z, "shape", ())) != 3:
                raise ValueError(
                    f"MultiHeadAttention: {name} has the shape (N, T, in_size), not {describe(z)}"
                )
        q, k, v = self._split(self.q(x)), self._split(self.k(context)), self._split(self.v(context))
        y = scaled_dot_product_attention(q, k, v, mask, causal)
        n, _, length, _ = y.shape
        joined: Variable = self.out(y.transpose(0, 2, 1, 3).reshape(n, length, self.size))
        return joined

    def _split(self, x: Variable) -> Variable:
        """Return (N, T, D) as (N, heads, T, D / heads)."""
        n, length, _ = x.shape
        return x.reshape(n, length, self.heads, self.size // self.heads).transpose(0, 2, 1, 3)
