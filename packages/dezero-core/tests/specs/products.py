"""Products that sum over axes."""

from __future__ import annotations

from typing import Any

import numpy as np

from dezero_core import functions as F
from dezero_core.testing.specs import OperationSpec, normal


def _row(name: str, settings: str, shapes: tuple[tuple[int, ...], ...], **kwargs: Any) -> Any:
    function, reference = getattr(F, name), getattr(np, name)
    return OperationSpec(
        name=f"{name}[{settings}]",
        function=lambda *operands: function(*operands, **kwargs),
        operands=tuple(normal(*shape) for shape in shapes),
        reference=lambda *operands: reference(*operands, **kwargs),
        differentiable=tuple(range(len(shapes))),
    )


def _einsum(subscripts: str, *shapes: tuple[int, ...], optimize: Any = True) -> Any:
    return OperationSpec(
        name=f"einsum[{subscripts}, {optimize}, {shapes}]",
        function=lambda *operands: F.einsum(subscripts, *operands, optimize=optimize),
        operands=tuple(normal(*shape) for shape in shapes),
        reference=lambda *operands: np.einsum(subscripts, *operands),
        differentiable=tuple(range(len(shapes))),
    )


MATMUL = [
    ((2, 3), (3, 4)),
    ((3,), (3,)),
    ((3,), (3, 4)),
    ((2, 3), (3,)),
    ((3,), (5, 3, 4)),
    ((5, 2, 3), (3,)),
    ((5, 2, 3), (3, 4)),
    ((2, 3), (5, 3, 4)),
    ((5, 2, 3), (5, 3, 4)),
    ((5, 1, 2, 3), (4, 3, 2)),
    ((1, 2, 3), (5, 3, 4)),
    ((2, 5, 2, 3), (1, 1, 3, 4)),
    ((0, 3), (3, 4)),
    ((2, 0), (0, 4)),
    ((4, 0, 3), (3, 2)),
    ((1, 1), (1, 1)),
]

SPECS: list[OperationSpec] = [
    *[_row("matmul", f"{a}, {b}", (a, b)) for a, b in MATMUL],
    _row("dot", "vectors", ((3,), (3,))),
    _row("dot", "matrices", ((2, 3), (3, 4))),
    _row("dot", "number", ((), (3, 4))),
    _row("dot", "matrix, vector", ((5, 2, 3), (3,))),
    _row("dot", "stacks", ((5, 2, 3), (4, 3, 2))),
    _row("dot", "vector, stack", ((3,), (4, 3, 2))),
    _row("outer", "vectors", ((3,), (4,))),
    _row("outer", "matrices", ((2, 3), (1, 2))),
    _row("outer", "number", ((), (2,))),
    _row("tensordot", "2", ((2, 3, 4), (3, 4, 5))),
    _row("tensordot", "0", ((2, 3), (4,)), axes=0),
    _row("tensordot", "1", ((2, 3), (3, 4)), axes=1),
    _row("tensordot", "pairs", ((4, 2, 3), (3, 5, 4)), axes=((0, 2), (2, 0))),
    _row("tensordot", "crossed", ((4, 2, 3), (5, 4, 3, 2)), axes=((1, 0), (3, 1))),
    _row("tensordot", "negative", ((2, 3), (4, 3)), axes=(-1, -1)),
    _row("tensordot", "all", ((2, 3), (3, 2)), axes=((0, 1), (1, 0))),
    _row("tensordot", "numbers", ((), (2,)), axes=0),
    _row("tensordot", "none", ((2, 0), (0, 3)), axes=1),
    _einsum("ij->ji", (2, 3)),
    _einsum("ij->", (2, 3)),
    _einsum("ij->j", (2, 3)),
    _einsum("ij", (2, 3)),
    _einsum("ba", (2, 3)),
    _einsum("ii", (3, 3)),
    _einsum("ii->i", (3, 3)),
    _einsum("iji->j", (3, 2, 3)),
    _einsum("iii->i", (2, 2, 2)),
    _einsum("...ii->...i", (2, 3, 3)),
    _einsum("i...->...", (2, 3, 2)),
    _einsum("ij,jk->ik", (2, 3), (3, 4)),
    _einsum("ij,jk", (2, 3), (3, 4)),
    _einsum("bij,bjk->bik", (2, 3, 4), (2, 4, 2)),
    _einsum("...ij,...jk->...ik", (5, 2, 3), (4, 1, 3, 2)),
    _einsum("...ij,jk->...ik", (2, 2, 3), (3, 4)),
    _einsum("a...,...b", (2, 3), (3, 4)),
    _einsum("i,i", (3,), (3,)),
    _einsum("i,j->ij", (3,), (2,)),
    _einsum("i,i->i", (1,), (3,)),
    _einsum("ij,j->i", (2, 1), (3,)),
    _einsum("ij,k->i", (2, 3), (4,)),
    _einsum("ii,i->i", (3, 3), (3,)),
    _einsum("ii,jj->ij", (2, 2), (3, 3)),
    _einsum("ii,i->i", (1, 1), (3,)),
    _einsum(" i , ij , j -> ", (2,), (2, 3), (3,)),
    _einsum("ij,jk,kl->il", (2, 3), (3, 4), (4, 2), optimize="optimal"),
    _einsum("ij,jk,kl->il", (2, 3), (3, 4), (4, 2), optimize=False),
    _einsum("ij,jk,ki->", (2, 3), (3, 4), (4, 2), optimize=["einsum_path", (1, 2), (0, 1)]),
    _einsum(",i->i", (), (3,)),
    _einsum("i,i,i,i->", (2,), (2,), (2,), (2,)),
    _einsum("ij,jk->ik", (2, 0), (0, 3)),
]
