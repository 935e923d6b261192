"""Automatic differentiation on NumPy: variables, operations with rules, backends, transforms."""

from __future__ import annotations

from dezero_core import functions, operators
from dezero_core.__about__ import __version__
from dezero_core.anomaly import AnomalyError, detect_anomaly
from dezero_core.autocast import autocast
from dezero_core.backend import as_numpy, get_array_module
from dezero_core.config import Config, no_grad, test_mode, using_config
from dezero_core.devices import Device
from dezero_core.errors import GraphError
from dezero_core.function import Function
from dezero_core.primitive import Primitive, primitive
from dezero_core.profiler import profile
from dezero_core.transforms import grad, hessian, hvp, jacobian, jvp, value_and_grad, vjp
from dezero_core.variable import Parameter, Variable, as_array, as_variable

__all__ = [
    "AnomalyError",
    "Config",
    "Device",
    "Function",
    "GraphError",
    "Parameter",
    "Primitive",
    "Variable",
    "__version__",
    "as_array",
    "as_numpy",
    "as_variable",
    "autocast",
    "detect_anomaly",
    "functions",
    "get_array_module",
    "grad",
    "hessian",
    "hvp",
    "jacobian",
    "jvp",
    "no_grad",
    "primitive",
    "profile",
    "test_mode",
    "using_config",
    "value_and_grad",
    "vjp",
]

del operators
