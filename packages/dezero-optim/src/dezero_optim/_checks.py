"""Whether an argument is a number that makes sense."""

from __future__ import annotations

from math import inf, isfinite
from typing import Any

__all__ = ["check_count", "check_number"]


def check_number(name: str, value: Any, *, below: float = inf) -> Any:
    """Return a number if it is finite, not negative, and less than `below`."""
    try:
        if isinstance(value, (str, bytes)):  # float("0.1") is a number, too
            raise TypeError
        number = float(value)
    except (TypeError, ValueError):
        raise TypeError(f"{name} must be a number, got {value!r}") from None
    if not isfinite(number) or number < 0 or number >= below:
        end = "" if below == inf else f" and less than {below:g}"
        raise ValueError(f"{name} must be a finite number, at least 0{end}, got {value!r}")
    return value


def check_count(name: str, value: Any, *, least: int = 1) -> int:
    """Return a whole number that is at least `least`."""
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise TypeError(f"{name} must be a whole number, got {value!r}")
    count = int(value)
    if count < least:
        raise ValueError(f"{name} must be at least {least}, got {value!r}")
    return count
