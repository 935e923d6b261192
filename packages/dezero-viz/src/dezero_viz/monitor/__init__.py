"""Watching a run while it goes on: a table, a progress bar, logs, and a plot in notebooks."""

from __future__ import annotations

from dezero_viz.monitor.monitor import Monitor

__all__ = ["Monitor"]
