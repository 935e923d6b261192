"""Long short-term memory."""

from __future__ import annotations

from typing import Any

from dezero_core import Variable
from dezero_core import functions as F
from dezero_core.errors import describe
from dezero_core.parallel import matmul
from dezero_core.primitive import primitive
from dezero_core.typing import Array, ArrayLike
from dezero_nn.functions.activations import sigmoid
from dezero_nn.functions.recurrent._common import (
    pull_composed,
    result_dtype,
    transpose_matrices,
)
from dezero_nn.functions.recurrent._lstm_steps import step, step_back, steps, steps_back

__all__ = ["join_weights", "lstm", "lstm_cell", "lstm_of_joined", "lstm_step_of_joined"]

# Rules of its own: composed, each step is a dozen operations, and each gives every weight a
# gradient, to be added up. Here a step has one product for all gates and works in place, and over
# a whole sequence the gradient of the weights is one product for all steps.
#
# Weights are joined, (4, I + 1 + H, H): those of the inputs, the biases, as weights of an input
# that is always 1, and those of the state. The gates come first, (4, T, N, H), so that each is one
# block of memory.


def _check(x: Array, W: Array, h: Array | None, c: Array | None) -> tuple[int, int]:
    """Make sure that shapes fit, and return I and H."""
    H = W.shape[-1]
    in_size = W.shape[1] - 1 - H
    if x.shape[-1] != in_size:
        raise ValueError(f"x has {x.shape[-1]} features, the weights take {in_size}")
    if x.ndim == 3 and not len(x):
        raise ValueError("x has no steps: a sequence is at least one step long")
    for name, state in (("h", h), ("c", c)):
        if state is not None and state.shape != (x.shape[-2], H):
            raise ValueError(
                f"{name} has the shape (N, hidden_size), here {[x.shape[-2], H]}, not "
                f"{describe(state)}"
            )
    return in_size, H


# --- one step ------------------------------------------------------------------------------------


@primitive(extras=["inputs", "gates", "tanh_c"], multiple_outputs=True, autocast="half")
def _lstm_step(
    xp: Any, x: Array, W: Array, W_T: Array | None, h: Array | None, c: Array | None
) -> Any:
    in_size, _ = _check(x, W, h, c)
    inputs = xp.empty((len(x), W.shape[1]), result_dtype(xp, x, W, h, c))
    inputs[:, :in_size] = x
    inputs[:, in_size] = 1
    inputs[:, in_size + 1 :] = 0 if h is None else h
    gates = matmul(xp, inputs, W)
    h, c, tanh_c = step(xp, gates, c)
    return h, c, inputs, gates, tanh_c


def _lstm_step_back(
    xp: Any,
    gy: Any,
    needs: Any,
    x: Any,
    W: Any,
    W_T: Any,
    h: Any,
    c: Any,
    inputs: Array,
    gates: Array,
    tanh_c: Array,
) -> Any:
    if xp is F:
        needs = (*needs[:2], *needs[3:])
        gradients = pull_composed(_composed, (x, W, h, c), gy, needs)
        return [*gradients[:2], None, *gradients[2:]]
    gh, gc = gy
    gz, gc = step_back(xp, gates, c, tanh_c, gh, gc)
    gx: Any = None
    gh = None
    if needs[0] or needs[3]:
        W_T = transpose_matrices(xp, W) if W_T is None else W_T
        first_of_h = x.shape[-1] + 1
        first = 0 if needs[0] else first_of_h
        g = matmul(xp, gz, W_T[:, :, first:]).sum(axis=0)
        gx, gh = g[:, : x.shape[-1]], g[:, first_of_h - first :]
    return [
        gx if needs[0] else None,
        matmul(xp, inputs.T, gz) if needs[1] else None,
        None,
        gh if needs[3] else None,
        gc if needs[4] else None,
    ]


_lstm_step.defvjp_joint(_lstm_step_back)

# --- all steps -----------------------------------------------------------------------------------


