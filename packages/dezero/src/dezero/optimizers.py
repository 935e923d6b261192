"""Optimizers (book step 46): those of `dezero_optim`."""

from __future__ import annotations

from dezero_optim import SGD, Adam, Optimizer

__all__ = ["SGD", "Adam", "Optimizer"]
