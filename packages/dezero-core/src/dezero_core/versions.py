"""Notices when an array that a backward rule still needs has been changed in place.

``x.data -= step`` gives `Variable.data` the array that it holds already: that is how a change in
place shows, for next to nothing. The time is noted, and the engine looks closer only at nodes
older than the last such change, which in an ordinary training loop are none. There it compares
memory, so that a change through a view, or through another variable of the same array, is found
as well. A change of which no variable knows, ``x.data[0] = 1`` or through the array's own name, is
found by `dezero_core.detect_anomaly`, which compares contents.
"""

from __future__ import annotations

from typing import Any
from weakref import ref as _refer_to

import numpy as np

from dezero_core.backend import get_array_module
from dezero_core.node import Node, tick
from dezero_core.typing import Array

__all__ = ["check", "last", "note_change", "note_replacement"]


class _Last:
    """The clock at the last change of each kind that was noted.

    Attributes:
        change: Any array was changed in place.
        replacement: A parameter got another array, or began or ceased to take part in gradients:
            what was made of parameters before then may be out of date.
    """

    __slots__ = ("change", "replacement")

    def __init__(self) -> None:
        self.change = 0
        self.replacement = 0


#: An object, since to assign a global name makes compiled modules look up all of theirs again.
last = _Last()

# By identity of the arrays, when they were changed last. Arrays have no hash. References are weak,
# and those to arrays that are gone are removed now and then, so it does not grow.
_changes: dict[int, tuple[int, _refer_to[Any]]] = {}
_crowded = 256


def note_change(array: Array) -> None:
    """Note that an array, the data of a variable, was changed in place."""
    last.change = now = tick()
    _changes[id(array)] = (now, _refer_to(array))
    if len(_changes) > _crowded:
        _forget_the_dead()


def note_replacement() -> None:
    """Note that a parameter is not what it was: it has another array, or was frozen or thawed."""
    last.replacement = tick()


def check(node: Node) -> None:
    """Make sure that nothing which the rules of `node` will read has changed since it was saved.

    Raises:
        RuntimeError: It has.
    """
    plan = node.plan
    if plan is None:
        return
    changed = [ref() for clock, ref in tuple(_changes.values()) if clock > node.order]
    for what, owner, array in plan.saved_operands(node):
        if any(_overlap(array, other) for other in changed if other is not None):
            name = getattr(owner, "name", None)
            raise RuntimeError(
                f"backward of {plan.name}: {what} ({owner.dtype}{list(owner.shape)}"
                f"{f', named {name!r}' if name else ''}) was changed in place after "
                f"{plan.name} had used it, so the gradient would be wrong. Update data after "
                "backward(), or assign a new array: x.data = x.data - step"
            )


def _overlap(a: Array, b: Array) -> bool:
    if a is b:
        return True
    if _memory_of(a) is not _memory_of(b):
        return False
    if isinstance(a, np.ndarray):
        return np.shares_memory(a, b)
    # The exact question would make a device compare addresses.
    return bool(get_array_module(a).may_share_memory(a, b))


def _memory_of(array: Array) -> Any:
    """Return the array whose memory an array is a view of, or itself."""
    base = getattr(array, "base", None)
    return array if base is None or not hasattr(base, "dtype") else base


def _forget_the_dead() -> None:
    global _crowded
    for key, (_, ref) in tuple(_changes.items()):
        if ref() is None:
            _changes.pop(key, None)
    _crowded = max(256, 2 * len(_changes))
