"""What a transform may be."""

from __future__ import annotations

from typing import Any

__all__ = ["check_transform"]


def check_transform(transform: Any, whose: str) -> None:
    """Check that items can be given to a transform; `whose` argument it is begins the error."""
    if not callable(transform):
        hint = "; Compose makes one of several" if isinstance(transform, (list, tuple)) else ""
        raise TypeError(f"{whose} is a {type(transform).__name__}, which cannot be called{hint}")
    # `float` makes something of an item. `ToFloat` makes a transform, which is what was meant.
    if isinstance(transform, type) and any("__call__" in vars(kind) for kind in transform.__mro__):
        name = transform.__name__
        raise TypeError(f"{whose} is a class, {name}; {name}(...) makes a transform")
