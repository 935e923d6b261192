"""Recurrent networks: over whole sequences as one operation each, and step by step.

Sequences are time-major, of shape (T, N, I): ``x[t]`` is the batch of step t, one block of memory,
as the steps need it. Where there are several gates, weights are stacked gate by gate, (G, I, H).
"""

from __future__ import annotations

from dezero_nn.functions.recurrent._elman import rnn, rnn_cell
from dezero_nn.functions.recurrent._gru import gru, gru_cell
from dezero_nn.functions.recurrent._lstm import lstm, lstm_cell

__all__ = ["gru", "gru_cell", "lstm", "lstm_cell", "rnn", "rnn_cell"]
