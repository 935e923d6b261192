"""Notices gradients that an update has used and that nobody cleared before the next backward pass.

A backward pass adds to a gradient that is there, and puts a new variable, the sum, into its place.
The old variable goes just then, and the core says so (`dezero_core.gradients.adding_thread`). One
that was cleared, replaced or kept by the user goes at another time.
The sum is watched in its turn: it is no matter if it was cleared before what is used next, as where
another model's loss went through this one in the meantime.
Where somebody keeps the gradient nothing is noticed, and nothing is said.
"""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from functools import partial
from threading import get_ident
from typing import Any

from dezero_core import Parameter, Variable, as_numpy, gradients
from dezero_core.callers import warn
from dezero_core.typing import Array

__all__ = ["ForgottenClear"]


class ForgottenClear:
    """Watches the gradient of the smallest parameter from one update to the next."""

    def __init__(self) -> None:
        self._trap: _Trap | None = None
        self._has_warned = False

    def watch(self, params: Sequence[Parameter]) -> None:
        """Watch one of the gradients that have just been used.

        The smallest, since its array is kept until the next update.
        """
        if not self._has_warned and params:
            self._trap = _Trap(min(params, key=_size))

    def check(self, owner: str) -> None:
        """Warn, the first time that gradients turn out to have been added to."""
        trap, self._trap = self._trap, None
        if not self._has_warned and trap is not None and trap.was_added_to():
            self._has_warned = True
            warn(
                f"{owner}.update: the gradients of the last update were never cleared, and new "
                "ones were added to them; call model.cleargrads() before backward()"
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
    if gradients.adding_thread == get_ident():
        trap._reference = trap._sum = weakref.ref(total, partial(_gone, reference))


def _size(param: Parameter) -> int:
    return param.size
