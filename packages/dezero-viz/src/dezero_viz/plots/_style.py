"""How all plots look: colors, dashes and marks that can be told apart, light grids."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["COLORS", "DASHES", "FAULT", "GRAY", "MARKS", "dress", "line_styles"]

# The palette of Okabe and Ito (2008), which the color-blind can tell apart, in an order that also
# differs in lightness; the dashes tell curves apart where there is no color at all.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
DASHES: tuple[Any, ...] = ("-", (0, (5, 2)), (0, (1, 1.2)), (0, (6, 1.5, 1, 1.5)))
MARKS = ("o", "^", "s", "D", "v", "P", "X", "<", ">", "p")
GRAY = "#555555"
# What is wrong, or no number.
FAULT = "#D55E00"


def line_styles() -> Iterator[dict[str, Any]]:
    """Yield looks of lines without end: the first twelve differ."""
    for color, dashes in zip(itertools.cycle(COLORS), itertools.cycle(DASHES), strict=False):
        yield {"color": color, "linestyle": dashes}


def dress(axes: Axes) -> None:
    """Give an Axes of curves a light grid behind them, and no frame where nothing is read off."""
    axes.grid(True, alpha=0.4, linewidth=0.7)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
