"""Linear algebra. Matrices are made regular by adding a multiple of the identity."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from dezero_core import functions as F
from dezero_core.testing.specs import OperationSpec, Sampler, away_from, normal


def regular(*shape: int, shift: float = 4.0) -> Sampler:
    sample = normal(*shape)
    return lambda rng: sample(rng) * 0.7 + shift * np.eye(shape[-1])


def _row(
    name: str,
    case: str,
    *operands: Sampler,
    reference: Callable[..., Any] | None = None,
    **kwargs: Any,
) -> OperationSpec:
    function = getattr(F.linalg, name)
    host = reference or getattr(np.linalg, name)
    return OperationSpec(
        name=f"linalg.{name}[{case}]",
        function=lambda *xs: function(*xs, **kwargs),
        operands=operands,
        reference=lambda *xs: host(*xs, **kwargs),
        differentiable=tuple(range(len(operands))),
    )


def _gram(x: Any) -> Any:
    """Return a symmetric matrix: `cholesky` reads only one of its triangles."""
    return x + (x.T if x.ndim == 2 else x.transpose(0, 2, 1))


def _cholesky(case: str, operand: Sampler) -> OperationSpec:
    return OperationSpec(
        name=f"linalg.cholesky[{case}]",
        function=lambda x: F.linalg.cholesky(_gram(x)),
        operands=(operand,),
        reference=lambda x: np.linalg.cholesky(_gram(x)),
    )


def _norm(case: str, operand: Sampler, **kwargs: Any) -> OperationSpec:
    return _row("norm", case, operand, **kwargs)


INF = float("inf")

SPECS: list[OperationSpec] = [
    _row("inv", "matrix", regular(3, 3)),
    _row("inv", "stack", regular(2, 4, 3, 3)),
    _row("inv", "1x1", regular(1, 1)),
    _row("inv", "0x0", regular(0, 0)),
    _row("solve", "vector", regular(3, 3), normal(3)),
    _row("solve", "matrix", regular(3, 3), normal(3, 2)),
    _row("solve", "stack, vector", regular(4, 3, 3), normal(3)),
    _row("solve", "stack, matrix", regular(4, 3, 3), normal(3, 2)),
    _row("solve", "matrix, stack", regular(3, 3), normal(4, 3, 2)),
    _row("solve", "stacks", regular(4, 1, 2, 2), normal(3, 2, 2)),
    _row("det", "matrix", regular(3, 3, shift=2.0)),
    _row("det", "stack", regular(2, 3, 3, shift=2.0)),
    _row("det", "negative", regular(1, 1, shift=-3.0)),
    _row("slogdet", "matrix", regular(3, 3), reference=lambda x: tuple(np.linalg.slogdet(x))),
    _row("slogdet", "stack", regular(2, 3, 3), reference=lambda x: tuple(np.linalg.slogdet(x))),
    _row(
        "slogdet",
        "negative",
        regular(3, 3, shift=-4.0),
        reference=lambda x: tuple(np.linalg.slogdet(x)),
    ),
    _cholesky("matrix", regular(3, 3)),
    _cholesky("stack", regular(2, 3, 3)),
    _cholesky("1x1", regular(1, 1)),
    _norm("vector", normal(4)),
    _norm("matrix", normal(3, 4)),
    _norm("tensor", normal(2, 3, 2)),
    _norm("number", away_from(0.0)),
    _norm("axis=0", normal(3, 4), axis=0),
    _norm("axis=-1, keepdims", normal(2, 3, 4), axis=-1, keepdims=True),
    _norm("keepdims", normal(2, 3), keepdims=True),
    _norm("axis=(0, 2)", normal(2, 3, 4), axis=(0, 2)),
    _norm("fro", normal(3, 4), ord="fro"),
    _norm("fro, axis=(1, 2)", normal(2, 3, 4), ord="fro", axis=(1, 2), keepdims=True),
    _norm("2, axis=1", normal(3, 4), ord=2, axis=1),
    _norm("1", away_from(0.0, 4), ord=1),
    _norm("1, axis=0", away_from(0.0, 3, 4), ord=1, axis=0),
    _norm("inf", away_from(0.0, 4), ord=INF),
    _norm("inf, axis=1", away_from(0.0, 3, 4), ord=INF, axis=1, keepdims=True),
    _norm("-inf, axis=-2", away_from(0.0, 3, 4), ord=-INF, axis=-2),
]
