"""Plots of training and of what a network has learned (matplotlib).

Each function draws on Axes (``ax=``), or on a figure (``figure=``), of the caller's, or on a new
one, and returns the whole figure. No window is opened, and no state of ``matplotlib.pyplot`` is
touched. Data may be Variables, NumPy arrays, arrays on a device, or sequences of numbers.
"""

from __future__ import annotations

from dezero_viz.plots.classes import plot_confusion_matrix, plot_decision_boundary
from dezero_viz.plots.curves import plot_curves
from dezero_viz.plots.functions import plot_derivatives, plot_paths
from dezero_viz.plots.heatmaps import grad_cam, plot_grad_cam
from dezero_viz.plots.histograms import plot_histograms
from dezero_viz.plots.images import plot_feature_maps, plot_filters, plot_images
from dezero_viz.plots.layers import layer_outputs
from dezero_viz.plots.schedules import plot_schedule
from dezero_viz.plots.sequences import plot_sequence

__all__ = [
    "grad_cam",
    "layer_outputs",
    "plot_confusion_matrix",
    "plot_curves",
    "plot_decision_boundary",
    "plot_derivatives",
    "plot_feature_maps",
    "plot_filters",
    "plot_grad_cam",
    "plot_histograms",
    "plot_images",
    "plot_paths",
    "plot_schedule",
    "plot_sequence",
]
