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
from dezero_nn.functions.attention import scaled_dot_product_attention
from dezero_nn.functions.batch_normalization import batch_norm
from dezero_nn.functions.connections import linear, linear_simple
from dezero_nn.functions.convolution import (
    conv1d,
    conv2d,
    conv2d_simple,
    deconv1d,
    deconv2d,
)
from dezero_nn.functions.cross_entropy import softmax_cross_entropy, softmax_cross_entropy_simple
from dezero_nn.functions.dropout import dropout
from dezero_nn.functions.embedding import embedding
from dezero_nn.functions.evaluation import accuracy
from dezero_nn.functions.losses import (
    huber,
    mean_absolute_error,
    mean_squared_error,
    mean_squared_error_simple,
)
from dezero_nn.functions.normalization import group_norm, layer_norm, rms_norm
from dezero_nn.functions.pooling import average_pooling, pooling, pooling_simple
from dezero_nn.functions.probability_losses import (
    binary_cross_entropy,
    kl_divergence,
    sigmoid_cross_entropy,
)
from dezero_nn.functions.rectifiers import elu, gelu, leaky_relu, silu, softplus
from dezero_nn.functions.recurrent import gru, gru_cell, lstm, lstm_cell, rnn, rnn_cell
from dezero_nn.functions.upsampling import upsample_nearest
from dezero_nn.functions.windows import col2im, im2col

__all__ = [
    "accuracy",
    "average_pooling",
    "batch_norm",
    "binary_cross_entropy",
    "col2im",
    "conv1d",
    "conv2d",
    "conv2d_simple",
    "deconv1d",
    "deconv2d",
    "dropout",
    "elu",
    "embedding",
    "gelu",
    "group_norm",
    "gru",
    "gru_cell",
    "huber",
    "im2col",
    "kl_divergence",
    "layer_norm",
    "leaky_relu",
    "linear",
    "linear_simple",
    "log_softmax",
    "lstm",
    "lstm_cell",
    "mean_absolute_error",
    "mean_squared_error",
    "mean_squared_error_simple",
    "pooling",
    "pooling_simple",
    "relu",
    "rms_norm",
    "rnn",
    "rnn_cell",
    "scaled_dot_product_attention",
    "sigmoid",
    "sigmoid_cross_entropy",
    "sigmoid_simple",
    "silu",
    "softmax",
    "softmax_cross_entropy",
    "softmax_cross_entropy_simple",
    "softmax_simple",
    "softplus",
    "upsample_nearest",
]
