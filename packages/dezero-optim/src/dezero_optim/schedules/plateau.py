"""A schedule that looks at how training goes."""

from __future__ import annotations

from math import inf
from typing import ClassVar

from dezero_optim._checks import check_count, check_number
from dezero_optim.schedules.schedule import Schedule

__all__ = ["ReduceOnPlateau"]


class ReduceOnPlateau(Schedule):
    """Reduces the learning rate when a metric stops getting better.

    Call ``update(metric)`` after each epoch. An ``update()`` without a metric leaves it as it is.

    Args:
        rate: What the learning rate is multiplied by.
        patience: How many metrics in a row may be no better before that.
        threshold: How much better counts, as a share of the best.
        cooldown: How many metrics after a reduction are not counted against it.
        floor: The least factor.
        maximize: Whether more is better, as of an accuracy; otherwise less is, as of a loss.

    Attributes:
        scale: The factor now.
        best: The best metric so far.

    Raises:
        TypeError: An argument is no number.
        ValueError: One is out of range.

    Example:
        >>> from dezero_optim import SGD
        >>> optimizer = SGD(lr=1.0)
        >>> schedule = ReduceOnPlateau(rate=0.5, patience=1).setup(optimizer)
        >>> for loss in (3.0, 2.0, 2.5, 2.5):
        ...     schedule.update(loss)
        ...     print(optimizer.lr)
        1.0
        1.0
        1.0
        0.5
    """

    remembered: ClassVar[tuple[str, ...]] = ("scale", "best", "waited", "cooling")

    def __init__(
        self,
        rate: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        cooldown: int = 0,
        floor: float = 0.0,
        maximize: bool = False,
    ) -> None:
        super().__init__()
        self.rate = check_number("ReduceOnPlateau: rate", rate, below=1)
        self.patience = check_count("ReduceOnPlateau: patience", patience, least=0)
        self.threshold = check_number("ReduceOnPlateau: threshold", threshold)
        self.cooldown = check_count("ReduceOnPlateau: cooldown", cooldown, least=0)
        self.floor = check_number("ReduceOnPlateau: floor", floor)
        self.maximize = maximize
        self.scale = 1.0
        self.best = -inf if self.maximize else inf
        self.waited = 0
        self.cooling = 0

    def factor(self, t: int) -> float:
        """Return the factor, whatever the time."""
        return self.scale

    def observe(self, metric: float) -> None:
        """Compare the metric with the best one."""
        if self._is_better(metric):
            self.best = metric
            self.waited = 0
        else:
            self.waited += 1
        if self.cooling > 0:
            self.cooling -= 1
            self.waited = 0
        if self.waited > self.patience:
            self.scale = max(self.scale * float(self.rate), float(self.floor))
            self.cooling = self.cooldown
            self.waited = 0

    def _is_better(self, metric: float) -> bool:
        margin = abs(self.best) * float(self.threshold) if abs(self.best) < inf else 0.0
        return metric > self.best + margin if self.maximize else metric < self.best - margin
