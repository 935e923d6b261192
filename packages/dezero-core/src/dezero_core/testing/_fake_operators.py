"""The operators of the fake array, which defer to other classes as CuPy's do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


def _binary(name: str, reflected: bool = False) -> Callable[[Any, Any], Any]:
    def method(self: Any, other: Any) -> Any:
        if not isinstance(other, Operators):
            if hasattr(other, "__array_ufunc__"):
                defers = other.__array_ufunc__ is None
            else:
                defers = getattr(other, "__array_priority__", 0) > self.__array_priority__
            if defers:
                return NotImplemented
        operands = (other, self) if reflected else (self, other)
        # NumPy's function, since it asks the other operand's class too.
        return getattr(np, name)(*operands)

    return method


def _in_place(name: str) -> Callable[[Any, Any], Any]:
    def method(self: Any, other: Any) -> Any:
        return getattr(self._device.xp, name)(self, other, out=self)

    return method


def _unary(name: str) -> Callable[[Any], Any]:
    def method(self: Any) -> Any:
        return getattr(self._device.xp, name)(self)

    return method


class Operators:
    """Python's operators, each by the function of its name."""

    __slots__ = ()
    __hash__ = None  # type: ignore[assignment]

    __neg__ = _unary("negative")
    __pos__ = _unary("positive")
    __abs__ = _unary("absolute")
    __invert__ = _unary("invert")

    __lt__ = _binary("less")
    __le__ = _binary("less_equal")
    __eq__ = _binary("equal")
    __ne__ = _binary("not_equal")
    __gt__ = _binary("greater")
    __ge__ = _binary("greater_equal")

    __add__ = _binary("add")
    __radd__ = _binary("add", reflected=True)
    __iadd__ = _in_place("add")

    __sub__ = _binary("subtract")
    __rsub__ = _binary("subtract", reflected=True)
    __isub__ = _in_place("subtract")

    __mul__ = _binary("multiply")
    __rmul__ = _binary("multiply", reflected=True)
    __imul__ = _in_place("multiply")

    __truediv__ = _binary("true_divide")
    __rtruediv__ = _binary("true_divide", reflected=True)
    __itruediv__ = _in_place("true_divide")

    __floordiv__ = _binary("floor_divide")
    __rfloordiv__ = _binary("floor_divide", reflected=True)
    __ifloordiv__ = _in_place("floor_divide")

    __mod__ = _binary("remainder")
    __rmod__ = _binary("remainder", reflected=True)
    __imod__ = _in_place("remainder")

    __divmod__ = _binary("divmod")
    __rdivmod__ = _binary("divmod", reflected=True)

    __pow__ = _binary("power")
    __rpow__ = _binary("power", reflected=True)
    __ipow__ = _in_place("power")

    __matmul__ = _binary("matmul")
    __rmatmul__ = _binary("matmul", reflected=True)

    __and__ = _binary("bitwise_and")
    __rand__ = _binary("bitwise_and", reflected=True)
    __iand__ = _in_place("bitwise_and")

    __or__ = _binary("bitwise_or")
    __ror__ = _binary("bitwise_or", reflected=True)
    __ior__ = _in_place("bitwise_or")

    __xor__ = _binary("bitwise_xor")
    __rxor__ = _binary("bitwise_xor", reflected=True)
    __ixor__ = _in_place("bitwise_xor")

    __lshift__ = _binary("left_shift")
    __rlshift__ = _binary("left_shift", reflected=True)
    __ilshift__ = _in_place("left_shift")

    __rshift__ = _binary("right_shift")
    __rrshift__ = _binary("right_shift", reflected=True)
    __irshift__ = _in_place("right_shift")
