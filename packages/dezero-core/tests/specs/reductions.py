"""Sums, means, variances and products over axes."""

from __future__ import annotations

from typing import Any

import numpy as np

from dezero_core import functions as F
from dezero_core.testing.specs import OperationSpec, constant, normal

_AXES: tuple[Any, ...] = (None, 0, -1, (0, 2), (2, -3, 1))


def _row(name: str, shape: tuple[int, ...], **kwargs: Any) -> Any:
    function = getattr(F, name)
    reference = np.mean if name == "average" else getattr(np, name)
    return OperationSpec(
        name=f"{name}[{shape}, {kwargs}]",
        function=lambda x: function(x, **kwargs),
        operands=(normal(*shape),),
        reference=lambda x: reference(x, **kwargs),
    )


def _prod_of(name: str, values: list[Any], **kwargs: Any) -> Any:
    return OperationSpec(
        name=f"prod[{name}]",
        function=lambda x: F.prod(x, **kwargs),
        operands=(constant(np.array(values)),),
        reference=lambda x: np.prod(x, **kwargs),
    )


SPECS = [
    *[
        _row(name, (2, 3, 2), axis=axis, keepdims=keepdims)
        for name in ("sum", "mean", "var", "std", "prod")
        for axis in _AXES
        for keepdims in (False, True)
    ],
    *[_row(name, ()) for name in ("sum", "mean", "prod")],
    *[_row(name, (2, 3), axis=()) for name in ("sum", "mean", "prod")],
    *[_row(name, (0, 3), axis=0) for name in ("sum", "prod")],
    _row("average", (2, 3), axis=1),
    _row("var", (4, 3), axis=0, ddof=1),
    _row("std", (4, 3), axis=0, ddof=1),
    _row("cumsum", (2, 3)),
    _row("cumsum", (2, 3), axis=0),
    _row("cumsum", (2, 3, 2), axis=-2),
    _row("cumsum", ()),
    *[_row("prod", (n,)) for n in range(1, 10)],
    _prod_of("a zero", [2.0, 0.0, 3.0, 0.5, -1.0]),
    _prod_of("two zeros", [0.0, 2.0, 3.0, 0.0]),
    _prod_of("three zeros", [0.0, 2.0, 0.0, 0.0]),
    _prod_of("zeros in rows", [[0.0, 2.0, 3.0], [0.0, 0.0, 4.0], [1.0, 2.0, 0.5]], axis=1),
]
