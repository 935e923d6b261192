"""How a schedule moves the learning rate."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from dezero_viz.plots._arrays import finite_or_nan, real_array
from dezero_viz.plots._sheet import Sheet
from dezero_viz.plots._style import dress, line_styles

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["SupportsFactor", "plot_schedule"]


class SupportsFactor(Protocol):
    """What a schedule is: the schedules of dezero-optim have it, and yours may.

    Attributes:
        steps: After how many steps the factor stays the same; None if it never does.
    """

    steps: int | None

    def factor(self, t: int) -> float:
        """Return what the learning rate is multiplied by after `t` steps."""


def plot_schedule(
    schedules: SupportsFactor | Callable[[int], float] | Mapping[str, Any],
    steps: int | None = None,
    *,
    lr: float = 1.0,
    xlabel: str = "step",
    ax: Axes | None = None,
    to_file: str | os.PathLike[str] | None = None,
) -> Figure:
    """Draw the learning rate that a schedule sets at each step, before it is used.

    Schedules are asked, not run: neither they nor their optimizers change. One that follows how
    training goes, such as ``ReduceOnPlateau``, is drawn as it stands: plot its ``optimizer.lr``
    after the run with `plot_curves`.

    Args:
        schedules: A schedule: it has a method ``factor(t)``, or it is a function that returns the
            learning rate of step t, counted from 0. Or several, by name.
        steps: How many steps to draw. By default to the end of the longest schedule.
        lr: The learning rate at factor 1, of schedules that were not set up with an optimizer.
        xlabel: What one step stands for.
        ax: Where to draw; a new figure when None. Drawing again on the same Axes adds to it.
        to_file: Also write the figure to this file: png, svg, pdf or jpg, by its ending.

    Returns:
        The figure that was drawn on.

    Raises:
        TypeError: Something is no schedule, or `ax` no Axes, or `steps` no whole number.
        ValueError: There are no schedules, `steps` is less than 1, or is missing where no schedule
            has an end.
        OSError: The file cannot be written.
        ImportError: matplotlib cannot be imported.

    Example:
        >>> figure = plot_schedule(lambda t: 0.1 * 0.5**t, steps=3)
        >>> figure.axes[0].get_lines()[0].get_ydata().tolist()
        [0.1, 0.05, 0.025]
    """
    named = schedules if isinstance(schedules, Mapping) else {"": schedules}
    if not named:
        raise ValueError("plot_schedule: there are no schedules; give at least one")
    for schedule in named.values():
        if not callable(getattr(schedule, "factor", schedule)):
            raise TypeError(
                "plot_schedule: a schedule has a method factor(t), or is a function of the step, "
                f"got {type(schedule).__name__}"
            )
    count = _count(named.values(), steps)
    sheet = Sheet("plot_schedule", to_file)
    axes = sheet.axes(ax, (5.2, 3.4))
    looks = line_styles()
    for _ in axes.get_lines():
        next(looks)
    for (name, schedule), look in zip(named.items(), looks, strict=False):
        found = [_rate(schedule, t, lr) for t in range(count)]
        rates = real_array("plot_schedule", "the learning rates", found, "one number a step", (1,))
        # matplotlib has no entry in the legend for a label with an underscore in front.
        label = name or "_"
        axes.plot(np.arange(count), finite_or_nan(rates), linewidth=1.8, label=label, **look)
    axes.set_xlabel(xlabel)
    axes.set_ylabel("learning rate")
    axes.set_ylim(bottom=min(0.0, axes.dataLim.y0))
    dress(axes)
    if axes.get_legend_handles_labels()[1]:
        axes.legend(frameon=False)
    return sheet.finish(axes)


def _count(schedules: Any, steps: int | None) -> int:
    if steps is None:
        ends = [end for s in schedules if (end := getattr(s, "steps", None)) is not None]
        if not ends:
            raise ValueError("plot_schedule: no schedule has an end; say how many steps to draw")
        return int(max(ends)) + 1
    if isinstance(steps, bool) or not isinstance(steps, int | np.integer):
        raise TypeError(f"plot_schedule: steps must be a whole number, got {steps!r}")
    if steps < 1:
        raise ValueError(f"plot_schedule: steps must be at least 1, got {steps}")
    return int(steps)


def _rate(schedule: Any, t: int, lr: float) -> Any:
    if not hasattr(schedule, "factor"):
        return schedule(t)
    base = schedule.base if getattr(schedule, "optimizer", None) is not None else lr
    return base * schedule.factor(t)
