"""Drawings of recorded graphs and plots of training for DeZero."""

from __future__ import annotations

from dezero_viz.__about__ import __version__
from dezero_viz.doctor import Diagnosis, Finding, diagnose
from dezero_viz.explorer import Page, explore
from dezero_viz.graph import Picture, get_dot_graph, plot_dot_graph, plot_graph
from dezero_viz.monitor import Monitor
from dezero_viz.notebook import to_html
from dezero_viz.plots import (
    grad_cam,
    layer_outputs,
    plot_confusion_matrix,
    plot_curves,
    plot_decision_boundary,
    plot_derivatives,
    plot_feature_maps,
    plot_filters,
    plot_grad_cam,
    plot_histograms,
    plot_images,
    plot_paths,
    plot_schedule,
    plot_sequence,
)

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
    "grad_cam",
    "layer_outputs",
    "plot_confusion_matrix",
    "plot_curves",
    "plot_decision_boundary",
    "plot_derivatives",
    "plot_dot_graph",
    "plot_feature_maps",
    "plot_filters",
    "plot_grad_cam",
    "plot_graph",
    "plot_histograms",
    "plot_images",
    "plot_paths",
    "plot_schedule",
    "plot_sequence",
    "to_html",
]
