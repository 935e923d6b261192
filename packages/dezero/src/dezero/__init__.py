"""DeZero as the book has it: one import for all packages but the GPU's.

The names are those of *Deep Learning from Scratch 3* and its released package. Nothing is defined
here: variables come from `dezero_core`, layers from `dezero_nn`, and so on. The modules are loaded
when they are first used.

>>> import numpy as np
>>> import dezero
>>> import dezero.functions as F
>>> x = dezero.Variable(np.array(1.0))
>>> F.sin(x)
variable(0.8414709848078965)
"""

from __future__ import annotations

import importlib
from typing import Any

from dezero.__about__ import __version__
from dezero.core import (
    Config,
    Function,
    Parameter,
    Variable,
    as_array,
    as_variable,
    no_grad,
    setup_variable,
    test_mode,
    using_config,
)
from dezero_data import DataLoader, Dataset, SeqDataLoader
from dezero_nn import Layer, Model

__all__ = [
    "Config",
    "DataLoader",
    "Dataset",
    "Function",
    "Layer",
    "Model",
    "Parameter",
    "SeqDataLoader",
    "Variable",
    "__version__",
    "as_array",
    "as_variable",
    "no_grad",
    "setup_variable",
    "test_mode",
    "using_config",
]

_MODULES = frozenset(
    {
        "core",
        "cuda",
        "dataloaders",
        "datasets",
        "functions",
        "functions_conv",
        "layers",
        "models",
        "optimizers",
        "transforms",
        "utils",
    }
)


def __getattr__(name: str) -> Any:
    # So `import dezero; dezero.optimizers.SGD` works without loading all of them at the start.
    if name in _MODULES:
        return importlib.import_module(f"dezero.{name}")
    raise AttributeError(f"module 'dezero' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*__all__, *_MODULES})
