"""Python's operators and NumPy's methods on Variables, set here once the functions exist."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dezero_core import functions as F
from dezero_core import (
    gradients,  # noqa: F401  (sets what Variable.backward calls)
    numpy_protocol,
)
from dezero_core.primitive import Primitive
from dezero_core.typing import ArrayLike, Axis, DTypeLike
from dezero_core.variable import Variable

__all__: list[str] = []

_Method = Callable[..., Any]

# With a Variable on either side: `__add__`, and `__radd__` for what knows no Variables.
_BINARY = {
    "add": F.add,
    "sub": F.subtract,
    "mul": F.multiply,
    "truediv": F.divide,
    "floordiv": F.floor_divide,
    "mod": F.remainder,
    "pow": F.power,
    "matmul": F.matmul,
}
_UNARY = {"neg": F.negative, "pos": F.positive, "abs": F.absolute}
# Python itself reflects these: a < b asks b > a.
_COMPARISONS = {
    "lt": F.less,
    "le": F.less_equal,
    "gt": F.greater,
    "ge": F.greater_equal,
}
_EQUALITY = {"eq": F.equal, "ne": F.not_equal}


def _reflected(primitive: Primitive[...]) -> _Method:
    function = primitive.function

    def operator(self: Variable, other: ArrayLike) -> Any:
        return function(other, self)

    return operator


def _equality(primitive: Primitive[...]) -> _Method:
    function = primitive.function

    def operator(self: Variable, other: object) -> Any:
        # What is no operand at all (None, a string) is unequal as a whole, as Python has it.
        if isinstance(other, (Variable, bool, int, float, list, tuple)) or hasattr(other, "dtype"):
            return function(self, other)
        return NotImplemented

    return operator


def _set(name: str, method: _Method) -> None:
    method.__name__ = name
    method.__qualname__ = f"Variable.{name}"
    setattr(Variable, name, method)


def _getitem(self: Variable, index: Any) -> Any:
    return F.get_item(self, index)


def _setitem(self: Variable, index: Any, value: object) -> None:
    raise TypeError(
        "x[...] = value: the elements of a Variable cannot be assigned, for then its gradient "
        "would be wrong. Compute a new one, such as F.where(mask, value, x); or change the array, "
        "x.data[...] = value, before anything is computed from it"
    )


def _shape_of(arguments: tuple[Any, ...]) -> Any:
    """Read the arguments of a method that takes a tuple, a list, or several numbers."""
    if len(arguments) == 1 and (isinstance(arguments[0], (tuple, list)) or arguments[0] is None):
        return arguments[0]
    return arguments


def _transposed(self: Variable) -> Any:
    """The variable with its axes in reverse order."""
    return F.transpose(self)


def _reshape(self: Variable, *shape: Any) -> Any:
    """Return the same elements in another shape: a tuple, a list or several numbers."""
    return F.reshape(self, _shape_of(shape))


def _transpose(self: Variable, *axes: Any) -> Any:
    """Return it with its axes in another order; reversed, if none is given."""
    return F.transpose(self, _shape_of(axes) or None)


def _flatten(self: Variable) -> Any:
    """Return all elements along one axis."""
    return F.reshape(self, (-1,))


def _astype(self: Variable, dtype: DTypeLike) -> Any:
    """Return it with elements of another type."""
    return F.astype(self, dtype)


def _sum(self: Variable, axis: Axis = None, keepdims: bool = False) -> Any:
    """Return the sum over some axes, or over all."""
    return F.sum(self, axis, keepdims)


def _mean(self: Variable, axis: Axis = None, keepdims: bool = False) -> Any:
    """Return the mean over some axes, or over all."""
    return F.mean(self, axis, keepdims)


def _max(self: Variable, axis: Axis = None, keepdims: bool = False) -> Any:
    """Return the largest element along some axes, or of all."""
    return F.max(self, axis, keepdims)


def _min(self: Variable, axis: Axis = None, keepdims: bool = False) -> Any:
    """Return the smallest element along some axes, or of all."""
    return F.min(self, axis, keepdims)


def _dot(self: Variable, other: ArrayLike) -> Any:
    """Return the product of vectors or matrices (see `functions.dot`)."""
    return F.dot(self, other)


def _matmul(self: Variable, other: ArrayLike) -> Any:
    """Return the matrix product, what ``@`` computes."""
    return F.matmul(self, other)


def _install() -> None:
    plain: dict[str, Primitive[...]] = {**_BINARY, **_UNARY, **_COMPARISONS}
    for name, primitive in plain.items():
        _set(f"__{name}__", primitive.function)
    for name, primitive in _BINARY.items():
        _set(f"__r{name}__", _reflected(primitive))
    for name, primitive in _EQUALITY.items():
        _set(f"__{name}__", _equality(primitive))
    _set("__getitem__", _getitem)
    _set("__setitem__", _setitem)
    methods: dict[str, _Method] = {
        "reshape": _reshape,
        "transpose": _transpose,
        "flatten": _flatten,
        "astype": _astype,
        "sum": _sum,
        "mean": _mean,
        "max": _max,
        "min": _min,
        "dot": _dot,
        "matmul": _matmul,
    }
    for name, method in methods.items():
        _set(name, method)
    for name, descriptor in {
        "T": property(_transposed),
        "__array_ufunc__": numpy_protocol.array_ufunc,
        "__array_function__": numpy_protocol.array_function,
    }.items():
        setattr(Variable, name, descriptor)


Primitive.functions = F
_install()
