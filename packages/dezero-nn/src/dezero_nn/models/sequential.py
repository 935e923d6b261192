"""Layers one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import zip_longest
from operator import index
from typing import Any, TypeAlias, overload

from dezero_core.typing import ArrayLike
from dezero_nn.layers.linear import are_joined
from dezero_nn.models.model import Model

__all__ = ["Sequential"]

_Step: TypeAlias = Callable[[Any], Any]


class Sequential(Model):
    """Layers, and functions, one after the other.

    The step at position i is the attribute ``l{i}``, as in the paths of weights: ``l0/W``. It is a
    sequence of its steps as well: ``model[0]``, ``model[:-1]``, ``len(model)``.

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
        >>> model
        Sequential(
          l0: Linear(out_size=100, in_size=3)
          l1: relu
          l2: Linear(out_size=10, in_size=100)
        )
    """

    def __init__(self, *steps: _Step) -> None:
        self._size = 0
        for step in steps:
            self.append(step)

    def forward(self, x: ArrayLike) -> Any:
        """Apply the steps in order."""
        steps = [getattr(self, name) for name in self._step_names]
        is_done = False
        for step, following in zip_longest(steps, steps[1:]):
            if is_done:
                is_done = False  # together with the step before
            elif following is not None and are_joined(step, following, x):
                x = step(x, following)
                is_done = True
            else:
                x = step(x)
        return x

    def append(self, step: _Step) -> None:
        """Add a step at the end."""
        setattr(self, f"l{self._size}", self._check(self._size, step))
        self._size += 1

    def __len__(self) -> int:
        return self._size

    def __bool__(self) -> bool:
        return True  # without steps it is a model, too: it returns what it is given

    def __iter__(self) -> Iterator[_Step]:
        return iter([getattr(self, name) for name in self._step_names])

    @overload
    def __getitem__(self, position: int) -> Any: ...
    @overload
    def __getitem__(self, position: slice) -> Sequential: ...
    def __getitem__(self, position: int | slice) -> Any:
        """Return a step; for a slice, a model of the same steps."""
        if isinstance(position, slice):
            return Sequential(*list(self)[position])
        return getattr(self, self._name(position))

    def __setitem__(self, position: int, step: _Step) -> None:
        setattr(self, self._name(position), self._check(position, step))

    @property
    def _step_names(self) -> list[str]:
        return [f"l{i}" for i in range(self._size)]

    def _name(self, position: int) -> str:
        n = self._size
        if not -n <= index(position) < n:
            raise IndexError(f"Sequential: there is no step {position}, only {n} steps")
        return f"l{index(position) % n}"

    def _check(self, position: int, step: _Step) -> _Step:
        if not callable(step):
            raise TypeError(f"Sequential: step {position} can not be called, it is {step!r}")
        return step
