"""Parts of an array by index, and their derivatives."""

from __future__ import annotations

__all__: list[str] = []
