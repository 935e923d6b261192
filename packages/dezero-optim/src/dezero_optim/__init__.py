"""Optimizers for DeZero: update rules and hooks over parameters."""

from __future__ import annotations

from dezero_optim.__about__ import __version__

__all__ = ["__version__"]
