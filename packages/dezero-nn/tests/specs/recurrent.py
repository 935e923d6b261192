"""Recurrent networks against loops over steps in NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np

from dezero_core.testing.specs import OperationSpec, Sampler, normal
from dezero_nn import functions as F

STEPS, BATCH, SIZE, HIDDEN = 4, 3, 2, 5


def logistic(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def rnn(x: Any, Wx: Any, Wh: Any, b: Any = 0.0, h: Any = 0.0, activation: str = "tanh") -> Any:
    h = np.zeros((x.shape[1], Wh.shape[0])) + h
    hs = []
    for xt in x:
        z = xt @ Wx + h @ Wh + b
        h = np.tanh(z) if activation == "tanh" else np.maximum(z, 0)
        hs.append(h)
    return np.stack(hs), h


def lstm(x: Any, Wx: Any, Wh: Any, b: Any = None, h: Any = 0.0, c: Any = 0.0) -> Any:
    h = np.zeros((x.shape[1], Wh.shape[-1])) + h
    b = np.zeros((4, 1)) if b is None else b
    hs = []
    for xt in x:
        f, i, o, u = (xt @ Wx[g] + h @ Wh[g] + b[g] for g in range(4))
        c = logistic(f) * c + logistic(i) * np.tanh(u)
        h = logistic(o) * np.tanh(c)
        hs.append(h)
    return np.stack(hs), h, c


def gru(x: Any, Wx: Any, Wh: Any, b: Any = None, bh: Any = 0.0, h: Any = 0.0) -> Any:
    h = np.zeros((x.shape[1], Wh.shape[-1])) + h
    b = np.zeros((3, 1)) if b is None else b
    hs = []
    for xt in x:
        r = logistic(xt @ Wx[0] + h @ Wh[0] + b[0])
        z = logistic(xt @ Wx[1] + h @ Wh[1] + b[1])
        n = np.tanh(xt @ Wx[2] + b[2] + r * (h @ Wh[2] + bh))
        h = (1 - z) * n + z * h
        hs.append(h)
    return np.stack(hs), h


def small(*shape: int) -> Sampler:
    """Weights: saturated gates would hide mistakes."""
    return lambda rng: rng.normal(size=shape) * 0.5


def _row(name: str, function: Any, reference: Any, *operands: Any, **more: Any) -> OperationSpec:
    positions = tuple(range(len(operands)))
    return OperationSpec(name, function, operands, reference, differentiable=positions, **more)


def _cell(reference: Any) -> Any:
    def step(x: Any, *rest: Any) -> Any:
        _, *states = reference(x[None], *rest)
        return states[0] if len(states) == 1 else tuple(states)

    return step


def _none_first(function: Any, n: int) -> Any:
    """Leave the operands before the states out."""
    return lambda x, Wx, Wh, *states: function(x, Wx, Wh, *[None] * n, *states)


SEQUENCE, STEP, STATE = normal(STEPS, BATCH, SIZE), normal(BATCH, SIZE), normal(BATCH, HIDDEN)
RNN = (small(SIZE, HIDDEN), small(HIDDEN, HIDDEN))
LSTM = (small(4, SIZE, HIDDEN), small(4, HIDDEN, HIDDEN))
GRU = (small(3, SIZE, HIDDEN), small(3, HIDDEN, HIDDEN))

SPECS = [
    _row("rnn", F.rnn, rnn, SEQUENCE, *RNN, small(HIDDEN), STATE),
    _row("rnn[no bias, zero state]", F.rnn, rnn, SEQUENCE, *RNN),
    _row("rnn[one step, batch of one]", F.rnn, rnn, normal(1, 1, SIZE), *RNN, small(HIDDEN)),
    _row(
        "rnn[one feature]",
        F.rnn,
        rnn,
        normal(STEPS, BATCH, 1),
        small(1, HIDDEN),
        small(HIDDEN, HIDDEN),
        small(HIDDEN),
    ),
    _row("rnn[empty batch]", F.rnn, rnn, normal(STEPS, 0, SIZE), *RNN, small(HIDDEN)),
    _row(
        "rnn[relu]",
        lambda *operands: F.rnn(*operands, activation="relu"),
        lambda *operands: rnn(*operands, activation="relu"),
        SEQUENCE,
        *RNN,
        small(HIDDEN),
        STATE,
    ),
    _row("rnn_cell", F.rnn_cell, _cell(rnn), STEP, *RNN, small(HIDDEN), STATE),
    _row("rnn_cell[zero state]", F.rnn_cell, _cell(rnn), STEP, *RNN),
    _row("lstm", F.lstm, lstm, SEQUENCE, *LSTM, small(4, HIDDEN), STATE, STATE),
    _row("lstm[no bias, zero state]", F.lstm, lstm, SEQUENCE, *LSTM),
    _row("lstm[one step, batch of one]", F.lstm, lstm, normal(1, 1, SIZE), *LSTM, small(4, HIDDEN)),
    _row(
        "lstm[one feature]",
        F.lstm,
        lstm,
        normal(STEPS, BATCH, 1),
        small(4, 1, HIDDEN),
        small(4, HIDDEN, HIDDEN),
        small(4, HIDDEN),
    ),
    _row("lstm[empty batch]", F.lstm, lstm, normal(STEPS, 0, SIZE), *LSTM, small(4, HIDDEN)),
    _row(
        "lstm[states, no bias]",
        _none_first(F.lstm, 1),
        _none_first(lstm, 1),
        SEQUENCE,
        *LSTM,
        STATE,
        STATE,
    ),
    _row(
        "lstm[third derivative]",
        lambda *operands: F.lstm(*operands)[2],
        lambda *operands: lstm(*operands)[2],
        normal(2, 1, 1),
        small(4, 1, 1),
        small(4, 1, 1),
        order=3,
    ),
    _row("lstm_cell", F.lstm_cell, _cell(lstm), STEP, *LSTM, small(4, HIDDEN), STATE, STATE),
    _row("lstm_cell[zero state]", F.lstm_cell, _cell(lstm), STEP, *LSTM),
    _row("gru", F.gru, gru, SEQUENCE, *GRU, small(3, HIDDEN), small(HIDDEN), STATE),
    _row("gru[no bias, zero state]", F.gru, gru, SEQUENCE, *GRU),
    _row("gru[one step, batch of one]", F.gru, gru, normal(1, 1, SIZE), *GRU, small(3, HIDDEN)),
    _row(
        "gru[empty batch]",
        F.gru,
        gru,
        normal(STEPS, 0, SIZE),
        *GRU,
        small(3, HIDDEN),
        small(HIDDEN),
    ),
    _row("gru_cell", F.gru_cell, _cell(gru), STEP, *GRU, small(3, HIDDEN), small(HIDDEN), STATE),
    _row("gru_cell[zero state]", F.gru_cell, _cell(gru), STEP, *GRU),
]
