"""Layers (book step 44): those of `dezero_nn`. `EmbedID` is the book's name for `Embedding`."""

from __future__ import annotations

from dezero_core import (
    Parameter,
)
from dezero_nn.layers import (
    GRU,
    LSTM,
    RNN,
    AveragePooling,
    BatchNorm,
    Bidirectional,
    Conv1d,
    Conv2d,
    Deconv1d,
    Deconv2d,
    Dropout,
    Embedding,
    GroupNorm,
    Layer,
    LayerDict,
    LayerList,
    LayerNorm,
    Linear,
    LoadReport,
    MultiHeadAttention,
    Persistent,
    Pooling,
    RMSNorm,
    TransformerBlock,
    reset_states,
)

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
    "EmbedID",
    "Embedding",
    "GroupNorm",
    "Layer",
    "LayerDict",
    "LayerList",
    "LayerNorm",
    "Linear",
    "LoadReport",
    "MultiHeadAttention",
    "Parameter",
    "Persistent",
    "Pooling",
    "RMSNorm",
    "TransformerBlock",
    "reset_states",
]

EmbedID = Embedding
