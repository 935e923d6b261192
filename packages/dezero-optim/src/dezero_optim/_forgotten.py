"""Notices gradients that an update has used and that nobody cleared before the next backward pass.

A backward pass adds to a gradient that is there, and puts a new variable, the sum, into its place.
So the old variable goes while its parameter has a gradient, in the middle of the core's code. One
that was cleared goes while its parameter has none; one that the user replaced goes in the
assignment; one that the user kept goes in the user's code. Neither is ever mistaken for the first.
The sum is watched in its turn: it is no matter if it was cleared before what is used next, as where
another model's loss went through this one in the meantime.
Where somebody keeps the gradient nothing is noticed, and nothing is said.
"""

from __future__ import annotations

import sys
import warnings
import weakref
from collections.abc import Sequence
from functools import partial
from typing import Any

from dezero_core import Parameter, Variable, as_numpy
from dezero_core.typing import Array

__all__ = ["ForgottenClear"]

_ASSIGNMENT = Variable.grad.fset.__code__  # type: ignore[attr-defined]


class ForgottenClear:
    """Watches the gradients of the smallest parameters from one update to the next."""

    def __init__(self) -> None:
        self._traps: list[_Trap] = []
        self._has_warned = False

    def watch(self, params: Sequence[Parameter]) -> None:
        """Watch gradients that have just been used.

        Two of them, since the last one that a backward pass replaces is let go of so late that it
        can not be told where. The smallest, since their arrays are kept until the next update.
        """
        if not self._has_warned:
            self._traps = [_Trap(param) for param in sorted(params, key=_size)[:2]]

    def check(self, owner: str) -> None:
        """Warn, the first time that gradients turn out to have been added to."""
        traps, self._traps = self._traps, []
        if not self._has_warned and any(trap.was_added_to() for trap in traps):
            self._has_warned = True
            warnings.warn(
                f"{owner}.update: the gradients of the last update were never cleared, and new "
                "ones were added to them; call model.cleargrads() before backward()",
                RuntimeWarning,
                stacklevel=3,
            )


class _Trap:
    def __init__(self, param: Parameter) -> None:
        grad = param.grad
        assert grad is not None
        self._grad: Array = grad.data
        self._parameter = weakref.ref(param)
        # The sum that the gradient went into, if it did.
        self._sum: weakref.ref[Variable] | None = None
        self._reference = weakref.ref(grad, partial(_gone, weakref.ref(self)))

    def was_added_to(self) -> bool:
        parameter = self._parameter()
        if parameter is None or self._sum is None or self._sum() is not parameter.grad:
            return False
        # Zeroed in place is as good as cleared. That is looked at last, for a device must wait.
        return parameter.grad is not None and bool(as_numpy(self._grad).any())


# No closure, which would hold itself, a circle.
def _gone(reference: weakref.ref[_Trap], _: Any) -> None:
    trap = reference()
    owner = None if trap is None else trap._parameter()
    total = None if owner is None else owner.grad
    if trap is None or total is None:
        return
    frame = sys._getframe(1)
    module = frame.f_globals.get("__name__", "")
    if module.startswith("dezero_core.") and frame.f_code is not _ASSIGNMENT:
        trap._reference = trap._sum = weakref.ref(total, partial(_gone, reference))


def _size(param: Parameter) -> int:
    return param.size
