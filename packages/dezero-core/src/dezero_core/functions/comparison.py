"""Comparisons, choices and steps: minimum, maximum, clip, where, and what has no gradient."""

from __future__ import annotations

__all__: list[str] = []
