"""Arrays put together and taken apart."""

from __future__ import annotations

import numpy as np

from dezero_core import functions as F
from dezero_core.testing.specs import OperationSpec, normal

SPECS = [
    OperationSpec(
        name="concatenate[axis=0]",
        function=lambda *xs: F.concatenate(xs),
        operands=(normal(2, 3), normal(1, 3), normal(4, 3)),
        reference=lambda *xs: np.concatenate(xs),
        differentiable=(0, 1, 2),
    ),
    OperationSpec(
        name="concatenate[axis=-1, a constant between]",
        function=lambda *xs: F.concatenate(xs, axis=-1),
        operands=(normal(2, 3), normal(2, 1), normal(2, 2)),
        reference=lambda *xs: np.concatenate(xs, axis=-1),
        differentiable=(0, 2),
    ),
    OperationSpec(
        name="concatenate[axis=None]",
        function=lambda *xs: F.concatenate(xs, axis=None),
        operands=(normal(2, 3), normal(2)),
        reference=lambda *xs: np.concatenate(xs, axis=None),
        differentiable=(0, 1),
    ),
    OperationSpec(
        name="stack[axis=0]",
        function=lambda *xs: F.stack(xs),
        operands=(normal(2, 3), normal(2, 3)),
        reference=lambda *xs: np.stack(xs),
        differentiable=(0, 1),
    ),
    OperationSpec(
        name="stack[axis=-1]",
        function=lambda *xs: F.stack(xs, axis=-1),
        operands=(normal(2, 3), normal(2, 3), normal(2, 3)),
        reference=lambda *xs: np.stack(xs, axis=-1),
        differentiable=(0, 1, 2),
    ),
    OperationSpec(
        name="stack[0-d]",
        function=lambda *xs: F.stack(xs),
        operands=(normal(), normal()),
        reference=lambda *xs: np.stack(xs),
        differentiable=(0, 1),
    ),
    OperationSpec(
        name="split[sections]",
        function=lambda x: F.split(x, 3),
        operands=(normal(6, 2),),
        reference=lambda x: np.split(x, 3),
    ),
    OperationSpec(
        name="split[indices, axis=-1]",
        function=lambda x: F.split(x, [1, 4, 4], axis=-1),
        operands=(normal(2, 5),),
        reference=lambda x: np.split(x, [1, 4, 4], axis=-1),
    ),
    OperationSpec(
        name="split[a part unused]",
        function=lambda x: F.split(x, 3)[1],
        operands=(normal(6, 2),),
        reference=lambda x: np.split(x, 3)[1],
    ),
]
