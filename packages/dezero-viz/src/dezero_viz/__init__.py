"""Drawings of recorded graphs and plots of training for DeZero."""

from __future__ import annotations

from dezero_viz.__about__ import __version__

__all__ = ["__version__"]
