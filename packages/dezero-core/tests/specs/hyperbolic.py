"""Hyperbolic functions and their inverses."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from dezero_core import functions as F
from dezero_core.testing.specs import OperationSpec, Sampler, normal, uniform


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


SPECS: list[OperationSpec] = [
    *_rows("sinh", normal),
    *_rows("cosh", normal),
    *_rows("tanh", normal),
    *_rows("arcsinh", normal),
    *_rows("arccosh", lambda *shape: uniform(1.2, 3.0, *shape)),
    *_rows("arctanh", lambda *shape: uniform(-0.9, 0.9, *shape)),
]
