"""Neural networks for DeZero: functions, layers, models, initialisers, weight files."""

from __future__ import annotations

from dezero_nn.__about__ import __version__

__all__ = ["__version__"]