@primitive(
    extras=["inputs", "hs", "cs", "gates", "tanh_cs"], multiple_outputs=True, autocast="half"
)
def _lstm(xp: Any, x: Array, W: Array, h: Array | None, c: Array | None) -> Any:
    in_size, H = _check(x, W, h, c)
    T, N, _ = x.shape
    dtype = result_dtype(xp, x, W, h, c)
    W = W.astype(dtype, copy=False)
    inputs = xp.empty((T * N, in_size + 1), dtype)
    inputs[:, :in_size] = x.reshape(T * N, in_size)
    inputs[:, in_size] = 1
    gates = matmul(xp, inputs, W[:, : in_size + 1]).reshape(4, T, N, H)
    Wh = W[:, in_size + 1 :]
    # With the state before the first step, so that the one before each step is a slice.
    hs, cs = xp.empty((T + 1, N, H), dtype), xp.empty((T + 1, N, H), dtype)
    tanh_cs = xp.empty((T, N, H), dtype)
    hs[0] = 0 if h is None else h
    cs[0] = 0 if c is None else c
    steps(xp, Wh, gates, cs, tanh_cs, hs, from_zeros=h is None)
    # The last cell apart, so that who holds it does not hold all cells.
    return hs[1:], cs[T].copy(), inputs, hs, cs, gates, tanh_cs


def _lstm_back(
    xp: Any,
    gy: Any,
    needs: Any,
    x: Any,
    W: Any,
    h: Any,
    c: Any,
    inputs: Array,
    hs: Array,
    cs: Array,
    gates: Array,
    tanh_cs: Array,
) -> Any:
    if xp is F:
        return pull_composed(_composed, (x, W, h, c), gy, needs)
    T, N, H = tanh_cs.shape
    in_size = x.shape[-1]
    W_T = transpose_matrices(xp, W)
    Wh_T = W_T[:, :, in_size + 1 :]
    gz, gh, gc = steps_back(xp, Wh_T, gates, cs, tanh_cs, *gy, to_first=needs[2])

    rows = gz.reshape(4, T * N, H)
    gx: Any = None
    if needs[0]:
        gx = matmul(xp, rows[0], W_T[0, :, :in_size])
        for g in range(1, 4):
            gx += matmul(xp, rows[g], W_T[g, :, :in_size])
        gx = gx.reshape(x.shape)
    gW: Any = None
    if needs[1]:
        gW = xp.empty(W.shape, gates.dtype)
        matmul(xp, inputs.T, rows, out=gW[:, : in_size + 1])
        matmul(xp, hs[:-1].reshape(T * N, H).T, rows, out=gW[:, in_size + 1 :])
    return [gx, gW, gh, gc if needs[3] else None]


_lstm.defvjp_joint(_lstm_back)


def _composed(x: Any, W: Any, h: Any, c: Any) -> tuple[Variable, Variable]:
    """Compute the same of simpler functions, for one step or for all."""
    n = x.shape[-1]
    Wx, b, Wh = W[:, :n], W[:, n : n + 1], W[:, n + 1 :]
    hs = []
    for t in range(len(x)) if x.ndim == 3 else [...]:
        z: Any = F.matmul(x[t], Wx) + b
        if h is not None:
            z = z + F.matmul(h, Wh)
        f, i, o, u = sigmoid(z[0]), sigmoid(z[1]), sigmoid(z[2]), F.tanh(z[3])
        c = i * u if c is None else f * c + i * u
        h = o * F.tanh(c)
        hs.append(h)
    return F.stack(hs) if x.ndim == 3 else h, c


# --- what users call -----------------------------------------------------------------------------


def join_weights(Wx: Any, Wh: Any, b: Any) -> Variable:
    """Join weights of the shapes (4, I, H) and (4, H, H) and biases (4, H), or None."""
    b = F.zeros_like(Wx[:, :1]).detach() if b is None else b.reshape(4, 1, b.shape[-1])
    return F.concatenate([Wx, b, Wh], axis=1)


def lstm_of_joined(
    x: Any, W: Any, h: Any = None, c: Any = None
) -> tuple[Variable, Variable, Variable]:
    """Compute `lstm` with joined weights."""
    hs, c = _lstm(x, W, h, c)
    return hs, hs[-1], c


def lstm_step_of_joined(
    x: Any, W: Any, W_T: Any = None, h: Any = None, c: Any = None
) -> tuple[Variable, Variable]:
    """Compute `lstm_cell` with joined weights, and their arrays transposed, if they are there."""
    h, c = _lstm_step(x, W, W_T, h, c)
    return h, c


