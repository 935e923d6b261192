"""Data sets and loaders for DeZero."""

from __future__ import annotations

from dezero_data.__about__ import __version__

__all__ = ["__version__"]
