"""The same elements in another shape."""

from __future__ import annotations

from typing import Any

import numpy as np

from dezero_core import functions as F
from dezero_core.testing.specs import OperationSpec, normal


def _row(name: str, settings: str, shape: tuple[int, ...], *args: Any, **kwargs: Any) -> Any:
    function, reference = getattr(F, name), getattr(np, name)
    return OperationSpec(
        name=f"{name}[{settings}]",
        function=lambda x: function(x, *args, **kwargs),
        operands=(normal(*shape),),
        reference=lambda x: reference(x, *args, **kwargs),
    )


SPECS = [
    _row("reshape", "tuple", (2, 3), (3, 2)),
    _row("reshape", "-1", (2, 3, 4), (4, -1)),
    _row("reshape", "0-d", (), (1, 1)),
    _row("reshape", "to 0-d", (1, 1), ()),
    _row("reshape", "empty", (0, 3), (3, 0)),
    _row("ravel", "", (2, 3)),
    OperationSpec(
        name="flatten",
        function=F.flatten,
        operands=(normal(2, 3, 4),),
        reference=lambda x: x.reshape(2, 12),
    ),
    _row("transpose", "", (2, 3, 4)),
    _row("transpose", "(1, 0, 2)", (2, 3, 4), (1, 0, 2)),
    _row("transpose", "cycle, negative", (2, 3, 4), (-1, 0, 1)),
    _row("swapaxes", "", (2, 3, 4), 0, -1),
    _row("moveaxis", "int", (2, 3, 4), 0, -1),
    _row("moveaxis", "several", (2, 3, 4, 1), (0, 1), (-1, 0)),
    _row("expand_dims", "int", (2, 3), -1),
    _row("expand_dims", "several", (2, 3), (0, -2)),
    _row("squeeze", "", (1, 3, 1)),
    _row("squeeze", "int", (1, 3, 1), -1),
    _row("squeeze", "several", (1, 3, 1), (0, 2)),
]
