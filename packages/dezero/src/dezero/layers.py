"""Layers (book step 44): those of `dezero_nn`."""

from __future__ import annotations

from dezero_core import Parameter
from dezero_nn import Layer, Linear

__all__ = ["Layer", "Linear", "Parameter"]
