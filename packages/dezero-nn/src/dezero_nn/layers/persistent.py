"""Values that a layer keeps beside its parameters."""

from __future__ import annotations

from dezero_core import Variable
from dezero_core.typing import Array

__all__ = ["Persistent"]


class Persistent(Variable):
    """A value that belongs to a layer, and is saved with it, but is not learned.

    Running statistics are such values. As an attribute of a `Layer` it has a path, as a parameter
    has, and is saved, loaded, copied and moved with the parameters. It is none of them: ``params``
    does not yield it, no optimizer sees it, and no gradient flows to it. The layer itself changes
    it, by its ``.data``.

    Args:
        data: The array, or None, if it is set later.
        name: The name, or None.

    Example:
        >>> import numpy as np
        >>> from dezero_nn import Layer
        >>> class Counter(Layer):
        ...     def __init__(self):
        ...         self.calls = Persistent(np.zeros((), np.int64))
        ...
        ...     def forward(self, x):
        ...         self.calls.data += 1
        ...         return x
        >>> counter = Counter()
        >>> _ = counter(1.0)
        >>> list(counter.params()), counter.state_dict()
        ([], {'calls': array(1)})
    """

    __slots__ = ()

    def __init__(self, data: Array | None, name: str | None = None) -> None:
        super().__init__(data, name)
        self.requires_grad = False
