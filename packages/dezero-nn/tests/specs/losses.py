"""Losses against the same in NumPy, with their options and reductions."""

from __future__ import annotations

from typing import Any

import numpy as np

from dezero_core.testing.specs import (
    OperationSpec,
    Sampler,
    away_from,
    constant,
    integers,
    normal,
    uniform,
)
from dezero_nn import functions as F

SCORES = normal(5, 4)
LABELS = integers(0, 4, 5)
WEIGHTS = np.array([1.0, 2.0, 0.5, 0.0])


def reduced(losses: Any, reduction: str) -> Any:
    if reduction == "none":
        return losses
    return losses.sum() / (len(losses) if reduction == "mean" and losses.ndim else 1)


def distribution(rows: int, columns: int) -> Sampler:
    def sample(rng: np.random.Generator) -> Any:
        return rng.dirichlet(np.ones(columns), size=rows)

    return sample


def log_softmax(x: Any) -> Any:
    return x - np.log(np.exp(x).sum(axis=1, keepdims=True))


# --- numbers and probabilities -----------------------------------------------------------------


def huber(x0: Any, x1: Any, delta: float = 1.0) -> Any:
    error = np.abs(x0 - x1)
    return np.where(error <= delta, error**2 / 2, delta * (error - delta / 2))


def sigmoid_cross_entropy(x: Any, t: Any) -> Any:
    return t * np.logaddexp(0, -x) + (1 - t) * np.logaddexp(0, x)


def binary_cross_entropy(p: Any, t: Any) -> Any:
    return -(t * np.log(p) + (1 - t) * np.log(1 - p))


def kl_divergence(x: Any, t: Any) -> Any:
    return t * (np.log(t) - x)


def _rows(
    function: Any, reference: Any, operands: tuple[Sampler, ...], both: bool = True, **settings: Any
) -> list[OperationSpec]:
    """Return a row for each reduction."""
    case = "".join(f"{key}={value}," for key, value in settings.items())
    return [
        OperationSpec(
            name=f"{function.__name__}[{case}{reduction}]",
            function=lambda *x, r=reduction: function(*x, reduction=r, **settings),
            operands=operands,
            reference=lambda *x, r=reduction: reduced(reference(*x, **settings), r),
            differentiable=(0, 1) if both else (0,),
        )
        for reduction in ("mean", "sum", "none")
    ]


# Differences that keep away from all kinks: at 0, and where the Huber loss bends.
_APART = (constant([[0.3, -2.0], [1.7, 0.1]]), constant([[0.0, 0.5], [0.2, 0.7]]))
_YES_OR_NO = integers(0, 2, 3, 2)
_CERTAIN = (normal(3), constant([0, 1, 1]))

SPECS = [
    *_rows(F.mean_squared_error, lambda a, b: (a - b) ** 2, (normal(3, 2), normal(3, 2))),
    *_rows(F.mean_absolute_error, lambda a, b: np.abs(a - b), _APART),
    *_rows(F.huber, huber, _APART),
    *_rows(F.huber, huber, _APART, delta=0.25),
    *_rows(F.sigmoid_cross_entropy, sigmoid_cross_entropy, (normal(3, 2), uniform(0.1, 0.9, 3, 2))),
    OperationSpec(
        "sigmoid_cross_entropy[integers]",
        F.sigmoid_cross_entropy,
        (normal(3, 2), _YES_OR_NO),
        lambda x, t: reduced(sigmoid_cross_entropy(x, t), "mean"),
    ),
    OperationSpec(
        "sigmoid_cross_entropy[vector of booleans]",
        lambda x, t: F.sigmoid_cross_entropy(x, t > 0),
        _CERTAIN,
        lambda x, t: reduced(sigmoid_cross_entropy(x, t), "mean"),
    ),
    *_rows(
        F.binary_cross_entropy,
        binary_cross_entropy,
        (uniform(0.1, 0.9, 3, 2), uniform(0.1, 0.9, 3, 2)),
    ),
    OperationSpec(
        "binary_cross_entropy[integers]",
        F.binary_cross_entropy,
        (uniform(0.1, 0.9, 3, 2), _YES_OR_NO),
        lambda p, t: reduced(binary_cross_entropy(p, t), "mean"),
    ),
    *_rows(F.kl_divergence, kl_divergence, (normal(3, 4), distribution(3, 4))),
    OperationSpec(
        "kl_divergence[zeros]",
        F.kl_divergence,
        (normal(2, 2), constant([[0.0, 1.0], [0.3, 0.7]])),
        lambda x, t: reduced(np.where(t > 0, kl_divergence(x, t + (t == 0)), 0), "mean"),
    ),
]

