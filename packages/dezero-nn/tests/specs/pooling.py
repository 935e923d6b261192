"""Pooling against the same on an array of windows."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from dezero_core.testing.specs import OperationSpec, away_from, normal
from dezero_nn import functions as F


def windows(x: Any, kernel: Any, stride: Any, pad: Any, value: float) -> Any:
    (sh, sw), (ph, pw) = stride, pad
    x = np.pad(x, ((0, 0), (0, 0), (ph, ph), (pw, pw)), constant_values=value)
    return sliding_window_view(x, kernel, (2, 3))[:, :, ::sh, ::sw]


def largest(x: Any, kernel: Any, stride: Any = (1, 1), pad: Any = (0, 0)) -> Any:
    return windows(x, kernel, stride, pad, -np.inf).max(axis=(4, 5))


def mean(x: Any, kernel: Any, stride: Any = (1, 1), pad: Any = (0, 0)) -> Any:
    return windows(x, kernel, stride, pad, 0.0).mean(axis=(4, 5))


def _rows(function: Any, reference: Any, sampler: Any) -> list[OperationSpec]:
    def row(case: str, shape: tuple[int, ...], *settings: Any) -> OperationSpec:
        return OperationSpec(
            f"{function.__name__}[{case}]",
            lambda x: function(x, *settings),
            (sampler(*shape),),
            lambda x: reference(x, *settings),
        )

    return [
        row("2x2", (2, 3, 4, 6), (2, 2), (2, 2)),
        row("2x2, a rest", (2, 2, 5, 7), (2, 2), (2, 2)),
        row("overlapping", (2, 2, 5, 5), (3, 3), (2, 2), (1, 1)),
        row("not square", (1, 2, 5, 6), (3, 2), (1, 2), (1, 0)),
        row("with gaps", (1, 2, 6, 6), (1, 2), (3, 3)),
        row("one element", (2, 2, 3, 3), (1, 1), (2, 1)),
        row("the whole image", (2, 3, 4, 3), (4, 3)),
        row("empty batch", (0, 2, 4, 4), (2, 2), (2, 2)),
    ]


SPECS = [
    *_rows(F.pooling, largest, lambda *shape: away_from((), *shape)),
    *_rows(F.pooling_simple, largest, lambda *shape: away_from((), *shape)),
    *_rows(F.average_pooling, mean, normal),
]
