"""The simple recurrent network."""

from __future__ import annotations

from functools import partial
from typing import Any, Literal

from dezero_core import Variable
from dezero_core import functions as F
from dezero_core.primitive import primitive
from dezero_core.products import matmul
from dezero_core.typing import Array, ArrayLike
from dezero_nn.functions.activations import relu
from dezero_nn.functions.recurrent._common import (
    check_operands,
    project,
    pull_composed,
    result_dtype,
    sum_rows,
    undivided,
)

__all__ = ["rnn", "rnn_cell"]


# Rules of its own, for the reasons that `lstm` has.
@primitive(extras=["states"], autocast="half")
def _rnn(
    xp: Any,
    x: Array,
    Wx: Array,
    Wh: Array,
    b: Array | None,
    h: Array | None,
    *,
    activation: str,
) -> Any:
    T, N, H = check_operands(x, Wx, Wh, gates=None, b=(b, "H"), h=(h, "NH"))
    dtype = result_dtype(xp, x, Wx, Wh, b, h)
    Wh = Wh.astype(dtype, copy=False)
    # With the state before the first step, so that the one before each step is a slice.
    states = xp.empty((T + 1, N, H), dtype)
    states[0] = 0 if h is None else h
    hs = states[1:]
    hs[...] = project(xp, x, Wx, b, dtype).reshape(T, N, H)
    product = xp.empty((N, H), dtype)
    with undivided(xp, N * Wh.size):
        for t in range(T):
            if t or h is not None:
                matmul(xp, states[t], Wh, out=product)
                hs[t] += product
            if activation == "tanh":
                xp.tanh(hs[t], out=hs[t])
            else:
                xp.maximum(hs[t], 0, out=hs[t])
    return hs if x.ndim == 3 else hs[0], states


def _rnn_back(
    xp: Any,
    gy: Any,
    needs: Any,
    x: Any,
    Wx: Any,
    Wh: Any,
    b: Any,
    h: Any,
    states: Array,
    activation: str,
) -> Any:
    if xp is F:
        return pull_composed(partial(_composed, activation), (x, Wx, Wh, b, h), gy, needs)
    hs = states[1:]
    T, N, H = hs.shape
    # How the outputs depend on what goes into the activation, for all steps at once.
    if activation == "tanh":
        gz = hs * hs
        xp.subtract(1, gz, out=gz)
    else:
        gz = (hs > 0).astype(hs.dtype)
    ghs = gy.reshape(T, N, H)
    Wh_T = xp.ascontiguousarray(Wh.T)
    gh: Any = None
    with undivided(xp, N * Wh.size):
        for t in range(T - 1, -1, -1):
            gh = ghs[t] if gh is None else xp.add(ghs[t], gh, out=gh)
            gz[t] *= gh
            if t or needs[4]:
                gh = matmul(xp, gz[t], Wh_T)
    rows = gz.reshape(T * N, H)
    return [
        matmul(xp, rows, Wx.T).reshape(x.shape) if needs[0] else None,
        matmul(xp, x.reshape(T * N, x.shape[-1]).T, rows) if needs[1] else None,
        matmul(xp, states[:-1].reshape(T * N, H).T, rows) if needs[2] else None,
        sum_rows(xp, rows) if needs[3] else None,
        gh if needs[4] else None,
    ]


def _composed(activation: str, x: Any, Wx: Any, Wh: Any, b: Any, h: Any) -> Variable:
    """Compute the same of simpler functions."""
    is_sequence = x.ndim == 3
    activate = F.tanh if activation == "tanh" else relu
    zx: Any = F.matmul(x if is_sequence else x.reshape(1, *x.shape), Wx)
    if b is not None:
        zx = zx + b
    hs = []
    for z in zx:
        h = activate(z if h is None else z + F.matmul(h, Wh))
        hs.append(h)
    return F.stack(hs) if is_sequence else h


_rnn.defvjp_joint(_rnn_back)


def rnn(
    x: ArrayLike,
    Wx: ArrayLike,
    Wh: ArrayLike,
    b: ArrayLike | None = None,
    h: ArrayLike | None = None,
    activation: Literal["tanh", "relu"] = "tanh",
) -> tuple[Variable, Variable]:
    r"""Recurrent network over whole sequences, :math:`h_t = \phi(x_t W_x + h_{t-1} W_h + b)`.

    All steps are one operation.

    Args:
        x: Sequences, of shape (T, N, I): time first.
        Wx: The weights of the inputs, of shape (I, H).
        Wh: The weights of the state, of shape (H, H).
        b: The biases, of shape (H,), or None.
        h: The first state, of shape (N, H). None for zeros.
        activation: ``"tanh"`` or ``"relu"``.

    Returns:
        The outputs of all steps, of shape (T, N, H), and the last one, the state, (N, H).

    Raises:
        ValueError: Shapes do not fit, there are no steps, or `activation` is something else.

    Example:
        >>> import numpy as np
        >>> hs, h = rnn(np.ones((3, 1, 2)), np.ones((2, 1)), np.ones((1, 1)), activation="relu")
        >>> hs.data.ravel().tolist(), h.shape
        ([2.0, 4.0, 6.0], (1, 1))

    J. Elman, "Finding Structure in Time", 1990; Deep Learning from Scratch 3, step 59.
    """
    if getattr(x, "ndim", 3) != 3:
        raise ValueError(f"rnn: x has the shape (T, N, in_size), got {x.shape}; see rnn_cell")
    hs = _rnn(x, Wx, Wh, b, h, activation=_check_activation("rnn", activation))
    return hs, hs[-1]


def rnn_cell(
    x: ArrayLike,
    Wx: ArrayLike,
    Wh: ArrayLike,
    b: ArrayLike | None = None,
    h: ArrayLike | None = None,
    activation: Literal["tanh", "relu"] = "tanh",
) -> Variable:
    """Take one step of `rnn`.

    Args:
        x: The inputs of the step, of shape (N, I).
        Wx: As for `rnn`, and so are the others.
        Wh: See above.
        b: See above.
        h: See above.
        activation: See above.

    Returns:
        The next state, of shape (N, H), which is the output.

    Raises:
        ValueError: As for `rnn`.

    Example:
        >>> import numpy as np
        >>> rnn_cell(np.ones((1, 2)), np.ones((2, 1)), np.ones((1, 1)), activation="relu")
        variable([[2.]])

    J. Elman, "Finding Structure in Time", 1990; Deep Learning from Scratch 3, step 59.
    """
    if getattr(x, "ndim", 2) != 2:
        raise ValueError(f"rnn_cell: x has the shape (N, in_size), got {x.shape}; see rnn")
    return _rnn(x, Wx, Wh, b, h, activation=_check_activation("rnn_cell", activation))


def _check_activation(name: str, activation: str) -> str:
    if activation not in ("tanh", "relu"):
        raise ValueError(f"{name}: activation is 'tanh' or 'relu', not {activation!r}")
    return activation
