"""The smallest operands, 0-d and empty ones, of operations of all families."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from dezero_core import functions as F
from dezero_core.testing.specs import OperationSpec, Sampler, normal

_EMPTY, _0D = normal(0, 3), normal()


def _row(
    name: str,
    call: Callable[..., Any],
    *operands: Sampler,
    differentiable: tuple[int, ...] | None = None,
) -> OperationSpec:
    """Make a row of a call that reads the same with our functions and with NumPy's."""
    if differentiable is None:
        differentiable = tuple(range(len(operands)))
    shapes = [sampler(np.random.default_rng(0)).shape for sampler in operands]
    return OperationSpec(
        name=f"{name}[smallest: {', '.join(map(str, shapes))}]",
        function=lambda *xs: call(F, *xs),
        operands=operands,
        reference=lambda *xs: call(np, *xs),
        differentiable=differentiable,
    )


def _plain(name: str, *operands: Sampler, **settings: Any) -> OperationSpec:
    return _row(name, lambda xp, *xs: getattr(xp, name)(*xs), *operands, **settings)


_COMPARISONS = ("equal", "not_equal", "less", "less_equal", "greater", "greater_equal")
_STEPS = ("isnan", "isinf", "isfinite", "floor", "ceil", "trunc", "round", "sign")
_WHOLE = ("ravel", "transpose", "flip", "cumsum", "sum", "prod", "squeeze")
_ALONG = ("mean", "var", "std", "max", "min")

SPECS = [
    *[_plain(name, x, x, differentiable=()) for name in _COMPARISONS for x in (_EMPTY, _0D)],
    *[_plain(name, x, differentiable=()) for name in _STEPS for x in (_EMPTY, _0D)],
    *[_plain(name, x) for name in _WHOLE for x in (_EMPTY, _0D)],
    *[_plain(name, _0D) for name in ("mean", "var", "std", "max", "min", "average")],
    *[_row(name, lambda xp, x, name=name: getattr(xp, name)(x, axis=1), _EMPTY) for name in _ALONG],
    _row("concatenate", lambda xp, x, y: xp.concatenate([x, y]), _EMPTY, normal(2, 3)),
    *[_row("stack", lambda xp, x, y: xp.stack([x, y]), x, x) for x in (_EMPTY, _0D)],
    _row("split", lambda xp, x: xp.split(x, 3, axis=1), _EMPTY),
    *[_row("roll", lambda xp, x: xp.roll(x, 1), x) for x in (_EMPTY, _0D)],
    *[_row("repeat", lambda xp, x: xp.repeat(x, 2), x) for x in (_EMPTY, _0D)],
    *[_row("tile", lambda xp, x: xp.tile(x, 2), x) for x in (_EMPTY, _0D)],
    *[_row("pad", lambda xp, x: xp.pad(x, 1), x) for x in (_EMPTY, _0D)],
    *[_row("expand_dims", lambda xp, x: xp.expand_dims(x, 0), x) for x in (_EMPTY, _0D)],
    _row("swapaxes", lambda xp, x: xp.swapaxes(x, 0, 1), _EMPTY),
    _row("moveaxis", lambda xp, x: xp.moveaxis(x, 0, 1), _EMPTY),
    _row("broadcast_to", lambda xp, x: xp.broadcast_to(x, (0, 3)), normal(1, 3)),
    _row("broadcast_to", lambda xp, x: xp.broadcast_to(x, (2, 3)), _0D),
    _row("get_item", lambda xp, x: x[:, 1], _EMPTY),
    _row("get_item", lambda xp, x: x[None], _0D),
    _row("clip", lambda xp, x: xp.clip(x, -1.0, 1.0), _EMPTY),
    _row("maximum", lambda xp, x: xp.maximum(x, 0.0), _0D),
    *[_plain("matmul", normal(*a), normal(*b)) for a, b in [((0, 3), (3, 2)), ((2, 0), (0, 3))]],
    *[_plain("dot", x, y) for x, y in [(_EMPTY, normal(3, 2)), (_0D, _0D)]],
    *[_plain("outer", x, y) for x, y in [(normal(0), normal(2)), (_0D, _0D)]],
    _row("einsum", lambda xp, x, y: xp.einsum("ij,jk", x, y), _EMPTY, normal(3, 2)),
    _row("tensordot", lambda xp, x, y: xp.tensordot(x, y, 1), _EMPTY, normal(3, 2)),
    _row("linalg.norm", lambda xp, x: xp.linalg.norm(x, axis=1), _EMPTY),
    _row("linalg.inv", lambda xp, x: xp.linalg.inv(x), normal(0, 2, 2)),
    _row("linalg.det", lambda xp, x: xp.linalg.det(x), normal(0, 2, 2)),
    _row("linalg.solve", lambda xp, a, b: xp.linalg.solve(a, b), normal(0, 2, 2), normal(0, 2, 1)),
]
