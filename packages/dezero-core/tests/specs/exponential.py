"""Exponentials and logarithms."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from dezero_core import functions as F
from dezero_core.testing.specs import OperationSpec, Sampler, constant, normal, positive, uniform


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


def _logaddexp(settings: str, x0: Sampler, x1: Sampler) -> OperationSpec:
    return OperationSpec(
        name=f"logaddexp[{settings}]",
        function=F.logaddexp,
        operands=(x0, x1),
        reference=np.logaddexp,
        differentiable=(0, 1),
    )


SPECS: list[OperationSpec] = [
    *_rows("exp", normal),
    *_rows("exp2", normal),
    *_rows("expm1", normal),
    *_rows("log", positive),
    *_rows("log2", positive),
    *_rows("log10", positive),
    *_rows("log1p", lambda *shape: uniform(-0.7, 2.0, *shape)),
    _logaddexp("(2, 3), (3,)", normal(2, 3), normal(3)),
    _logaddexp("(), ()", normal(), normal()),
    _logaddexp("(0,), ()", normal(0), normal()),
    _logaddexp("far apart", constant([500.0, -800.0, 0.0]), constant([-500.0, 800.0, 30.0])),
]
