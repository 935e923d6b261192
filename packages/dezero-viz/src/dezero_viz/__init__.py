"""Drawings of recorded graphs and plots of training for DeZero."""

from __future__ import annotations

from dezero_viz.__about__ import __version__
from dezero_viz.doctor import Diagnosis, Finding, diagnose
from dezero_viz.explorer import Page, explore
from dezero_viz.graph import Picture, get_dot_graph, plot_dot_graph, plot_graph
from dezero_viz.monitor import Monitor
from dezero_viz.notebook import to_html
from dezero_viz.plots.curves import plot_curves

__all__ = [
    "Diagnosis",
    "Finding",
    "Monitor",
    "Page",
    "Picture",
    "__version__",
    "diagnose",
    "explore",
    "get_dot_graph",
    "plot_curves",
    "plot_dot_graph",
    "plot_graph",
    "to_html",
]
