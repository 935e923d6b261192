"""Layers with a state: recurrent networks, step by step or over whole sequences."""

from __future__ import annotations

from typing import Literal

import numpy as np

from dezero_core import Variable
from dezero_core import functions as F
from dezero_core.errors import describe
from dezero_core.typing import ArrayLike, DTypeLike, Shape
from dezero_nn.functions import gru, gru_cell, rnn, rnn_cell
from dezero_nn.functions.recurrent._lstm import lstm_of_joined, lstm_step_of_joined
from dezero_nn.layers._joined import JoinedWeights, join_for_gru, join_for_lstm
from dezero_nn.layers.layer import Layer
from dezero_nn.layers.linear import Linear

__all__ = ["GRU", "LSTM", "RNN", "Bidirectional", "reset_states"]


class _Recurrent(Layer):
    """A layer whose state goes from call to call; `reset_state` begins anew."""

    h: Variable | None
    _joined: JoinedWeights

    def reset_state(self) -> None:
        """Forget the state: the next call begins a new sequence."""
        self.h = None
        self._joined = JoinedWeights()

    def _begin(self, x: ArrayLike, *inputs: Linear) -> bool:
        """Check an input, and return whether it is a whole sequence."""
        name = type(self).__name__
        shape: Shape = getattr(x, "shape", ())
        if len(shape) not in (2, 3):
            raise ValueError(
                f"{name}: the input is one step, of shape (N, in_size), or a whole sequence, "
                f"(T, N, in_size), not {describe(x)}"
            )
        if self.h is not None and self.h.shape[0] != shape[-2]:
            raise ValueError(
                f"{name}: the state is that of {self.h.shape[0]} sequences, the input is "
                f"{describe(x)}; call reset_state() to begin new sequences"
            )
        for linear in inputs:
            if linear.W.data is None:
                linear._start(x)
        return len(shape) == 3


class RNN(_Recurrent):
    r"""Recurrent layer, :math:`h_t = \tanh(x_t W_x + h_{t-1} W_h + b)`.

    It is called with one step after the other, and keeps the state; or with whole sequences at
    once, which is faster. `reset_state` begins new sequences, ``loss.unchain_backward()`` ends
    back-propagation at the state reached (truncated back-propagation through time).

    Args:
        hidden_size: The number of outputs, H.
        in_size: The number of inputs, I; None to see at the first call.
        activation: ``"tanh"`` or ``"relu"``.
        dtype: The dtype of the parameters.

    Attributes:
        h: The state, of shape (N, H); None before the first step. It may be set.
        x2h: The weights and biases of the inputs, a `Linear`.
        h2h: The weights of the state, a `Linear` without biases.

    Raises:
        TypeError: A size is no integer, or `dtype` is no floating-point type.
        ValueError: A size is less than 1, or there is no such activation. When called: the input
            has another shape, or is of another batch than the state.

    Example:
        >>> import numpy as np
        >>> layer = RNN(4)
        >>> x = np.ones((7, 2, 3), np.float32)
        >>> steps = [layer(x[t]) for t in range(7)]
        >>> layer.reset_state()
        >>> hs = layer(x)
        >>> steps[6].shape, hs.shape, np.allclose(hs.data[6], steps[6].data)
        ((2, 4), (7, 2, 4), True)

    Deep Learning from Scratch 3, step 59.
    """

    def __init__(
        self,
        hidden_size: int,
        in_size: int | None = None,
        *,
        activation: Literal["tanh", "relu"] = "tanh",
        dtype: DTypeLike = np.float32,
    ) -> None:
        if activation not in ("tanh", "relu"):
            raise ValueError(f"RNN: activation is 'tanh' or 'relu', not {activation!r}")
        self.hidden_size, self.activation = hidden_size, activation
        self.x2h = Linear(hidden_size, dtype=dtype, in_size=in_size)
        self.h2h = Linear(hidden_size, nobias=True, dtype=dtype, in_size=hidden_size)
        self.reset_state()

    def forward(self, x: ArrayLike) -> Variable:
        """Compute one step, or a whole sequence, and go on from there at the next call.

        Args:
            x: Of shape (N, I), or (T, N, I).

        Returns:
            A Variable of shape (N, H), or (T, N, H).
        """
        is_sequence = self._begin(x, self.x2h)
        weights = self.x2h.W, self.h2h.W, self.x2h.b
        if is_sequence:
            hs, self.h = rnn(x, *weights, self.h, self.activation)
            return hs
        self.h = rnn_cell(x, *weights, self.h, self.activation)
        return self.h


