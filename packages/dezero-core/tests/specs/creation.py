"""Constants after the pattern of an array, and changes of dtype."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from dezero_core import functions as F
from dezero_core.testing.specs import OperationSpec, Sampler, integers, normal


def _constant(
    name: str, settings: str, function: Callable[[Any, Any], Any], make: Sampler, **more: Any
) -> OperationSpec:
    return OperationSpec(
        name=f"{name}[{settings}]",
        function=lambda x: function(F, x),
        operands=(make,),
        reference=lambda x: function(np, x),
        differentiable=(),
        **more,
    )


SPECS: list[OperationSpec] = [
    _constant("zeros_like", "(2, 3)", lambda xp, x: xp.zeros_like(x), normal(2, 3)),
    _constant("zeros_like", "()", lambda xp, x: xp.zeros_like(x), normal()),
    _constant("zeros_like", "shape", lambda xp, x: xp.zeros_like(x, shape=(4, 0)), normal(2)),
    _constant("zeros_like", "dtype", lambda xp, x: xp.zeros_like(x, np.int64), normal(2)),
    _constant("ones_like", "(2, 3)", lambda xp, x: xp.ones_like(x), normal(2, 3)),
    _constant("ones_like", "shape", lambda xp, x: xp.ones_like(x, shape=(4,)), normal(2)),
    _constant("ones_like", "integers", lambda xp, x: xp.ones_like(x), integers(0, 9, 2)),
    _constant("full_like", "(2, 3)", lambda xp, x: xp.full_like(x, 2.5), normal(2, 3)),
    _constant("full_like", "shape", lambda xp, x: xp.full_like(x, 7, shape=(4,)), normal(2)),
    OperationSpec(
        name="astype[float64]",
        function=lambda x: F.astype(x, np.float64),
        operands=(normal(2, 3),),
        reference=lambda x: x.astype(np.float64),
        float32=False,
    ),
    OperationSpec(
        name="astype[integers]",
        function=lambda x: F.astype(x, np.int32),
        operands=(normal(2, 3),),
        reference=lambda x: x.astype(np.int32),
        differentiable=(),
    ),
]
