"""Plots of training and of what a network has learned (matplotlib).

Each function draws on Axes (``ax=``), or on a figure (``figure=``), of the caller's, or on a new
one, and returns the whole figure. No window is opened, and no state of ``matplotlib.pyplot`` is
touched. Data may be Variables, NumPy arrays, arrays on a device, or sequences of numbers.
"""

from __future__ import annotations

from dezero_viz.plots.curves import plot_curves

__all__ = [
    "plot_curves",
]
