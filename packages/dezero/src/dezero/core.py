"""Variables and operations (book steps 1 to 36): what `dezero_core` offers.

The operators have the names of the book's functions here; `power` and its like, with NumPy's names,
are in `dezero.functions`.
"""

from __future__ import annotations

from dezero_core import (
    Config,
    Function,
    Parameter,
    Variable,
    as_array,
    as_variable,
    autocast,
    no_grad,
    test_mode,
    using_config,
)
from dezero_core.functions import add, divide, multiply, negative, power, subtract
from dezero_core.typing import ArrayLike

__all__ = [
    "Config",
    "Function",
    "Parameter",
    "Variable",
    "add",
    "as_array",
    "as_variable",
    "autocast",
    "div",
    "mul",
    "neg",
    "no_grad",
    "pow",
    "rdiv",
    "rsub",
    "setup_variable",
    "sub",
    "test_mode",
    "using_config",
]

div = divide
mul = multiply
neg = negative
pow = power
sub = subtract


def rdiv(x0: ArrayLike, x1: ArrayLike) -> Variable:
    """Return ``x1 / x0``: the division with its operands the other way round (book step 22).

    Args:
        x0: What is divided by, a Variable, an array or a number.
        x1: What is divided, of a shape that is broadcast with that of `x0`.

    Returns:
        The quotient.

    Example:
        >>> rdiv(2.0, 3.0)
        variable(1.5)
    """
    return divide(x1, x0)


def rsub(x0: ArrayLike, x1: ArrayLike) -> Variable:
    """Return ``x1 - x0``: the subtraction with its operands the other way round (book step 22).

    Args:
        x0: What is subtracted, a Variable, an array or a number.
        x1: What it is subtracted from, of a shape that is broadcast with that of `x0`.

    Returns:
        The difference.

    Example:
        >>> rsub(2.0, 3.0)
        variable(1.0)
    """
    return subtract(x1, x0)


def setup_variable() -> None:
    """Do nothing: Variables have their operators from the start.

    In the book's package this call gives them the operators (step 23). It is here so that programs
    that make it go on working.
    """
