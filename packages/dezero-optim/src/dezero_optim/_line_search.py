"""How far to go in a direction: a step that satisfies the strong Wolfe conditions.

J. Nocedal, S. Wright, "Numerical Optimization", 2nd edition, algorithms 3.5 and 3.6.
"""

from __future__ import annotations

from collections.abc import Callable
from math import isfinite, sqrt
from typing import Any, NamedTuple

__all__ = ["Point", "strong_wolfe"]

_DECREASE = 1e-4  # how much of the decrease that the slope promises is asked for
_FLATNESS = 0.9  # how much of the slope may remain


class Point(NamedTuple):
    """A step along the direction, with the loss and its slope there."""

    step: float
    loss: float
    slope: float
    gradient: Any


def strong_wolfe(
    evaluate: Callable[[float], Point], start: Point, step: float, max_evaluations: int
) -> Point:
    """Return a point that is lower than the start and less steep.

    Args:
        evaluate: Computes the point at a step.
        start: The point at step 0. Its slope is negative.
        step: What to try first.
        max_evaluations: When to give up.

    Returns:
        The point; the lowest so far, if no step satisfies the conditions soon enough, which may be
        the start.
    """
    low, high = start, None
    for _ in range(max_evaluations):
        point = evaluate(step)
        is_high = (
            not isfinite(point.loss + point.slope)
            or point.loss > start.loss + _DECREASE * step * start.slope
            or (low is not start and point.loss >= low.loss)
        )
        if not is_high and abs(point.slope) <= -_FLATNESS * start.slope:
            return point
        if is_high:
            high = point
        else:
            # The lowest lies behind the point where the slope there points away from `high`.
            beyond = 1.0 if high is None else high.step - low.step
            if point.slope * beyond >= 0:
                high = low
            low = point
        if high is None:
            step *= 2
        else:
            step = _between(low, high)
            if step in (low.step, high.step):
                break
    return low


def _between(low: Point, high: Point) -> float:
    """Return where the cubic through two points is lowest, not too close to either."""
    width = high.step - low.step
    share = 0.5
    if isfinite(high.loss + high.slope):
        d1 = low.slope + high.slope - 3 * (high.loss - low.loss) / width
        square = d1 * d1 - low.slope * high.slope
        if square >= 0:
            d2 = sqrt(square) * (1 if width > 0 else -1)
            divisor = high.slope - low.slope + 2 * d2
            if divisor != 0:
                share = 1 - (high.slope + d2 - d1) / divisor
    return low.step + width * min(max(share, 0.1), 0.9)
