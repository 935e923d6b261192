"""The core as the book has it in steps 23 to 32: the same names as in `dezero.core`.

There it is a smaller core, of which `backward` computes plain arrays. Here there is one core, which
does all that the smaller one does, and gradients are Variables from the start.
"""

from __future__ import annotations

from dezero.core import (
    Config,
    Function,
    Variable,
    add,
    as_array,
    as_variable,
    div,
    mul,
    neg,
    no_grad,
    pow,
    rdiv,
    rsub,
    setup_variable,
    sub,
    using_config,
)

__all__ = [
    "Config",
    "Function",
    "Variable",
    "add",
    "as_array",
    "as_variable",
    "div",
    "mul",
    "neg",
    "no_grad",
    "pow",
    "rdiv",
    "rsub",
    "setup_variable",
    "sub",
    "using_config",
]
