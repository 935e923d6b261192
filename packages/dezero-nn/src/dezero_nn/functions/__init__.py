"""Functions of neural networks on Variables, each differentiable as often as you like."""

from __future__ import annotations

from dezero_nn.functions.activations import (
    log_softmax,
    relu,
    sigmoid,
    sigmoid_simple,
    softmax,
    softmax_simple,
)
from dezero_nn.functions.connections import linear, linear_simple
from dezero_nn.functions.evaluation import accuracy
from dezero_nn.functions.losses import (
    mean_squared_error,
    mean_squared_error_simple,
    softmax_cross_entropy,
    softmax_cross_entropy_simple,
)

__all__ = [
    "accuracy",
    "linear",
    "linear_simple",
    "log_softmax",
    "mean_squared_error",
    "mean_squared_error_simple",
    "relu",
    "sigmoid",
    "sigmoid_simple",
    "softmax",
    "softmax_cross_entropy",
    "softmax_cross_entropy_simple",
    "softmax_simple",
]
