"""Python's operators and NumPy's methods on Variables, set here once the functions exist."""

from __future__ import annotations

from dezero_core import functions as F
from dezero_core.primitive import Primitive
from dezero_core.variable import Variable

__all__: list[str] = []

Primitive.functions = F

Variable.__add__ = lambda x0, x1: F.add(x0, x1)  # type: ignore[method-assign]
Variable.__radd__ = lambda x0, x1: F.add(x1, x0)  # type: ignore[method-assign]
Variable.__sub__ = lambda x0, x1: F.subtract(x0, x1)  # type: ignore[method-assign]
Variable.__rsub__ = lambda x0, x1: F.subtract(x1, x0)  # type: ignore[method-assign]
Variable.__mul__ = lambda x0, x1: F.multiply(x0, x1)  # type: ignore[method-assign]
Variable.__rmul__ = lambda x0, x1: F.multiply(x1, x0)  # type: ignore[method-assign]
Variable.__pow__ = lambda x0, x1: F.power(x0, x1)  # type: ignore[method-assign]
Variable.__neg__ = lambda x: F.negative(x)  # type: ignore[method-assign]
