"""Drawing, checking and fetching: tools that the book's package has in one module."""

from __future__ import annotations

from dezero_core.files import get_file
from dezero_core.functions import logsumexp, sum_to
from dezero_core.gradient_check import gradient_check, numerical_diff, numerical_grad
from dezero_viz import get_dot_graph, plot_dot_graph

__all__ = [
    "get_dot_graph",
    "get_file",
    "gradient_check",
    "logsumexp",
    "numerical_diff",
    "numerical_grad",
    "plot_dot_graph",
    "sum_to",
]
