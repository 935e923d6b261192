"""Notices when an array that a backward rule still needs has been changed in place.

``x.data -= step`` gives `Variable.data` the array that it holds already: that is how a change in
place shows, for nothing. The variable's node notes the time, and the engine looks closer only at
nodes older than the last such change, which in an ordinary training loop are none. A change by
another way, ``x.data[0] = 1`` or through another name of the array, is found by
`dezero_core.detect_anomaly`, which compares contents.
"""

from __future__ import annotations

from dezero_core.node import Node, tick
from dezero_core.typing import Array

__all__ = ["check", "last_change", "note_change"]

#: The clock at the last change that was noted, of any variable.
last_change = 0


def note_change(node: Node, array: Array) -> None:
    """Note that `array`, the data of the variable that `node` belongs to, was changed in place."""
    global last_change
    last_change = tick()
    # The identity tells later whether it is this array that was saved: data may be replaced.
    node.changed = (last_change, id(array))


def check(node: Node) -> None:
    """Make sure that nothing which the rules of `node` will read has changed since it was saved.

    Raises:
        RuntimeError: It has.
    """
    plan = node.plan
    if plan is None:
        return
    for what, owner, array in plan.saved_operands(node):
        clock, identity = getattr(owner, "changed", (0, 0))
        if clock > node.order and identity == id(array):
            name = getattr(owner, "name", None)
            raise RuntimeError(
                f"backward of {plan.name}: {what} ({owner.dtype}{list(owner.shape)}"
                f"{f', named {name!r}' if name else ''}) was changed in place after "
                f"{plan.name} had used it, so the gradient would be wrong. Update data after "
                "backward(), or assign a new array: x.data = x.data - step"
            )
