"""NumPy's own functions on Variables: ``np.sin(x)``, ``np.add(array, x)``, ``array * x``.

NumPy hands a call to the class of an operand that defines `__array_ufunc__`, for functions that
work element by element, or `__array_function__`, for the others. Here they go to our function of
the same name, which records them. Where there is none, an error says what to do: to compute on the
array behind the Variable silently would lose its gradient.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from dezero_core import functions as F
from dezero_core.variable import Variable

__all__ = ["array_function", "array_ufunc"]

# NumPy's second names, where the function itself bears it.
_ALIASES = {"amax": "max", "amin": "min", "around": "round"}
# What tells about arrays and computes none: there is no gradient to lose.
_QUESTIONS = frozenset(["allclose", "array_equal", "array_equiv", "ndim", "result_type", "shape"])
_QUESTIONS |= {"isscalar", "iscomplexobj", "isrealobj", "may_share_memory", "shares_memory", "size"}
# What to call instead of a ufunc's method.
_METHODS = {
    "add.reduce": "sum",
    "multiply.reduce": "prod",
    "maximum.reduce": "max",
    "minimum.reduce": "min",
    "logaddexp.reduce": "logsumexp",
    "add.accumulate": "cumsum",
    "multiply.outer": "outer",
}

_ON_DATA = (
    "Apply it to x.data if no gradient is needed, or make an operation of it with "
    "dezero_core.primitive"
)

# Our functions by NumPy's name, after "numpy.", and by NumPy's ufunc.
_FUNCTIONS: dict[str, Callable[..., Any]] = {
    name: getattr(F, name) for name in vars(F)["__all__"] if callable(getattr(F, name))
}
_FUNCTIONS |= {alias: _FUNCTIONS[name] for alias, name in _ALIASES.items()}
_FUNCTIONS |= {f"linalg.{name}": getattr(F.linalg, name) for name in F.linalg.__all__}
_UFUNCS = {
    getattr(np, name): function
    for name, function in _FUNCTIONS.items()
    if isinstance(getattr(np, name, None), np.ufunc)
}


def array_ufunc(
    self: Variable, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any
) -> Variable:
    """Apply our function of a ufunc's name (NumPy's protocol `__array_ufunc__`).

    Raises:
        TypeError: There is none, or something is asked for that can not be recorded: a ufunc's
            method, ``out=``, ``where=``, ``dtype=``.
    """
    function = _UFUNCS.get(ufunc)
    if function is not None and method == "__call__" and not kwargs:
        return function(*inputs)  # type: ignore[no-any-return]
    name = ufunc.__name__
    if method != "__call__":
        instead = _METHODS.get(f"{name}.{method}", "")
        advice = f"Use dezero_core.functions.{instead}" if instead in _FUNCTIONS else _ON_DATA
        raise TypeError(f"numpy.{name}.{method} does not take a Variable. {advice}")
    if any(out is not None for out in kwargs.pop("out", ())):
        raise TypeError(
            f"numpy.{name}: no array is written to where Variables are computed with, by out= or "
            "by `a += x`. Write a = a + x to get a recorded result, or a += x.data to change a"
        )
    if function is None:
        raise TypeError(f"numpy.{name} {_unknown(name)}")
    if kwargs:
        raise TypeError(
            f"numpy.{name}: {next(iter(kwargs))}= does not work on Variables; "
            "dezero_core.functions has where and astype"
        )
    return function(*inputs)  # type: ignore[no-any-return]


def array_function(
    self: Variable,
    function: Callable[..., Any],
    types: tuple[type, ...],
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
) -> Any:
    """Apply our function of a NumPy function's name (NumPy's protocol `__array_function__`).

    Raises:
        TypeError: There is none, or ours does not take these arguments.
    """
    path = [*function.__module__.split(".")[1:], function.__name__]
    full_name = f"numpy.{'.'.join(path)}"
    if function.__name__ in _QUESTIONS:
        return function(*map(_data, args), **{key: _data(value) for key, value in kwargs.items()})
    ours = _FUNCTIONS.get(full_name.removeprefix("numpy."))
    if ours is None:
        raise TypeError(f"{full_name} {_unknown(path[-1])}")
    signature = inspect.signature(ours)
    # What NumPy takes, and here has no meaning, may well be given as None.
    known = signature.parameters
    kwargs = {key: value for key, value in kwargs.items() if value is not None or key in known}
    try:
        signature.bind(*args, **kwargs)
    except TypeError as error:
        where = ".".join(path)
        parameters = ", ".join(str(p.replace(annotation=p.empty)) for p in known.values())
        raise TypeError(
            f"{full_name} on a Variable is dezero_core.functions.{where}({parameters}): {error}"
        ) from None
    return ours(*args, **kwargs)


def _unknown(name: str) -> str:
    return f"is not recorded: dezero_core.functions has no {name}. {_ON_DATA}"


def _data(x: Any) -> Any:
    return x.data if isinstance(x, Variable) else x
