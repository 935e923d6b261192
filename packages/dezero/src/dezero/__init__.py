"""A define-by-run deep-learning framework, small enough to read, real enough to use."""

from __future__ import annotations

from dezero.__about__ import __version__

__all__ = ["__version__"]
