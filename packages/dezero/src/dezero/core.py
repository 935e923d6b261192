"""Variables and operations (book steps 1 to 36): what `dezero_core` offers."""

from __future__ import annotations

from dezero_core import (
    Config,
    Function,
    Parameter,
    Variable,
    as_array,
    as_variable,
    no_grad,
    test_mode,
    using_config,
)

__all__ = [
    "Config",
    "Function",
    "Parameter",
    "Variable",
    "as_array",
    "as_variable",
    "no_grad",
    "setup_variable",
    "test_mode",
    "using_config",
]


def setup_variable() -> None:
    """Do nothing: Variables have their operators from the start.

    In the book's package this call gives them the operators (step 23). It is here so that programs
    that make it go on working.
    """