class LSTM(_Recurrent):
    """Long short-term memory, `dezero_nn.functions.lstm`, with learned weights.

    It is called as `RNN` is.

    Args:
        hidden_size: The number of outputs, H.
        in_size: The number of inputs, I; None to see at the first call.
        dtype: The dtype of the parameters.

    Attributes:
        h: The output state, of shape (N, H); None before the first step. It may be set.
        c: The cell state, the same.
        x2f: The weights and biases of the inputs into the forget gate, a `Linear`; and so are
            `x2i`, `x2o`, `x2u` for the input gate, the output gate and the new memory.
        h2f: The weights of the state into the forget gate, a `Linear` without biases; and so are
            `h2i`, `h2o`, `h2u`.

    Raises:
        TypeError: As for `RNN`.
        ValueError: As for `RNN`.

    Note:
        From step to step the weights of all gates are kept in one array. A change of the weights is
        seen if it goes through ``data`` of a parameter, as that of optimizers does; changes
        inside the array, ``W.data[0] = 1``, are seen after `reset_state` or `unchain_backward`.

    Example:
        >>> import numpy as np
        >>> layer = LSTM(4)
        >>> x = np.ones((7, 2, 3), np.float32)
        >>> layer(x).shape, layer.h.shape, layer.c.shape
        ((7, 2, 4), (2, 4), (2, 4))
        >>> layer(x[0]).shape
        (2, 4)

    Deep Learning from Scratch 3, step 60.
    """

    c: Variable | None

    def __init__(
        self, hidden_size: int, in_size: int | None = None, *, dtype: DTypeLike = np.float32
    ) -> None:
        self.hidden_size = hidden_size
        for gate in "fiou":
            setattr(self, f"x2{gate}", Linear(hidden_size, dtype=dtype, in_size=in_size))
        for gate in "fiou":
            setattr(self, f"h2{gate}", _recurrent_linear(hidden_size, dtype))
        self.reset_state()

    x2f: Linear
    x2i: Linear
    x2o: Linear
    x2u: Linear
    h2f: Linear
    h2i: Linear
    h2o: Linear
    h2u: Linear

    def reset_state(self) -> None:
        """Forget the states: the next call begins a new sequence."""
        super().reset_state()
        self.c = None

    def forward(self, x: ArrayLike) -> Variable:
        """Compute one step, or a whole sequence, and go on from there at the next call.

        Args:
            x: Of shape (N, I), or (T, N, I).

        Returns:
            A Variable of shape (N, H), or (T, N, H).
        """
        inputs = (self.x2f, self.x2i, self.x2o, self.x2u)
        is_sequence = self._begin(x, *inputs)
        states = (self.h2f, self.h2i, self.h2o, self.h2u)
        (W,) = self._joined.get(inputs, states, join_for_lstm)
        if is_sequence:
            hs, self.h, self.c = lstm_of_joined(x, W, self.h, self.c)
            return hs
        self.h, self.c = lstm_step_of_joined(x, W, self.h, self.c)
        return self.h


