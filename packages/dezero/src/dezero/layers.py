"""Layers (book step 44): those of `dezero_nn`. `EmbedID` is the book's name for `Embedding`."""

from __future__ import annotations

import dezero_nn.layers
from dezero_core import Parameter
from dezero_nn.layers import *  # noqa: F403
from dezero_nn.layers import Embedding

EmbedID = Embedding

__all__: list[str] = ["EmbedID", "Parameter"]
__all__ += dezero_nn.layers.__all__
