"""Comparisons, choices and steps."""

from __future__ import annotations

from typing import Any

import numpy as np

from dezero_core import functions as F
from dezero_core.testing.specs import (
    OperationSpec,
    Sampler,
    away_from,
    booleans,
    constant,
    integers,
    normal,
    uniform,
)


def _constant(name: str, *operands: Sampler) -> OperationSpec:
    return OperationSpec(
        name=name,
        function=getattr(F, name),
        operands=operands,
        reference=getattr(np, name),
        differentiable=(),
    )


def _choice(name: str, shape0: tuple[int, ...], shape1: tuple[int, ...]) -> OperationSpec:
    # Samples on different sides of each other, and never close.
    return OperationSpec(
        name=f"{name}[{shape0}, {shape1}]",
        function=getattr(F, name),
        operands=(away_from(0.0, *shape0), uniform(-0.01, 0.01, *shape1)),
        reference=getattr(np, name),
        differentiable=(0, 1),
    )


def _where(settings: str, *operands: Sampler) -> OperationSpec:
    return OperationSpec(
        name=f"where[{settings}]",
        function=F.where,
        operands=operands,
        reference=np.where,
        differentiable=(1, 2),
    )


def _clip(settings: str, *operands: Sampler, bounds: tuple[Any, ...] = ()) -> OperationSpec:
    return OperationSpec(
        name=f"clip[{settings}]",
        function=lambda *operands: F.clip(*operands, *bounds),
        operands=operands,
        reference=lambda *operands: np.clip(*operands, *bounds),
        differentiable=tuple(range(len(operands))),
    )


_X = away_from((-0.5, 0.5), 3, 4)
_SPECIAL = constant([0.0, -1.5, np.inf, -np.inf, np.nan])
_FEW = integers(-2, 3, 2, 3)

SPECS: list[OperationSpec] = [
    *[
        _choice(name, *shapes)
        for name in ["maximum", "minimum"]
        for shapes in [((2, 3), (2, 3)), ((2, 3), (3,)), ((2, 3), ()), ((), ()), ((0, 3), (3,))]
    ],
    _where("(2, 3)", booleans(2, 3), normal(2, 3), normal(2, 3)),
    _where("broadcast", booleans(2, 1), normal(3), normal()),
    _where("integers as truth values", integers(0, 3, 2, 3), normal(2, 3), normal(3)),
    _where("()", booleans(), normal(), normal()),
    _where("(0,)", booleans(0), normal(), normal()),
    _clip("numbers", _X, bounds=(-0.5, 0.5)),
    _clip("x_min", _X, bounds=(-0.5, None)),
    _clip("x_max", _X, bounds=(None, 0.5)),
    _clip("arrays", _X, uniform(-0.51, -0.49, 4), uniform(0.49, 0.51, 3, 1)),
    _clip("crossed", _X, uniform(0.49, 0.51, 4), uniform(-0.51, -0.49, 4)),
    _clip("()", away_from((-0.5, 0.5)), bounds=(-0.5, 0.5)),
    _clip("(0, 3)", normal(0, 3), bounds=(-0.5, 0.5)),
    _constant("equal", _FEW, _FEW),
    _constant("not_equal", _FEW, integers(-2, 3, 3)),
    _constant("less", _FEW, integers(-2, 3, 3)),
    _constant("less_equal", _FEW, integers(-2, 3, 3)),
    _constant("greater", _FEW, integers(-2, 3, 3)),
    _constant("greater_equal", normal(2, 3), normal(3)),
    _constant("isnan", _SPECIAL),
    _constant("isinf", _SPECIAL),
    _constant("isfinite", _SPECIAL),
    _constant("logical_and", booleans(2, 3), booleans(3)),
    _constant("logical_or", booleans(2, 3), booleans(3)),
    _constant("logical_not", booleans(2, 3)),
    _constant("floor", normal(2, 3)),
    _constant("ceil", normal(2, 3)),
    _constant("trunc", normal(2, 3)),
    _constant("round", normal(2, 3)),
    OperationSpec(
        name="round[decimals=1]",
        function=lambda x: F.round(x, 1),
        operands=(normal(2, 3),),
        reference=lambda x: np.round(x, 1),
        differentiable=(),
    ),
]