def _check_weights(name: str, x: Any, dims: int, Wx: Any, Wh: Any, b: Any) -> None:
    wanted = "(T, N, in_size)" if dims == 3 else "(N, in_size)"
    if getattr(x, "ndim", 0) != dims:
        other = "lstm_cell" if dims == 3 else "lstm"
        raise ValueError(
            f"{name}: x has the shape {wanted}, not {describe(x)}; for other input see {other}"
        )
    if getattr(Wx, "ndim", 0) != 3 or Wx.shape[0] != 4:
        raise ValueError(f"{name}: Wx has the shape (4, in_size, hidden_size), not {describe(Wx)}")
    H = Wx.shape[-1]
    for letter, array, shape in (("Wh", Wh, (4, H, H)), ("b", b, (4, H))):
        if (array is not None or letter == "Wh") and getattr(array, "shape", None) != shape:
            raise ValueError(
                f"{name}: beside {H} hidden units in Wx, {letter} has the shape {list(shape)}, not "
                f"{describe(array)}"
            )


def lstm(
    x: ArrayLike,
    Wx: ArrayLike,
    Wh: ArrayLike,
    b: ArrayLike | None = None,
    h: ArrayLike | None = None,
    c: ArrayLike | None = None,
) -> tuple[Variable, Variable, Variable]:
    r"""Long short-term memory over whole sequences, all steps as one operation.

    .. math::
        f_t, i_t, o_t &= \sigma(x_t W_x^{f,i,o} + h_{t-1} W_h^{f,i,o} + b^{f,i,o}), \quad
        u_t = \tanh(x_t W_x^u + h_{t-1} W_h^u + b^u) \\
        c_t &= f_t c_{t-1} + i_t u_t, \quad h_t = o_t \tanh(c_t)

    Args:
        x: Sequences, of shape (T, N, I): time first.
        Wx: One matrix for each gate, in the order f, i, o, u; of shape (4, I, H).
        Wh: The same for the state, of shape (4, H, H).
        b: The biases, of shape (4, H), or None.
        h: The first output state, of shape (N, H). None for zeros.
        c: The first cell state, of shape (N, H). None for zeros.

    Returns:
        The outputs of all steps, of shape (T, N, H), and the last states h and c, (N, H) each.

    Raises:
        ValueError: Shapes do not fit, or there are no steps.

    Example:
        >>> import numpy as np
        >>> x, Wx, Wh = np.ones((5, 2, 3)), np.ones((4, 3, 1)), np.ones((4, 1, 1))
        >>> hs, h, c = lstm(x, Wx, Wh)
        >>> hs.shape, h.shape, round(float(c[0, 0]), 3)
        ((5, 2, 1), (2, 1), 4.684)

    S. Hochreiter, J. Schmidhuber, "Long Short-Term Memory", 1997; F. Gers et al., "Learning to
    Forget", 2000; Deep Learning from Scratch 3, step 60.
    """
    _check_weights("lstm", x, 3, Wx, Wh, b)
    return lstm_of_joined(x, join_weights(Wx, Wh, b), h, c)


def lstm_cell(
    x: ArrayLike,
    Wx: ArrayLike,
    Wh: ArrayLike,
    b: ArrayLike | None = None,
    h: ArrayLike | None = None,
    c: ArrayLike | None = None,
) -> tuple[Variable, Variable]:
    """Take one step of `lstm`.

    Args:
        x: The inputs of the step, of shape (N, I).
        Wx: As for `lstm`, and so are the others.
        Wh: See above.
        b: See above.
        h: See above.
        c: See above.

    Returns:
        The next states h, which is the output, and c; of shape (N, H) each.

    Raises:
        ValueError: Shapes do not fit.

    Example:
        >>> import numpy as np
        >>> Wx, Wh = np.ones((4, 3, 1)), np.ones((4, 1, 1))
        >>> h, c = lstm_cell(np.ones((2, 3)), Wx, Wh)
        >>> h, c = lstm_cell(np.ones((2, 3)), Wx, Wh, None, h, c)
        >>> h.shape
        (2, 1)

    S. Hochreiter, J. Schmidhuber, "Long Short-Term Memory", 1997; Deep Learning from Scratch 3,
    step 60.
    """
    _check_weights("lstm_cell", x, 2, Wx, Wh, b)
    return lstm_step_of_joined(x, join_weights(Wx, Wh, b), None, h, c)
