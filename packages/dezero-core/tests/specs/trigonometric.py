"""Trigonometric functions and their inverses."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from dezero_core import functions as F
from dezero_core.testing.specs import OperationSpec, Sampler, away_from, normal, uniform


def _rows(name: str, make: Callable[..., Sampler]) -> list[OperationSpec]:
    return [
        OperationSpec(
            name=name if shape == (2, 3) else f"{name}[{shape}]",
            function=getattr(F, name),
            operands=(make(*shape),),
            reference=getattr(np, name),
        )
        for shape in [(2, 3), (), (0, 3)]
    ]


def _inside(*shape: int) -> Sampler:
    return uniform(-0.9, 0.9, *shape)


def _arctan2(shape0: tuple[int, ...], shape1: tuple[int, ...]) -> OperationSpec:
    return OperationSpec(
        name=f"arctan2[{shape0}, {shape1}]",
        function=F.arctan2,
        operands=(away_from(0.0, *shape0), away_from(0.0, *shape1)),
        reference=np.arctan2,
        differentiable=(0, 1),
    )


SPECS: list[OperationSpec] = [
    *_rows("sin", normal),
    *_rows("cos", normal),
    *_rows("tan", lambda *shape: uniform(-1.2, 1.2, *shape)),
    *_rows("arcsin", _inside),
    *_rows("arccos", _inside),
    *_rows("arctan", normal),
    _arctan2((2, 3), (3,)),
    _arctan2((), ()),
    _arctan2((2, 1), (1, 2)),
    _arctan2((0,), ()),
]
