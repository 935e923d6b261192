"""Neural networks for DeZero: functions, layers, models, weight files.

>>> import numpy as np
>>> from dezero_nn import MLP, relu, softmax_cross_entropy
>>> model = MLP((100, 10), activation=relu)
>>> x, t = np.zeros((32, 64), dtype=np.float32), np.zeros(32, dtype=int)
>>> loss = softmax_cross_entropy(model(x), t)
>>> loss.backward()
>>> [p.grad.shape for p in model.params()]
[(64, 100), (100,), (100, 10), (10,)]
"""

from __future__ import annotations

from dezero_nn import functions, initializers, layers, models
from dezero_nn.__about__ import __version__
from dezero_nn.checkpoint import Checkpoint
from dezero_nn.functions import (
    accuracy,
    batch_norm,
    binary_cross_entropy,
    dropout,
    elu,
    embedding,
    gelu,
    group_norm,
    huber,
    kl_divergence,
    layer_norm,
    leaky_relu,
    linear,
    linear_simple,
    log_softmax,
    mean_absolute_error,
    mean_squared_error,
    mean_squared_error_simple,
    relu,
    rms_norm,
    sigmoid,
    sigmoid_cross_entropy,
    sigmoid_simple,
    silu,
    softmax,
    softmax_cross_entropy,
    softmax_cross_entropy_simple,
    softmax_simple,
    softplus,
)
from dezero_nn.layers import (
    BatchNorm,
    Dropout,
    Embedding,
    GroupNorm,
    Layer,
    LayerDict,
    LayerList,
    LayerNorm,
    Linear,
    Persistent,
    RMSNorm,
)
from dezero_nn.models import (
    MLP,
    VGG16,
    Model,
    ResNet,
    ResNet18,
    ResNet50,
    ResNet101,
    ResNet152,
    Sequential,
    SqueezeNet,
)
from dezero_nn.summaries import summary

__all__ = [
    "MLP",
    "VGG16",
    "BatchNorm",
    "Checkpoint",
    "Dropout",
    "Embedding",
    "GroupNorm",
    "Layer",
    "LayerDict",
    "LayerList",
    "LayerNorm",
    "Linear",
    "Model",
    "Persistent",
    "RMSNorm",
    "ResNet",
    "ResNet18",
    "ResNet50",
    "ResNet101",
    "ResNet152",
    "Sequential",
    "SqueezeNet",
    "__version__",
    "accuracy",
    "batch_norm",
    "binary_cross_entropy",
    "dropout",
    "elu",
    "embedding",
    "functions",
    "gelu",
    "group_norm",
    "huber",
    "initializers",
    "kl_divergence",
    "layer_norm",
    "layers",
    "leaky_relu",
    "linear",
    "linear_simple",
    "log_softmax",
    "mean_absolute_error",
    "mean_squared_error",
    "mean_squared_error_simple",
    "models",
    "relu",
    "rms_norm",
    "sigmoid",
    "sigmoid_cross_entropy",
    "sigmoid_simple",
    "silu",
    "softmax",
    "softmax_cross_entropy",
    "softmax_cross_entropy_simple",
    "softmax_simple",
    "softplus",
    "summary",
]
