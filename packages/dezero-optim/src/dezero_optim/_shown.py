"""How optimizers, hooks and schedules are shown: as the call that makes them."""

from __future__ import annotations

from inspect import signature

import numpy as np

__all__ = ["shown"]


def shown(thing: object) -> str:
    """Return the call that makes a thing with its settings as they are now.

    Of the constructor's arguments those are shown that are attributes and numbers.
    """
    settings = {name: getattr(thing, name, None) for name in signature(type(thing)).parameters}
    numbers = [
        f"{name}={value}"
        for name, value in settings.items()
        if isinstance(value, (bool, int, float, np.number))
    ]
    return f"{type(thing).__name__}({', '.join(numbers)})"
