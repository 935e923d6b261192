"""Attention: means of values, weighted by how well their keys fit a query."""

from __future__ import annotations

from math import sqrt
from typing import Any

import numpy as np

from dezero_core import Variable
from dezero_core import functions as F
from dezero_core.errors import describe
from dezero_core.primitive import primitive
from dezero_core.products import matmul
from dezero_core.typing import Array, ArrayLike

__all__ = ["scaled_dot_product_attention"]


# A rule of its own: composed, scores, masked scores and exponentials would be an array each, of
# the size L S. Here they are one, which the rule needs as well, and nothing else of that size is
# kept. Where a mask leaves a query no key, the weights are 0, not 0 / 0.
@primitive(autocast="half")
def _weights(xp: Any, q: Array, k: Array, mask: Array | None, *, scale: float, causal: bool) -> Any:
    y = matmul(xp, (q * scale).astype(q.dtype, copy=False), xp.swapaxes(k, -1, -2))
    n, m = y.shape[-2:]
    # Half precision is enough for products, and for the weights, but not for what lies between.
    dtype = xp.result_type(q.dtype, k.dtype)
    if dtype.itemsize < 4:
        y = y.astype(np.float32, copy=False)
    if mask is not None:
        _check_mask(mask, y)
        y = xp.where(mask, y, -xp.inf) if mask.dtype.kind == "b" else y + mask
    if causal:
        seen = xp.tril(xp.ones((n, m), dtype=bool), m - n)
        y = xp.where(seen, y, -xp.inf)
    largest = y.max(axis=-1, keepdims=True) if m else xp.zeros((*y.shape[:-1], 1), y.dtype)
    y -= xp.where(xp.isfinite(largest), largest, 0)
    xp.exp(y, out=y)
    total = y.sum(axis=-1, keepdims=True)
    y /= xp.where(total == 0, 1, total)
    return y.astype(dtype) if dtype.itemsize < 4 else y


def _check_mask(mask: Array, scores: Array) -> None:
    if mask.dtype.kind not in "bfV":
        raise TypeError(
            f"mask is of booleans, True where a query may see a key, or of floating-point numbers "
            f"to add to the scores, not {describe(mask)}"
        )
    shape = (1,) * (scores.ndim - mask.ndim) + mask.shape
    if mask.ndim > scores.ndim or any(
        a not in (1, b) for a, b in zip(shape, scores.shape, strict=True)
    ):
        raise ValueError(
            f"mask must broadcast to the shape of the scores, {list(scores.shape)}, got "
            f"{describe(mask)}"
        )


def _weights_back(xp: Any, gy: Any, needs: Any, q: Any, k: Any, y: Any, scale: float) -> list[Any]:
    g = gy * y
    g = g - y * g.sum(axis=-1, keepdims=True)
    return [
        matmul(xp, g, k) * scale if needs[0] else None,
        matmul(xp, xp.swapaxes(g, -1, -2), q) * scale if needs[1] else None,
        g if needs[2] else None,
    ]


_weights.defvjp_joint(_weights_back)


def scaled_dot_product_attention(
    q: ArrayLike,
    k: ArrayLike,
    v: ArrayLike,
    mask: ArrayLike | None = None,
    causal: bool = False,
) -> Variable:
    r"""Attention, :math:`\mathrm{softmax}(q k^\mathsf{T} / \sqrt{D} + m)\, v`.

    Args:
        q: Queries, of shape (..., L, D).
        k: Keys, of shape (..., S, D).
        v: Values, of shape (..., S, E).
        mask: Which keys a query sees: booleans, True for those it does, or numbers m that are added
            to the scores. It broadcasts to (..., L, S). A query that sees no key gets zeros.
        causal: Whether queries see no later keys. The last query is in the place of the last key:
            query i sees the keys up to i + S - L.

    Returns:
        A Variable of shape (..., L, E).

    Raises:
        TypeError: `mask` is of neither kind.
        ValueError: Shapes do not fit.

    Example:
        >>> import numpy as np
        >>> q, k, v = np.zeros((2, 4)), np.zeros((2, 4)), np.array([[1.0], [3.0]])
        >>> scaled_dot_product_attention(q, k, v)
        variable([[2.]
                  [2.]])
        >>> scaled_dot_product_attention(q, k, v, causal=True)
        variable([[1.]
                  [2.]])

    A. Vaswani et al., "Attention Is All You Need", 2017.
    """
    for name, x in (("q", q), ("k", k), ("v", v)):
        if len(getattr(x, "shape", ())) < 2:
            raise ValueError(
                f"scaled_dot_product_attention: {name} has the shape (..., length, size), not "
                f"{describe(x)}"
            )
    if q.shape[-1] != k.shape[-1] or k.shape[-2] != v.shape[-2]:
        raise ValueError(
            "scaled_dot_product_attention: queries and keys must agree in their last axis, and "
            f"keys and values in the one before, got q: {describe(q)}, k: {describe(k)}, "
            f"v: {describe(v)}"
        )
    weights = _weights(q, k, mask, scale=1 / sqrt(q.shape[-1] or 1), causal=bool(causal))
    return F.matmul(weights, v)
