"""Relatives of relu against the same in NumPy, with math's error function."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from dezero_core.testing.specs import OperationSpec, Sampler, away_from, constant, normal
from dezero_nn import functions as F

KINKED = away_from(0.0, 3, 4)
SMOOTH = normal(3, 4)
FAR = constant([-30.0, -6.0, -0.1, 0.0, 0.3, 5.0, 30.0])

erf = np.vectorize(math.erf, otypes=[float])


def leaky_relu(x: Any, slope: float = 0.2) -> Any:
    return np.where(x > 0, x, slope * x)


def elu(x: Any, alpha: float = 1.0) -> Any:
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))


def softplus(x: Any, beta: float = 1.0) -> Any:
    return np.logaddexp(0, beta * x) / beta


def silu(x: Any) -> Any:
    return x / (1 + np.exp(-x))


def gelu(x: Any) -> Any:
    return x * (1 + erf(x / math.sqrt(2))) / 2


def gelu_by_tanh(x: Any) -> Any:
    return x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))) / 2


def _row(
    case: str, function: Any, operand: Sampler, reference: Any, order: int = 2, **settings: Any
) -> OperationSpec:
    name = function.__name__
    return OperationSpec(
        name=f"{name}[{case}]" if case else name,
        function=lambda x: function(x, **settings),
        operands=(operand,),
        reference=reference,
        order=order,
    )


SPECS = [
    _row("", F.leaky_relu, KINKED, leaky_relu),
    _row("slope=0", F.leaky_relu, KINKED, lambda x: np.maximum(x, 0), slope=0),
    _row("slope=3", F.leaky_relu, KINKED, lambda x: leaky_relu(x, 3.0), slope=3.0),
    _row("0d", F.leaky_relu, constant(-1.5), leaky_relu),
    _row("empty", F.leaky_relu, normal(0, 3), leaky_relu),
    _row("", F.elu, KINKED, elu),
    _row("alpha=0.5", F.elu, KINKED, lambda x: elu(x, 0.5), alpha=0.5),
    _row("0d", F.elu, constant(-1.5), elu),
    _row("empty", F.elu, normal(0, 3), elu),
    _row("", F.softplus, SMOOTH, softplus),
    _row("beta=3", F.softplus, SMOOTH, lambda x: softplus(x, 3.0), beta=3.0),
    _row("0d", F.softplus, constant(-1.5), softplus),
    _row("empty", F.softplus, normal(0, 3), softplus),
    _row("", F.silu, SMOOTH, silu),
    _row("third derivative", F.silu, normal(3), silu, order=3),
    _row("far", F.silu, FAR, silu),
    _row("0d", F.silu, constant(-1.5), silu),
    _row("empty", F.silu, normal(0, 3), silu),
    _row("", F.gelu, SMOOTH, gelu),
    _row("third derivative", F.gelu, normal(3), gelu, order=3),
    _row("far", F.gelu, FAR, gelu),
    _row("0d", F.gelu, constant(-1.5), gelu),
    _row("empty", F.gelu, normal(0, 3), gelu),
    _row("tanh", F.gelu, SMOOTH, gelu_by_tanh, approximate="tanh"),
    _row("tanh far", F.gelu, FAR, gelu_by_tanh, approximate="tanh"),
    _row("tanh 0d", F.gelu, constant(-1.5), gelu_by_tanh, approximate="tanh"),
]
