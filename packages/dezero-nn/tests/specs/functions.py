"""Functions of networks against the same in NumPy."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from dezero_core import functions as CF
from dezero_core.testing.specs import OperationSpec, away_from, constant, integers, normal
from dezero_nn import functions as F
from dezero_nn.functions.connections import _linear_activation

SCORES = normal(5, 4)
LABELS = integers(0, 4, 5)
erf = np.vectorize(math.erf, otypes=[float])


def logistic(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


ACTIVATIONS: dict[str, Any] = {
    "relu": lambda x: np.maximum(x, 0),
    "sigmoid": logistic,
    "tanh": np.tanh,
    "silu": lambda x: x * logistic(x),
    "gelu": lambda x: x * (1 + erf(x / math.sqrt(2))) / 2,
}


def log_softmax(x: Any, axis: int = 1) -> Any:
    return x - np.log(np.exp(x).sum(axis=axis, keepdims=True))


def softmax(x: Any, axis: int = 1) -> Any:
    return np.exp(log_softmax(x, axis))


def squared_error(x0: Any, x1: Any) -> Any:
    return ((x0 - x1) ** 2).sum() / len(x0)


def cross_entropy(x: Any, t: Any) -> Any:
    return -log_softmax(x)[np.arange(len(t)), t].mean()


def affine(x: Any, W: Any, b: Any = 0.0) -> Any:
    return np.matmul(x, W) + b


def _linear(case: str, *operands: Any, function: Any = F.linear) -> OperationSpec:
    return OperationSpec(
        name=f"{function.__name__}[{case}]",
        function=function,
        operands=operands,
        reference=affine,
        differentiable=tuple(range(len(operands))),
    )


def _with_activation(case: str, activation: str, *operands: Any) -> OperationSpec:
    """Return what `F.linear` with an activation is on a GPU."""
    return OperationSpec(
        name=f"linear_activation[{case}]",
        function=lambda x, W, b=None: _linear_activation(x, W, b, activation=activation),
        operands=operands,
        reference=lambda x, W, b=0.0: ACTIVATIONS[activation](affine(x, W, b)),
        differentiable=tuple(range(len(operands))),
    )


def _activated(activation: Any, reference: Any) -> OperationSpec:
    return OperationSpec(
        f"linear[{reference}]",
        lambda x, W, b: F.linear(x, W, b, activation),
        (normal(4, 3), normal(3, 5), normal(5)),
        lambda x, W, b: ACTIVATIONS[reference](affine(x, W, b)),
        differentiable=(0, 1, 2),
    )


SPECS = [
    OperationSpec("relu", F.relu, (away_from(0.0, 3, 4),), lambda x: np.maximum(x, 0)),
    OperationSpec("relu[0d]", F.relu, (constant(1.5),), lambda x: np.maximum(x, 0)),
    OperationSpec("sigmoid", F.sigmoid, (normal(3, 4),), logistic),
    OperationSpec("sigmoid[0d]", F.sigmoid, (constant(0.3),), logistic),
    OperationSpec("sigmoid[empty]", F.sigmoid, (normal(0, 3),), logistic),
    OperationSpec("sigmoid_simple", F.sigmoid_simple, (normal(3, 4),), logistic),
    OperationSpec("softmax", F.softmax, (SCORES,), softmax),
    OperationSpec(
        "softmax[axis=-1]",
        lambda x: F.softmax(x, axis=-1),
        (normal(2, 3, 4),),
        lambda x: softmax(x, -1),
    ),
    OperationSpec(
        "softmax[axis=0]", lambda x: F.softmax(x, axis=0), (SCORES,), lambda x: softmax(x, 0)
    ),
    OperationSpec("softmax_simple", F.softmax_simple, (SCORES,), softmax),
    OperationSpec("log_softmax", F.log_softmax, (SCORES,), log_softmax),
    OperationSpec(
        "log_softmax[axis=0]",
        lambda x: F.log_softmax(x, axis=0),
        (normal(3, 2, 4),),
        lambda x: log_softmax(x, 0),
    ),
    _linear("with bias", normal(4, 3), normal(3, 5), normal(5)),
    _linear("without bias", normal(4, 3), normal(3, 5)),
    _linear("stack", normal(2, 4, 3), normal(3, 5), normal(5)),
    _linear("vector", normal(3), normal(3, 5), normal(5)),
    _linear("one row", normal(1, 3), normal(3, 5), normal(5)),
    _linear("empty batch", normal(0, 3), normal(3, 5), normal(5)),
    _linear("broadcast bias", normal(4, 3), normal(3, 5), normal(4, 1)),
    _linear("with bias", normal(4, 3), normal(3, 5), normal(5), function=F.linear_simple),
    _linear("without bias", normal(4, 3), normal(3, 5), function=F.linear_simple),
    *[_with_activation(name, name, normal(4, 3), normal(3, 5), normal(5)) for name in ACTIVATIONS],
    _with_activation("stack", "gelu", normal(2, 4, 3), normal(3, 5), normal(5)),
    _with_activation("vector", "silu", normal(3), normal(3, 5), normal(5)),
    _with_activation("without bias", "gelu", normal(4, 3), normal(3, 5)),
    _with_activation("empty batch", "sigmoid", normal(0, 3), normal(3, 5), normal(5)),
    _with_activation("broadcast bias", "silu", normal(4, 3), normal(3, 5), normal(4, 1)),
    _activated(CF.tanh, "tanh"),
    _activated(F.gelu, "gelu"),
    OperationSpec(
        "mean_squared_error",
        F.mean_squared_error,
        (normal(4, 3), normal(4, 3)),
        squared_error,
        differentiable=(0, 1),
    ),
    OperationSpec(
        "mean_squared_error[vector]",
        F.mean_squared_error,
        (normal(6), normal(6)),
        squared_error,
        differentiable=(0,),
    ),
    OperationSpec(
        "mean_squared_error_simple",
        F.mean_squared_error_simple,
        (normal(4, 3), normal(4, 3)),
        squared_error,
        differentiable=(0, 1),
    ),
    OperationSpec(
        "softmax_cross_entropy", F.softmax_cross_entropy, (SCORES, LABELS), cross_entropy
    ),
    OperationSpec(
        "softmax_cross_entropy[third derivative]",
        F.softmax_cross_entropy,
        (normal(2, 3), integers(0, 3, 2)),
        cross_entropy,
        order=3,
    ),
    OperationSpec(
        "softmax_cross_entropy_simple",
        F.softmax_cross_entropy_simple,
        (SCORES, LABELS),
        cross_entropy,
    ),
    OperationSpec(
        "accuracy",
        F.accuracy,
        (away_from((), 6, 3), integers(0, 3, 6)),
        lambda y, t: np.float64((y.argmax(axis=1) == t).mean()),
        differentiable=(),
        float32=False,
    ),
]
