"""Can the model learn one batch by heart? One that cannot will not learn many."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from dezero_core import get_array_module
from dezero_viz.doctor._evidence import OverfitResult, named_params, restart

__all__ = ["RATES", "overfit"]

#: Adam's step sizes to try, the one that suits most models first.
RATES = (3e-3, 3e-4, 3e-2)


def overfit(
    model: Any,
    loss_fn: Callable[..., Any],
    inputs: Sequence[Any],
    target: Any,
    *,
    goal: float,
    steps: int,
    seconds: float,
) -> OverfitResult:
    """Train a model on one batch until the loss reaches a goal.

    Args:
        model: The copy of the model; what it learns stays in it.
        loss_fn: The loss.
        inputs: What to call the model with.
        target: What to call the loss with, besides the model's output.
        goal: The loss to reach.
        steps: How many updates to try with each of Adam's step sizes.
        seconds: How long to try, all attempts together.

    Returns:
        What was reached.
    """
    began = time.monotonic()
    pairs = [(p, v) for p, v in named_params(model) if v.requires_grad and v.data is not None]
    start = [parameter.data.copy() for _, parameter in pairs]
    first, best, n, in_time = math.nan, math.inf, 0, True
    moved: set[str] = set()
    for rate in RATES:
        for (_, parameter), array in zip(pairs, start, strict=True):
            parameter.data = array.copy()
        adam = _Adam([parameter for _, parameter in pairs], rate)
        for step in range(steps + 1):  # the last one only looks at the loss
            restart(model)
            loss = loss_fn(model(*inputs), target)
            value = float(loss)
            first = value if math.isnan(first) else first
            if not math.isfinite(value):
                break
            best = min(best, value)
            in_time = time.monotonic() - began < seconds
            if best <= goal or not in_time or step == steps:
                break
            for _, parameter in pairs:
                parameter.cleargrad()
            loss.backward()
            moved |= {path for path, p in pairs if path not in moved and _moves(p)}
            adam.update()
            n += 1
        if best <= goal or not in_time:
            break
    spent = time.monotonic() - began
    return OverfitResult(first, best, goal, n, spent, in_time or best <= goal, frozenset(moved))


def _moves(parameter: Any) -> bool:
    return parameter.grad is not None and bool((parameter.grad.data != 0).any())


class _Adam:
    """D. Kingma, J. Ba, "Adam: A Method for Stochastic Optimization", 2014."""

    def __init__(self, parameters: Sequence[Any], rate: float) -> None:
        self._parameters = parameters
        self._rate = rate
        self._moments = [(0.0 * p.data, 0.0 * p.data) for p in parameters]
        self._t = 0

    def update(self) -> None:
        self._t += 1
        rate = self._rate * math.sqrt(1 - 0.999**self._t) / (1 - 0.9**self._t)
        with np.errstate(all="ignore"):
            for parameter, (m, v) in zip(self._parameters, self._moments, strict=True):
                if parameter.grad is not None:
                    g = parameter.grad.data
                    m += 0.1 * (g - m)
                    v += 0.001 * (g * g - v)
                    parameter.data = parameter.data - rate * m / (
                        get_array_module(v).sqrt(v) + 1e-8
                    )