# --- scores ------------------------------------------------------------------------------------


def cross_entropy(
    x: Any,
    t: Any,
    weights: Any = None,
    ignored: int | None = None,
    smoothing: float = 0.0,
    reduction: str = "mean",
) -> Any:
    """Compute it with a loop over the examples."""
    weights = np.ones(x.shape[1]) if weights is None else weights
    losses, total = [], 0.0
    for row, label in zip(log_softmax(x), t, strict=True):
        if np.ndim(label):
            q, counted = label, 1.0
        elif label == ignored:
            q, counted = np.zeros(len(row)), 0.0
        else:
            q, counted = np.eye(len(row))[label], weights[label]
        if counted or np.ndim(label):
            q = q * (1 - smoothing) + smoothing / len(row)
        losses.append(-(weights * q * row).sum())
        total += counted
    if reduction == "mean":
        return np.sum(losses) / total
    return np.sum(losses) if reduction == "sum" else np.array(losses)


def _cross_entropy(case: str, t: Sampler, both: bool = False, **settings: Any) -> OperationSpec:
    names = {"weights": "class_weights", "ignored": "ignore_label", "smoothing": "label_smoothing"}
    ours = {names.get(key, key): value for key, value in settings.items()}
    return OperationSpec(
        name=f"softmax_cross_entropy[{case}]",
        function=lambda x, t: F.softmax_cross_entropy(x, t, **ours),
        operands=(SCORES, t),
        reference=lambda x, t: cross_entropy(x, t, **settings),
        differentiable=(0, 1) if both else (0,),
        # Weights, on the host, are brought to the device.
        device="moves" if "weights" in settings else True,
    )


_SOFT = distribution(5, 4)
_ALL: dict[str, Any] = {"weights": WEIGHTS + 0.1, "ignored": 2, "smoothing": 0.2}

SPECS += [
    _cross_entropy("sum", LABELS, reduction="sum"),
    _cross_entropy("none", LABELS, reduction="none"),
    _cross_entropy("weights", constant([0, 1, 3, 2, 1]), weights=WEIGHTS),
    _cross_entropy("weights none", LABELS, weights=WEIGHTS, reduction="none"),
    _cross_entropy("ignored", constant([0, -1, 3, -1, 1]), ignored=-1),
    _cross_entropy("ignored sum", constant([0, 9, 3, 9, 1]), ignored=9, reduction="sum"),
    _cross_entropy("smoothing", LABELS, smoothing=0.1),
    _cross_entropy("smoothing=1", LABELS, smoothing=1.0),
    _cross_entropy("all options", constant([0, 1, 3, 2, 1]), **_ALL),
    _cross_entropy("all options none", constant([0, 1, 3, 2, 1]), reduction="none", **_ALL),
    _cross_entropy("probabilities", _SOFT, both=True),
    _cross_entropy("probabilities sum", _SOFT, both=True, reduction="sum"),
    _cross_entropy("probabilities none", _SOFT, both=True, reduction="none"),
    _cross_entropy("probabilities weights smoothing", _SOFT, weights=WEIGHTS, smoothing=0.3),
    OperationSpec(
        "softmax_cross_entropy[distillation]",
        lambda x, s: F.softmax_cross_entropy(x, F.softmax(s)),
        (normal(2, 3), away_from((), 2, 3)),
        lambda x, s: cross_entropy(x, np.exp(log_softmax(s))),
        differentiable=(0, 1),
    ),
]
