"""Sums, products, quotients, powers and roots."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from dezero_core import as_variable
from dezero_core import functions as F
from dezero_core.testing.specs import (
    OperationSpec,
    Sampler,
    away_from,
    constant,
    integers,
    normal,
    positive,
    uniform,
)

Make = Callable[..., Sampler]


def _unary(name: str, make: Make, differentiable: tuple[int, ...] = (0,)) -> list[OperationSpec]:
    function, reference = getattr(F, name), getattr(np, name)
    return [
        OperationSpec(
            name=name if shape == (2, 3) else f"{name}[{shape}]",
            function=function,
            operands=(make(*shape),),
            reference=reference,
            differentiable=differentiable,
        )
        for shape in [(2, 3), (), (0, 3)]
    ]


def _binary(
    name: str, make0: Make, make1: Make, differentiable: tuple[int, ...] = (0, 1)
) -> list[OperationSpec]:
    function, reference = getattr(F, name), getattr(np, name)
    shapes: list[tuple[tuple[int, ...], tuple[int, ...]]] = [
        ((2, 3), (2, 3)),
        ((2, 3), (3,)),
        ((2, 1), (1, 3)),
        ((), (3,)),
        ((), ()),
        ((0, 3), (3,)),
    ]
    return [
        OperationSpec(
            name=f"{name}[{a}, {b}]",
            function=function,
            operands=(make0(*a), make1(*b)),
            reference=reference,
            differentiable=differentiable,
        )
        for a, b in shapes
    ]


def _one(
    name: str, settings: str, function: Callable[..., Any], *operands: Sampler, **more: Any
) -> OperationSpec:
    """A row for an expression that means the same to Variables and to arrays."""
    return OperationSpec(
        name=f"{name}[{settings}]",
        function=lambda *operands: function(*map(as_variable, operands)),
        operands=operands,
        reference=function,
        **more,
    )


def _non_zero(*shape: int) -> Sampler:
    return away_from(0.0, *shape)


def _quotients(*shape: int) -> Sampler:
    # Divided by 0.7 to 0.9 they stay away from integers, where the remainder jumps.
    return lambda rng: np.asarray(rng.integers(-3, 4, size=shape) + rng.uniform(0.25, 0.45, shape))


def _ones(*shape: int) -> Sampler:
    return uniform(0.98, 1.02, *shape)


_EXPONENTS = [0, 1, 2, 3, 4, 5, -1, -2, -3, 2.0, 3.0, 0.5, 1.5, 2.5, -0.5, -1.5]

SPECS: list[OperationSpec] = [
    *_binary("add", normal, normal),
    *_binary("subtract", normal, normal),
    *_binary("multiply", normal, normal),
    *_binary("divide", normal, _non_zero),
    *_binary("power", positive, normal),
    *_binary("remainder", _quotients, _ones),
    *_binary("floor_divide", _quotients, _ones, differentiable=()),
    *_unary("negative", normal),
    *_unary("positive", normal),
    *_unary("absolute", _non_zero),
    *_unary("abs", _non_zero),
    *_unary("sign", _non_zero, differentiable=()),
    *_unary("square", normal),
    *_unary("sqrt", positive),
    *_unary("cbrt", _non_zero),
    *_unary("reciprocal", _non_zero),
    *[_one("power", f"x**{c!r}", lambda x, c=c: x**c, positive(2, 3)) for c in _EXPONENTS],
    _one("power", "(), x**3", lambda x: x**3, normal()),
    _one("power", "(0, 2), x**3", lambda x: x**3, normal(0, 2)),
    *[
        _one("power", f"negative x**{c!r}", lambda x, c=c: x**c, uniform(-2.0, -0.5, 2, 3))
        for c in [0, 1, 2, 3, -1, -2, 4.0]
    ],
    # NumPy makes float64 of float32 and int64.
    _one(
        "power",
        "array of integers",
        lambda x, n: x**n,
        _non_zero(2, 3),
        integers(-3, 4, 3),
        float32=False,
    ),
    _one("power", "2**x", lambda x: 2**x, normal(2, 3)),
    _one("power", "0.5**x", lambda x: 0.5**x, normal(2, 3)),
    _one("add", "x + x", lambda x: x + x, normal(3)),
    _one("add", "x + 1", lambda x: x + 1, normal(2, 3)),
    _one("subtract", "1 - x", lambda x: 1 - x, normal(2, 3)),
    _one("multiply", "x * x", lambda x: x * x, normal(3)),
    _one("multiply", "2.0 * x", lambda x: 2.0 * x, normal(2, 3)),
    _one("divide", "1 / x", lambda x: 1 / x, _non_zero(2, 3)),
    _one("divide", "x / 3", lambda x: x / 3, normal(2, 3)),
    _one("remainder", "x % 2", lambda x: x % 2, constant([-3.5, -0.5, 0.5, 5.5])),
    _one(
        "multiply",
        "array of integers",
        lambda x, n: x * n,
        normal(2, 3),
        integers(-3, 4, 3),
        float32=False,
    ),
]
