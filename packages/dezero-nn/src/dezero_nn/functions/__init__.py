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
from dezero_nn.functions.convolution import (
    conv1d,
    conv2d,
    conv2d_simple,
    deconv1d,
    deconv2d,
)
from dezero_nn.functions.evaluation import accuracy
from dezero_nn.functions.losses import (
    mean_squared_error,
    mean_squared_error_simple,
    softmax_cross_entropy,
    softmax_cross_entropy_simple,
)
from dezero_nn.functions.pooling import average_pooling, pooling, pooling_simple
from dezero_nn.functions.recurrent import gru, gru_cell, lstm, lstm_cell, rnn, rnn_cell
from dezero_nn.functions.upsampling import upsample_nearest
from dezero_nn.functions.windows import col2im, im2col

__all__ = [
    "accuracy",
    "average_pooling",
    "col2im",
    "conv1d",
    "conv2d",
    "conv2d_simple",
    "deconv1d",
    "deconv2d",
    "gru",
    "gru_cell",
    "im2col",
    "linear",
    "linear_simple",
    "log_softmax",
    "lstm",
    "lstm_cell",
    "mean_squared_error",
    "mean_squared_error_simple",
    "pooling",
    "pooling_simple",
    "relu",
    "rnn",
    "rnn_cell",
    "sigmoid",
    "sigmoid_simple",
    "softmax",
    "softmax_cross_entropy",
    "softmax_cross_entropy_simple",
    "softmax_simple",
    "upsample_nearest",
]
