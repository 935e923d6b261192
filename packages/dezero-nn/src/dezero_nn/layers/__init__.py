"""Layers: functions that carry the parameters they learn."""

from __future__ import annotations

from dezero_nn.layers._state import LoadReport
from dezero_nn.layers.attention import MultiHeadAttention
from dezero_nn.layers.containers import LayerDict, LayerList
from dezero_nn.layers.convolution import Conv1d, Conv2d, Deconv1d, Deconv2d
from dezero_nn.layers.dropout import Dropout
from dezero_nn.layers.embedding import Embedding
from dezero_nn.layers.layer import Layer
from dezero_nn.layers.linear import Linear
from dezero_nn.layers.normalization import BatchNorm, GroupNorm, LayerNorm, RMSNorm
from dezero_nn.layers.persistent import Persistent
from dezero_nn.layers.pooling import AveragePooling, Pooling
from dezero_nn.layers.recurrent import GRU, LSTM, RNN, Bidirectional, reset_states
from dezero_nn.layers.transformer import TransformerBlock

__all__ = [
    "GRU",
    "LSTM",
    "RNN",
    "AveragePooling",
    "BatchNorm",
    "Bidirectional",
    "Conv1d",
    "Conv2d",
    "Deconv1d",
    "Deconv2d",
    "Dropout",
    "Embedding",
    "GroupNorm",
    "Layer",
    "LayerDict",
    "LayerList",
    "LayerNorm",
    "Linear",
    "LoadReport",
    "MultiHeadAttention",
    "Persistent",
    "Pooling",
    "RMSNorm",
    "TransformerBlock",
    "reset_states",
]
