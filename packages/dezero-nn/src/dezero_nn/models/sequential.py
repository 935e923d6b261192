"""Layers one after the other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dezero_core.typing import ArrayLike
from dezero_nn.models.model import Model

__all__ = ["Sequential"]


class Sequential(Model):
    """Layers, and functions, one after the other.

    The step at position i becomes the attribute ``l{i}``, as in the paths of weights: ``l0/W``.

    Args:
        *steps: Layers, or functions of one Variable.

    Raises:
        TypeError: A step can not be called.

    Example:
        >>> import numpy as np
        >>> from dezero_nn import Linear, relu
        >>> model = Sequential(Linear(100), relu, Linear(10))
        >>> model(np.zeros((5, 3), dtype=np.float32)).shape
        (5, 10)
        >>> [path for path, _ in model.namedparams()]
        ['l0/W', 'l0/b', 'l2/W', 'l2/b']
    """

    def __init__(self, *steps: Callable[[Any], Any]) -> None:
        for i, step in enumerate(steps):
            if not callable(step):
                raise TypeError(f"Sequential: step {i} can not be called, it is {step!r}")
            setattr(self, f"l{i}", step)
        self._size = len(steps)

    def forward(self, x: ArrayLike) -> Any:
        """Apply the steps in order."""
        for i in range(self._size):
            x = getattr(self, f"l{i}")(x)
        return x
