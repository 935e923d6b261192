"""Optimizers for DeZero: they change a model's parameters, given their gradients."""

from __future__ import annotations

from dezero_optim.__about__ import __version__
from dezero_optim.adam import Adam
from dezero_optim.optimizer import Optimizer
from dezero_optim.sgd import SGD

__all__ = ["SGD", "Adam", "Optimizer", "__version__"]
