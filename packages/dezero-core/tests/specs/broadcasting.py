"""Broadcasting, and back."""

from __future__ import annotations

import numpy as np

from dezero_core import functions as F
from dezero_core.testing.specs import OperationSpec, normal


def _broadcast_to(settings: str, small: tuple[int, ...], large: tuple[int, ...]) -> OperationSpec:
    return OperationSpec(
        name=f"broadcast_to[{settings}]",
        function=lambda x: F.broadcast_to(x, large),
        operands=(normal(*small),),
        reference=lambda x: np.broadcast_to(x, large),
    )


SPECS = [
    _broadcast_to("leading", (3,), (2, 3)),
    _broadcast_to("ones", (2, 1, 3), (4, 2, 5, 3)),
    _broadcast_to("0-d", (), (2, 3)),
    _broadcast_to("view", (1, 8), (600, 8)),
    OperationSpec(
        name="sum_to[leading]",
        function=lambda x: F.sum_to(x, (3, 4)),
        operands=(normal(2, 3, 4),),
        reference=lambda x: x.sum(axis=0),
    ),
    OperationSpec(
        name="sum_to[ones]",
        function=lambda x: F.sum_to(x, (3, 1)),
        operands=(normal(2, 3, 4),),
        reference=lambda x: x.sum(axis=(0, 2)).reshape(3, 1),
    ),
    OperationSpec(
        name="sum_to[0-d]",
        function=lambda x: F.sum_to(x, ()),
        operands=(normal(2, 3),),
        reference=lambda x: x.sum(),
    ),
    OperationSpec(
        name="sum_to[same]",
        function=lambda x: F.sum_to(x, (2, 3)),
        operands=(normal(2, 3),),
        reference=lambda x: x,
    ),
]
