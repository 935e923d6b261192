"""Layers: functions that carry the parameters they learn."""

from __future__ import annotations

from dezero_nn.layers.containers import LayerDict, LayerList
from dezero_nn.layers.convolution import Conv1d, Conv2d, Deconv1d, Deconv2d
from dezero_nn.layers.layer import Layer
from dezero_nn.layers.linear import Linear
from dezero_nn.layers.pooling import AveragePooling, Pooling
from dezero_nn.layers.recurrent import GRU, LSTM, RNN, Bidirectional, reset_states

__all__ = [
    "GRU",
    "LSTM",
    "RNN",
    "AveragePooling",
    "Bidirectional",
    "Conv1d",
    "Conv2d",
    "Deconv1d",
    "Deconv2d",
    "Layer",
    "LayerDict",
    "LayerList",
    "Linear",
    "Pooling",
    "reset_states",
]
