"""Attention against the formula in NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np

from dezero_core.testing.specs import OperationSpec, constant, normal
from dezero_nn.functions import scaled_dot_product_attention

SEEN = np.array([[True, False, True, True, False], [False] * 5, [True, True, True, True, True]])


def attention(q: Any, k: Any, v: Any, mask: Any = None, causal: bool = False) -> Any:
    scores = q @ np.swapaxes(k, -1, -2) / np.sqrt(q.shape[-1])
    n, m = scores.shape[-2:]
    seen = np.tril(np.ones((n, m), bool), m - n) if causal else np.ones((n, m), bool)
    if mask is not None and mask.dtype == bool:
        seen = seen & mask
    elif mask is not None:
        scores = scores + mask
    weights = np.exp(scores) * seen
    total = weights.sum(axis=-1, keepdims=True)
    return np.divide(weights, total, out=np.zeros_like(weights), where=total > 0) @ v


def _row(case: str, *operands: Any, causal: bool = False, **more: Any) -> OperationSpec:
    name = "scaled_dot_product_attention"
    settings = {"causal": True} if causal else {}
    return OperationSpec(
        f"{name}[{case}]" if case else name,
        lambda *arrays: scaled_dot_product_attention(*arrays, **settings),
        operands,
        lambda *arrays: attention(*arrays, **settings),
        **{"differentiable": (0, 1, 2), **more},
    )


SPECS = [
    _row("", normal(3, 4), normal(5, 4), normal(5, 2)),
    _row("heads", normal(2, 2, 3, 4), normal(2, 2, 5, 4), normal(2, 2, 5, 3)),
    _row("shared keys", normal(2, 3, 4), normal(5, 4), normal(5, 3)),
    _row("mask", normal(2, 3, 4), normal(2, 5, 4), normal(2, 5, 3), constant(SEEN)),
    _row(
        "additive mask",
        normal(2, 3, 4),
        normal(2, 5, 4),
        normal(2, 5, 3),
        normal(3, 5),
        differentiable=(0, 1, 2, 3),
    ),
    _row("causal", normal(2, 4, 3), normal(2, 4, 3), normal(2, 4, 3), causal=True),
    _row("causal, earlier keys", normal(2, 3), normal(5, 3), normal(5, 2), causal=True),
    _row("causal, fewer keys", normal(4, 3), normal(2, 3), normal(2, 2), causal=True),
    _row("causal and mask", normal(3, 4), normal(5, 4), normal(5, 2), constant(SEEN), causal=True),
    _row("no keys", normal(3, 4), normal(0, 4), normal(0, 2)),
    _row("empty batch", normal(0, 3, 4), normal(0, 5, 4), normal(0, 5, 2)),
    _row("third derivative", normal(2, 2), normal(2, 2), normal(2, 1), order=3),
]
