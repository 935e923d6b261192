"""Calling an operation on one, two or three NumPy operands, unrolled.

On small arrays half of the time of an operation goes into looking at its operands, and most have
one to three of them and no settings. These functions do for such operations what `Primitive` does
for all, in half of the time (docs/design/autograd.md has the figures), and leave to it whatever is
out of the ordinary: another backend, a watcher, another precision, a wrong type, an error.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from dezero_core.config import current
from dezero_core.node import Node
from dezero_core.variable import Variable

if TYPE_CHECKING:
    from dezero_core.primitive import Primitive

__all__ = ["ARRAYS", "NUMBERS", "fast_call"]

#: The types that NumPy gives. A look-up in a set is all the dispatch that these need.
ARRAYS = frozenset(np.dtype(code).type for code in np.typecodes["AllInteger"] + "?efdg")
ARRAYS |= {np.ndarray}
#: Python's numbers, which take on the dtype of what they meet.
NUMBERS = frozenset([bool, int, float])
_OPERANDS = ARRAYS | NUMBERS

_new = object.__new__
_Kind: TypeAlias = Callable[["Primitive[...]"], Callable[..., Any]]


def fast_call(primitive: Primitive[...]) -> Callable[..., Any] | None:
    """Return a function that calls a primitive the fast way; None if it is not of those kinds."""
    signature = primitive.signature
    if signature.extras or signature.is_variadic or primitive.has_several_results:
        return None
    arity = len(signature.operands)
    if signature.settings:
        return _unary_with_settings(primitive) if arity == 1 else None
    kinds: dict[int, _Kind] = {1: _unary, 2: _binary, 3: _ternary}
    return kinds[arity](primitive) if arity in kinds else None


def _unary(primitive: Primitive[...]) -> Callable[[Any], Any]:
    """Return a function that calls a primitive with one operand."""
    forward, plans = primitive.forward(np), primitive.plans(np)

    def call(x: Any) -> Any:
        mode = current()
        node = None
        array = x
        if isinstance(x, Variable):
            array = x._data
            node = x._node
        if type(array) not in ARRAYS or mode.is_special:
            return primitive.call_any((x,), {})
        try:
            y = forward(np, array)
        except Exception:
            return primitive.call_any((x,), {})
        if type(y) not in ARRAYS:
            return primitive.call_any((x,), {})
        if node is not None:
            plan = plans[0b11] if mode.enable_backprop else None
            if plan is None:
                node = None
            else:
                node = Node(plan, (node,), plan.keep((array, y)), y.shape, y.dtype)
        result = _new(Variable)
        result._data = y
        result._node = node
        result._name = None
        return result

    return call


def _unary_with_settings(primitive: Primitive[...]) -> Callable[..., Any]:
    """Return a function that calls a primitive with one operand and settings."""
    forward, plans = primitive.forward(np), primitive.plans(np)

    def call(x: Any, **settings: Any) -> Any:
        mode = current()
        node = None
        array = x
        if isinstance(x, Variable):
            array = x._data
            node = x._node
        if type(array) not in ARRAYS or mode.is_special:
            return primitive.call_any((x,), settings)
        try:
            y = forward(np, array, **settings)
        except Exception:
            return primitive.call_any((x,), settings)
        if type(y) not in ARRAYS:
            return primitive.call_any((x,), settings)
        if node is not None:
            plan = plans[0b11] if mode.enable_backprop else None
            if plan is None:
                node = None
            else:
                saved = plan.keep((array, y, settings))
                node = Node(plan, (node,), saved, y.shape, y.dtype, settings)
        result = _new(Variable)
        result._data = y
        result._node = node
        result._name = None
        return result

    return call


def _binary(primitive: Primitive[...]) -> Callable[[Any, Any], Any]:
    """Return a function that calls a primitive with two operands."""
    forward, plans = primitive.forward(np), primitive.plans(np)

    def call(x0: Any, x1: Any) -> Any:
        mode = current()
        needs = 0b100
        if isinstance(x0, Variable):
            array0 = x0._data
            parent0 = x0._node
            if parent0 is not None:
                needs = 0b101
        else:
            array0 = x0
            parent0 = x0 if type(x0) in NUMBERS else None
        if isinstance(x1, Variable):
            array1 = x1._data
            parent1 = x1._node
            if parent1 is not None:
                needs |= 0b010
        else:
            array1 = x1
            parent1 = x1 if type(x1) in NUMBERS else None
        if type(array0) not in _OPERANDS or type(array1) not in _OPERANDS or mode.is_special:
            return primitive.call_any((x0, x1), {})
        try:
            y = forward(np, array0, array1)
        except Exception:
            return primitive.call_any((x0, x1), {})
        if type(y) not in ARRAYS:
            return primitive.call_any((x0, x1), {})
        node = None
        if needs != 0b100 and mode.enable_backprop:
            plan = plans[needs]
            if plan is not None:
                saved = plan.keep((array0, array1, y))
                node = Node(plan, (parent0, parent1), saved, y.shape, y.dtype)
        result = _new(Variable)
        result._data = y
        result._node = node
        result._name = None
        return result

    return call


def _ternary(primitive: Primitive[...]) -> Callable[[Any, Any, Any], Any]:
    """Return a function that calls a primitive with three operands."""
    forward, plans = primitive.forward(np), primitive.plans(np)

    def call(x0: Any, x1: Any, x2: Any) -> Any:
        mode = current()
        needs = 0b1000
        array0, array1, array2 = x0, x1, x2
        parent0 = parent1 = parent2 = None
        if isinstance(x0, Variable):
            array0 = x0._data
            parent0 = x0._node
            if parent0 is not None:
                needs = 0b1001
        if isinstance(x1, Variable):
            array1 = x1._data
            parent1 = x1._node
            if parent1 is not None:
                needs |= 0b0010
        if isinstance(x2, Variable):
            array2 = x2._data
            parent2 = x2._node
            if parent2 is not None:
                needs |= 0b0100
        # Numbers, which the record would name, and operands that are left out are rare here.
        if (
            type(array0) not in ARRAYS
            or type(array1) not in ARRAYS
            or type(array2) not in ARRAYS
            or mode.is_special
        ):
            return primitive.call_any((x0, x1, x2), {})
        try:
            y = forward(np, array0, array1, array2)
        except Exception:
            return primitive.call_any((x0, x1, x2), {})
        if type(y) not in ARRAYS:
            return primitive.call_any((x0, x1, x2), {})
        node = None
        if needs != 0b1000 and mode.enable_backprop:
            plan = plans[needs]
            if plan is not None:
                saved = plan.keep((array0, array1, array2, y))
                node = Node(plan, (parent0, parent1, parent2), saved, y.shape, y.dtype)
        result = _new(Variable)
        result._data = y
        result._node = node
        result._name = None
        return result

    return call
