"""Arrays of constants, with NumPy's names, for use in rules."""

from __future__ import annotations

__all__: list[str] = []
