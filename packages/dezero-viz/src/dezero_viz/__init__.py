"""Drawings of recorded graphs and plots of training for DeZero."""

from __future__ import annotations

from dezero_viz.__about__ import __version__
from dezero_viz.curves import plot_curves
from dezero_viz.graph import Picture, get_dot_graph, plot_dot_graph, plot_graph

__all__ = [
    "Picture",
    "__version__",
    "get_dot_graph",
    "plot_curves",
    "plot_dot_graph",
    "plot_graph",
]