class GRU(_Recurrent):
    """Gated recurrent unit, `dezero_nn.functions.gru`, with learned weights.

    It is called as `RNN` is. What `LSTM` notes on changes of the weights holds here, too.

    Args:
        hidden_size: The number of outputs, H.
        in_size: The number of inputs, I; None to see at the first call.
        dtype: The dtype of the parameters.

    Attributes:
        h: The state, of shape (N, H); None before the first step. It may be set.
        x2r: The weights and biases of the inputs into the reset gate, a `Linear`; and so are `x2z`
            for the update gate and `x2n` for the candidate.
        h2r: The weights of the state into the reset gate, a `Linear` without biases; so is `h2z`;
            `h2n` has biases.

    Raises:
        TypeError: As for `RNN`.
        ValueError: As for `RNN`.

    Example:
        >>> import numpy as np
        >>> layer = GRU(4)
        >>> layer(np.ones((7, 2, 3), np.float32)).shape, layer.h.shape
        ((7, 2, 4), (2, 4))

    K. Cho et al., "Learning Phrase Representations using RNN Encoder-Decoder", 2014.
    """

    def __init__(
        self, hidden_size: int, in_size: int | None = None, *, dtype: DTypeLike = np.float32
    ) -> None:
        self.hidden_size = hidden_size
        for gate in "rzn":
            setattr(self, f"x2{gate}", Linear(hidden_size, dtype=dtype, in_size=in_size))
        for gate in "rzn":
            setattr(self, f"h2{gate}", _recurrent_linear(hidden_size, dtype, nobias=gate != "n"))
        self.reset_state()

    x2r: Linear
    x2z: Linear
    x2n: Linear
    h2r: Linear
    h2z: Linear
    h2n: Linear

    def forward(self, x: ArrayLike) -> Variable:
        """Compute one step, or a whole sequence, and go on from there at the next call.

        Args:
            x: Of shape (N, I), or (T, N, I).

        Returns:
            A Variable of shape (N, H), or (T, N, H).
        """
        inputs = (self.x2r, self.x2z, self.x2n)
        is_sequence = self._begin(x, *inputs)
        Wx, Wh, b = self._joined.get(inputs, (self.h2r, self.h2z, self.h2n), join_for_gru)
        if is_sequence:
            hs, self.h = gru(x, Wx, Wh, b, self.h2n.b, self.h)
            return hs
        self.h = gru_cell(x, Wx, Wh, b, self.h2n.b, self.h)
        return self.h


class Bidirectional(Layer):
    r"""Two recurrent layers over whole sequences, the second one from the end to the beginning.

    .. math:: y_t = [\overrightarrow{h_t}, \overleftarrow{h_t}]

    Each call begins new sequences. The last state of a direction is ``forwards.h``, or
    ``backwards.h``.

    Args:
        forwards: A recurrent layer.
        backwards: Another one.

    Raises:
        TypeError: One is no recurrent layer.
        ValueError: When called: the input is no whole sequence.

    Example:
        >>> import numpy as np
        >>> from dezero_nn import Sequential
        >>> model = Sequential(Bidirectional(GRU(4), GRU(4)), Bidirectional(GRU(5), GRU(5)))
        >>> model(np.ones((7, 2, 3), np.float32)).shape
        (7, 2, 10)

    M. Schuster, K. Paliwal, "Bidirectional Recurrent Neural Networks", 1997.
    """

    def __init__(self, forwards: RNN | LSTM | GRU, backwards: RNN | LSTM | GRU) -> None:
        for layer in (forwards, backwards):
            if not isinstance(layer, _Recurrent):
                raise TypeError(f"Bidirectional: {layer!r} is no recurrent layer")
        if forwards is backwards:
            raise ValueError("Bidirectional: each direction needs a layer of its own")
        self.forwards = forwards
        self.backwards = backwards

    def forward(self, x: ArrayLike) -> Variable:
        """Compute both directions.

        Args:
            x: Sequences, of shape (T, N, I).

        Returns:
            The outputs of both, side by side, of shape (T, N, H of one + H of the other).
        """
        if len(getattr(x, "shape", ())) != 3:
            raise ValueError(
                f"Bidirectional: the input is a whole sequence, of shape (T, N, in_size), not "
                f"{describe(x)}"
            )
        self.forwards.reset_state()
        self.backwards.reset_state()
        back = self.backwards(x[::-1])
        return F.concatenate([self.forwards(x), back[::-1]], axis=2)


def reset_states(model: Layer) -> None:
    """Let all recurrent layers inside a model begin new sequences.

    Args:
        model: A model, or a layer.

    Example:
        >>> import numpy as np
        >>> from dezero_nn import Linear, Sequential
        >>> model = Sequential(LSTM(8), LSTM(8), Linear(1))
        >>> model(np.ones((2, 3), np.float32)).shape
        (2, 1)
        >>> reset_states(model)
        >>> print(model[0].h)
        None
    """
    for _, layer in model.namedlayers():
        if isinstance(layer, _Recurrent):
            layer.reset_state()


def _recurrent_linear(size: int, dtype: DTypeLike, nobias: bool = True) -> Linear:
    return Linear(size, nobias=nobias, dtype=dtype, in_size=size)
