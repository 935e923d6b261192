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
    first: float,
    goal: float,
    steps: int,
    seconds: float,
    pace: float,
) -> OverfitResult:
    """Train a model on one batch until the loss reaches a goal.

    The first step follows the gradients that the model has, so that a large model, of which each
    pass takes seconds, need not compute them again.

    Args:
        model: The copy of the model, after a backward pass; what it learns stays in it.
        loss_fn: The loss.
        inputs: What to call the model with.
        target: What to call the loss with, besides the model's output.
        first: The loss of that pass.
        goal: The loss to reach.
        steps: How many updates to try with each of Adam's step sizes, 1 or more.
        seconds: How long to try, all attempts together. After the first update, no step is begun
            that would take longer.
        pace: How long that pass took, in seconds: what a step is expected to take.

    Returns:
        What was reached.
    """
    began = time.monotonic()
    start = [
        (path, parameter, parameter.data.copy(), parameter.grad)
        for path, parameter in named_params(model)
        if parameter.requires_grad and parameter.data is not None
    ]
    moved = {path for path, parameter, _, _ in start if _moves(parameter)}
    best, n, in_time, backward_passes = math.inf, 0, True, 0
    for rate in RATES:
        for _, parameter, array, grad in start:
            parameter.data, parameter.grad = array.copy(), grad
        adam = _Adam([parameter for _, parameter, _, _ in start], rate)
        for step in range(1, steps + 1):
            adam.update()
            n += 1
            restart(model)
            loss = loss_fn(model(*inputs), target)
            value = float(loss)
            if not math.isfinite(value):
                break
            best = min(best, value)
            spent = time.monotonic() - began
            in_time = spent + (spent / n if n > 1 else pace) < seconds
            is_last = best <= goal or not in_time or step == steps
            # What begins with a gradient of 0, as behind weights of 0, is looked at once more.
            if not is_last or (len(moved) < len(start) and not backward_passes):
                for _, parameter, _, _ in start:
                    parameter.cleargrad()
                loss.backward()
                backward_passes += 1
                moved |= {path for path, p, _, _ in start if path not in moved and _moves(p)}
            if is_last:
                break
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
