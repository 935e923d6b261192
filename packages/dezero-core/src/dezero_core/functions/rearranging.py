"""Functions that repeat, shift, mirror and pad elements."""

from __future__ import annotations

__all__: list[str] = []
