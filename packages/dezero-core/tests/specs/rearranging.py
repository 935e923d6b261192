"""Elements mirrored, shifted, repeated and padded."""

from __future__ import annotations

from typing import Any

import numpy as np

from dezero_core import functions as F
from dezero_core.testing.specs import OperationSpec, normal


def _row(name: str, shape: tuple[int, ...], *args: Any, device: Any = True, **kwargs: Any) -> Any:
    function, reference = getattr(F, name), getattr(np, name)
    return OperationSpec(
        name=f"{name}[{shape}, {args}, {kwargs}]",
        function=lambda x: function(x, *args, **kwargs),
        operands=(normal(*shape),),
        reference=lambda x: reference(x, *args, **kwargs),
        device=device,
    )


SPECS = [
    _row("flip", (2, 3)),
    _row("flip", (2, 3), axis=-1),
    _row("flip", (2, 3, 2), axis=(0, 2)),
    _row("roll", (2, 3), 2),
    _row("roll", (2, 3), -1, axis=1),
    _row("roll", (2, 3, 2), (1, 4), axis=(0, 1)),
    _row("roll", (2, 3, 2), 1, axis=(0, -1)),
    _row("repeat", (2, 3), 2),
    _row("repeat", (2, 3), 3, axis=-1),
    # How often is told on the host, so the places to take from have to move.
    _row("repeat", (2, 3), (1, 0, 2), axis=1, device="moves"),
    _row("tile", (2, 3), 2),
    _row("tile", (2, 3), (2, 1, 3)),
    _row("tile", (2, 1, 3), (2, 2)),
    _row("tile", (), (2, 2)),
    _row("pad", (2, 3), 1),
    _row("pad", (2, 3), (1, 2), constant_values=2.5),
    _row("pad", (2, 3), ((0, 1), (2, 0))),
    _row("pad", (2, 3), ((1, 2), (0, 4)), mode="edge"),
    _row("pad", (2, 3), ((1, 2), (7, 4)), mode="wrap"),
    _row("pad", (2, 3), ((1, 0), (7, 4)), mode="symmetric"),
    _row("pad", (1, 3), ((1, 2), (7, 4)), mode="reflect"),
]
