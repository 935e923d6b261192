"""Automatic differentiation on NumPy: variables, primitives and their rules, the backward engine, backends, transforms."""

from __future__ import annotations

from dezero_core.__about__ import __version__

__all__ = ["__version__"]
