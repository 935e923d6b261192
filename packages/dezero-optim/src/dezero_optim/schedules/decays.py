"""Schedules that follow a formula."""

from __future__ import annotations

from math import cos, pi

from dezero_optim._checks import check_count, check_number
from dezero_optim.schedules.schedule import Schedule

__all__ = ["CosineDecay", "ExponentialDecay", "LinearWarmup", "OneCycle", "StepDecay"]


class StepDecay(Schedule):
    r"""Stairs: after every so many updates the learning rate is multiplied by a rate.

    After :math:`t` updates the factor is :math:`\gamma^{\lfloor t / n \rfloor}`.

    Args:
        every: How many updates a stair is long, :math:`n`.
        rate: From one stair to the next, :math:`\gamma`.

    Raises:
        TypeError: `every` is no whole number, or `rate` no number.
        ValueError: One is out of range.

    Example:
        >>> [StepDecay(2, 0.5).factor(t) for t in range(5)]
        [1.0, 1.0, 0.5, 0.5, 0.25]
    """

    def __init__(self, every: int, rate: float = 0.1) -> None:
        super().__init__()
        self.every = check_count("StepDecay: every", every)
        self.rate = check_number("StepDecay: rate", rate)

    def factor(self, t: int) -> float:
        """Return the stair's height."""
        return float(self.rate ** (t // self.every))


class ExponentialDecay(Schedule):
    r"""The same rate at each update: after :math:`t` of them the factor is :math:`\gamma^t`.

    Args:
        rate: From one update to the next, :math:`\gamma`.

    Raises:
        TypeError: `rate` is no number.
        ValueError: `rate` is negative or not finite.

    Example:
        >>> [ExponentialDecay(0.5).factor(t) for t in range(4)]
        [1.0, 0.5, 0.25, 0.125]
    """

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = check_number("ExponentialDecay: rate", rate)

    def factor(self, t: int) -> float:
        """Return the power of the rate."""
        return float(self.rate**t)


class CosineDecay(Schedule):
    r"""Half a wave down, from 1 to the end; then it stays there.

    After :math:`t` of :math:`n` updates the factor is :math:`e + (1 - e)(1 + \cos(\pi t / n)) / 2`.

    Args:
        steps: How many updates it takes, :math:`n`.
        end: Where it ends, :math:`e`.

    Raises:
        TypeError: `steps` is no whole number, or `end` no number.
        ValueError: One is out of range.

    Example:
        >>> [round(CosineDecay(4, end=0.2).factor(t), 3) for t in range(6)]
        [1.0, 0.883, 0.6, 0.317, 0.2, 0.2]

    I. Loshchilov, F. Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts", 2017.
    """

    def __init__(self, steps: int, end: float = 0.0) -> None:
        super().__init__(check_count("CosineDecay: steps", steps))
        self.end = check_number("CosineDecay: end", end)

    def factor(self, t: int) -> float:
        """Return the height of the wave."""
        return _wave(t / (self.steps or 1), 1.0, float(self.end))


class LinearWarmup(Schedule):
    r"""A straight line up, from the start to 1; then it stays there.

    After :math:`t` of :math:`n` updates the factor is :math:`s + (1 - s)\, t / n`.

    Args:
        steps: How many updates it takes, :math:`n`.
        start: Where it starts, :math:`s`. With 0 the first update changes nothing.

    Raises:
        TypeError: `steps` is no whole number, or `start` no number.
        ValueError: One is out of range.

    Example:
        >>> [LinearWarmup(4).factor(t) for t in range(6)]
        [0.0, 0.25, 0.5, 0.75, 1.0, 1.0]

    P. Goyal and others, "Accurate, Large Minibatch SGD: Training ImageNet in 1 Hour", 2017.
    """

    def __init__(self, steps: int, start: float = 0.0) -> None:
        super().__init__(check_count("LinearWarmup: steps", steps))
        self.start = check_number("LinearWarmup: start", start)

    def factor(self, t: int) -> float:
        """Return the height of the line."""
        start = float(self.start)
        return start + (1 - start) * min(t / (self.steps or 1), 1)


class OneCycle(Schedule):
    """Up by half a wave, and down by another to next to nothing.

    The optimizer's learning rate is the peak. Train for as many updates as the schedule has steps.

    Args:
        steps: How many updates there will be. The last of them is done at the end's factor.
        rise: Which share of them goes up.
        start: The factor of the first update.
        end: The factor of the last one, and of all that come after it.

    Raises:
        TypeError: `steps` is no whole number, or another argument is no number.
        ValueError: One is out of range.

    Example:
        >>> [round(OneCycle(11).factor(t), 3) for t in (0, 1, 2, 6, 10)]
        [0.04, 0.422, 0.96, 0.531, 0.0]

    L. Smith, N. Topin, "Super-Convergence: Very Fast Training of Neural Networks Using Large
    Learning Rates", 2018; with waves for lines.
    """

    def __init__(
        self, steps: int, rise: float = 0.3, start: float = 0.04, end: float = 4e-6
    ) -> None:
        super().__init__(check_count("OneCycle: steps", steps, least=2))
        self.rise = check_number("OneCycle: rise", rise, below=1)
        self.start = check_number("OneCycle: start", start)
        self.end = check_number("OneCycle: end", end)

    def factor(self, t: int) -> float:
        """Return the height of the cycle."""
        # Updates are counted from 0, so the last one is number steps - 1; likewise the peak.
        last = (self.steps or 2) - 1
        peak = max(float(self.rise) * (last + 1) - 1, 0.0)
        if t < peak:
            return _wave(t / peak, float(self.start), 1.0)
        return _wave((t - peak) / (last - peak), 1.0, float(self.end))


def _wave(share: float, start: float, end: float) -> float:
    """Return where half a wave from `start` to `end` is after a share of its way."""
    return end + (start - end) * (1 + cos(pi * min(share, 1))) / 2
