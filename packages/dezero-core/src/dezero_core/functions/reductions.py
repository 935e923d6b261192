"""Sums, extremes and other functions that take axes away."""

from __future__ import annotations

__all__: list[str] = []
