"""DeZero as the book has it: one import for all packages but the GPU's.

The names are those of *Deep Learning from Scratch 3* and its released package. Nothing is defined
here: variables come from `dezero_core`, layers from `dezero_nn`, and so on. What is not needed for
variables is loaded when it is first used.

>>> import numpy as np
>>> import dezero
>>> import dezero.functions as F
>>> x = dezero.Variable(np.array(1.0))
>>> F.sin(x)
variable(0.8414709848078965)
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from dezero.__about__ import __version__
from dezero.core import (
    Config,
    Function,
    Parameter,
    Variable,
    as_array,
    as_variable,
    autocast,
    no_grad,
    setup_variable,
    test_mode,
    using_config,
)

if TYPE_CHECKING:
    from dezero import (
        core,
        core_simple,
        cuda,
        dataloaders,
        datasets,
        functions,
        functions_conv,
        layers,
        models,
        optimizers,
        transforms,
        utils,
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
    "autocast",
    "core",
    "core_simple",
    "cuda",
    "dataloaders",
    "datasets",
    "functions",
    "functions_conv",
    "layers",
    "models",
    "no_grad",
    "optimizers",
    "setup_variable",
    "test_mode",
    "transforms",
    "using_config",
    "utils",
]

# Where a name is, if it is no module of this package.
_HOMES = {
    "DataLoader": "dezero_data",
    "Dataset": "dezero_data",
    "Layer": "dezero_nn",
    "Model": "dezero_nn",
    "SeqDataLoader": "dezero_data",
}


if not TYPE_CHECKING:  # which would take any name for one of the package

    def __getattr__(name: str) -> Any:
        # So `import dezero; dezero.optimizers.SGD` works without loading all of them at the start.
        if name not in __all__:
            raise AttributeError(f"module 'dezero' has no attribute {name!r}")
        if name in _HOMES:
            value: Any = getattr(importlib.import_module(_HOMES[name]), name)
        else:
            value = importlib.import_module(f"dezero.{name}")
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return list(__all__)
