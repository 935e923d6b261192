"""Normalization, dropout and embedding against the same in NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np

from dezero_core import test_mode
from dezero_core.testing.specs import (
    OperationSpec,
    Sampler,
    constant,
    integers,
    normal,
    positive,
    uniform,
)
from dezero_nn import functions as F


def standardized(x: Any, axes: Any, eps: float) -> Any:
    mean, var = x.mean(axis=axes, keepdims=True), x.var(axis=axes, keepdims=True)
    return (x - mean) / np.sqrt(var + eps)


def in_channels(value: Any, x: Any) -> Any:
    return np.reshape(value, (-1,) + (1,) * (x.ndim - 2))


def batch_norm(x: Any, gamma: Any, beta: Any) -> Any:
    y = standardized(x, (0, *range(2, x.ndim)), 2e-5)
    return in_channels(gamma, x) * y + in_channels(beta, x)


def fixed_batch_norm(x: Any, gamma: Any, beta: Any, mean: Any, var: Any) -> Any:
    y = (x - in_channels(mean, x)) / np.sqrt(in_channels(var, x) + 2e-5)
    return in_channels(gamma, x) * y + in_channels(beta, x)


def layer_norm(x: Any, gamma: Any = 1.0, beta: Any = 0.0) -> Any:
    axes = tuple(range(x.ndim - (np.ndim(gamma) or np.ndim(beta) or 1), x.ndim))
    return gamma * standardized(x, axes, 1e-5) + beta


def rms_norm(x: Any, gamma: Any = 1.0) -> Any:
    axes = tuple(range(x.ndim - (np.ndim(gamma) or 1), x.ndim))
    return gamma * x / np.sqrt((x**2).mean(axis=axes, keepdims=True) + 1e-5)


def group_norm(x: Any, groups: int, gamma: Any = 1.0, beta: Any = 0.0) -> Any:
    y = standardized(x.reshape(len(x), groups, -1), 2, 1e-5).reshape(x.shape)
    return in_channels(gamma, x) * y + in_channels(beta, x)


def _row(
    name: str, function: Any, reference: Any, *operands: Sampler, **more: Any
) -> OperationSpec:
    settings = {"differentiable": tuple(range(len(operands)))} | more
    return OperationSpec(name, function, operands, reference, **settings)


def _in_test_mode(x: Any, gamma: Any, beta: Any, mean: Any, var: Any) -> Any:
    with test_mode():
        return F.batch_norm(x, gamma, beta, mean, var)


def _fixed(case: str, *shape: int) -> OperationSpec:
    c = shape[1]
    operands = (normal(*shape), normal(c), normal(c), normal(c), positive(c))
    name = f"batch_norm[test mode, {case}]"
    return _row(name, _in_test_mode, fixed_batch_norm, *operands, differentiable=(0, 1, 2))


def _batch(case: str, *shape: int) -> OperationSpec:
    operands = (normal(*shape), uniform(0.5, 1.5, shape[1]), normal(shape[1]))
    return _row(f"batch_norm[{case}]", F.batch_norm, batch_norm, *operands)


def _dropped(x: Any) -> Any:
    """Leave out what another backend's generator, seeded the same, leaves out too."""
    return F.dropout(x, 0.5, generator=_Generator())


class _Generator:
    """Draws the same numbers each time, on any device: it is asked for its shape alone."""

    def random(self, shape: tuple[int, ...]) -> Any:
        return np.linspace(0.05, 0.95, int(np.prod(shape))).reshape(shape)


SPECS = [
    _batch("matrix", 5, 3),
    _batch("sequences", 3, 2, 4),
    _batch("images", 3, 2, 2, 3),
    _batch("one image", 1, 2, 3, 3),
    _row(
        "batch_norm[third derivative]",
        F.batch_norm,
        batch_norm,
        *(normal(3, 2), uniform(0.5, 1.5, 2), normal(2)),
        order=3,
    ),
    _fixed("matrix", 4, 3),
    _fixed("images", 2, 3, 2, 2),
    _fixed("one example", 1, 3),
    _fixed("empty batch", 0, 3),
    _row("layer_norm", F.layer_norm, layer_norm, normal(4, 3), normal(3), normal(3)),
    _row("layer_norm[bare]", F.layer_norm, layer_norm, normal(4, 3)),
    _row("layer_norm[vector]", F.layer_norm, layer_norm, normal(3), normal(3), normal(3)),
    _row("layer_norm[scale]", F.layer_norm, layer_norm, normal(2, 4, 3), normal(3)),
    _row(
        "layer_norm[shift]",
        lambda x, beta: F.layer_norm(x, None, beta),
        lambda x, beta: layer_norm(x, beta=beta),
        normal(4, 3),
        normal(3),
    ),
    _row("layer_norm[two axes]", F.layer_norm, layer_norm, normal(4, 2, 3), *[normal(2, 3)] * 2),
    _row("layer_norm[empty batch]", F.layer_norm, layer_norm, normal(0, 3), normal(3), normal(3)),
    _row("layer_norm[third derivative]", F.layer_norm, layer_norm, *[normal(3)] * 3, order=3),
    _row("rms_norm", F.rms_norm, rms_norm, normal(4, 3), normal(3)),
    _row("rms_norm[bare]", F.rms_norm, rms_norm, normal(2, 4, 3)),
    _row("rms_norm[two axes]", F.rms_norm, rms_norm, normal(4, 2, 3), normal(2, 3)),
    _row("rms_norm[empty batch]", F.rms_norm, rms_norm, normal(0, 3), normal(3)),
    _row(
        "group_norm",
        lambda x, gamma, beta: F.group_norm(x, 2, gamma, beta),
        lambda x, gamma, beta: group_norm(x, 2, gamma, beta),
        *(normal(3, 4, 2, 2), normal(4), normal(4)),
    ),
    _row(
        "group_norm[bare matrix]",
        lambda x: F.group_norm(x, 2),
        lambda x: group_norm(x, 2),
        normal(3, 6),
    ),
    _row(
        "group_norm[scale, one group]",
        lambda x, gamma: F.group_norm(x, 1, gamma),
        lambda x, gamma: group_norm(x, 1, gamma),
        *(normal(2, 4, 3), normal(4)),
    ),
    _row(
        "group_norm[shift, instances]",
        lambda x, beta: F.group_norm(x, 2, beta=beta),
        lambda x, beta: group_norm(x, 2, beta=beta),
        *(normal(2, 2, 3), normal(2)),
    ),
    _row(
        "dropout",
        _dropped,
        lambda x: x * (np.linspace(0.05, 0.95, 12) > 0.5).reshape(3, 4) * 2,
        normal(3, 4),
        device="moves",
    ),
    _row(
        "embedding",
        F.embedding,
        lambda x, W: W[x],
        integers(0, 4, 2, 5),
        normal(4, 3),
        differentiable=(1,),
    ),
    _row(
        "embedding[one id]",
        F.embedding,
        lambda x, W: W[x],
        constant(2),
        normal(4, 3),
        differentiable=(1,),
    ),
    _row(
        "embedding[empty]",
        F.embedding,
        lambda x, W: W[x],
        integers(0, 4, 0),
        normal(4, 3),
        differentiable=(1,),
    ),
]
