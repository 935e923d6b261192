"""Functions that put arrays together and take them apart."""

from __future__ import annotations

__all__: list[str] = []
