"""Long short-term memory."""

from __future__ import annotations

from typing import Any

import numpy as np

from dezero_core import Variable
from dezero_core import functions as F
from dezero_core.errors import describe
from dezero_core.memory import keep_memory
from dezero_core.primitive import primitive
from dezero_core.products import matmul
from dezero_core.typing import Array, ArrayLike, Shape
from dezero_nn.functions.activations import sigmoid
from dezero_nn.functions.recurrent._common import pull_composed, result_dtype
from dezero_nn.functions.recurrent._lstm_steps import (
    take_step,
    take_step_back,
    take_steps,
    take_steps_back,
)

__all__ = ["join_weights", "lstm", "lstm_cell", "lstm_of_joined", "lstm_step_of_joined"]

# Rules of its own: composed, each step is a dozen operations, and each gives every weight a
# gradient, to be added up. Here a step has one product for all gates and works in place, and over
# a whole sequence the gradient of the weights is one product for all steps.
#
# Weights are joined, (I + 1 + H, 4 H), the gates side by side: the rows are those of the inputs,
# the biases, as weights of an input that is always 1, and those of the state. A step computes with
# an example in each column: so its product is one of two matrices, which BLAS divides well, and
# each gate of the result is one block of memory, (4, H, N).


def _check(x: Array, W: Array, h: Array | None, c: Array | None) -> tuple[int, int]:
    """Make sure that shapes fit, and return I and H."""
    H = W.shape[1] // 4
    in_size = W.shape[0] - 1 - H
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


def _columns(xp: Any, c: Array | None, shape: Shape, dtype: Any) -> Array:
    """Return a cell, (N, H), or None for zeros, as a step computes with it, (H, N)."""
    return xp.zeros(shape, dtype) if c is None else xp.ascontiguousarray(c.T)


# --- one step ------------------------------------------------------------------------------------


@primitive(extras=["inputs", "gates", "tanh_c"], multiple_outputs=True, autocast="half")
def _lstm_step(xp: Any, x: Array, W: Array, h: Array | None, c: Array | None) -> Any:
    in_size, H = _check(x, W, h, c)
    N = len(x)
    dtype = result_dtype(xp, x, W, h, c)
    inputs = xp.empty((N, len(W)), dtype)
    inputs[:, :in_size] = x
    inputs[:, in_size] = 1
    inputs[:, in_size + 1 :] = 0 if h is None else h
    gates, h_next = xp.empty((4, H, N), dtype), xp.empty((N, H), dtype)
    c_next, tanh_c = xp.empty((H, N), dtype), xp.empty((H, N), dtype)
    take_step(xp, inputs, W, _columns(xp, c, (H, N), dtype), gates, c_next, tanh_c, h_next)
    return h_next, c_next.T, inputs, gates, tanh_c


def _lstm_step_back(
    xp: Any,
    gy: Any,
    needs: Any,
    x: Any,
    W: Any,
    h: Any,
    c: Any,
    inputs: Array,
    gates: Array,
    tanh_c: Array,
) -> Any:
    if xp is F:
        return pull_composed(_composed, (x, W, h, c), gy, needs)
    in_size, dtype = x.shape[-1], gates.dtype
    gh, gc = xp.ascontiguousarray(gy[0]), gy[1].T.copy()  # a copy, to write into
    # The rows of the weights that lead to what needs a gradient.
    wanted = W if needs[0] else W[in_size + 1 :] if needs[2] else W[:0]
    gx, gW = xp.empty((len(wanted), len(x)), dtype), xp.empty(W.shape, dtype) if needs[1] else None
    c = _columns(xp, c, tanh_c.shape, dtype)
    take_step_back(xp, inputs, wanted, gates, c, tanh_c, gh, gc, gx, gW)
    return [
        gx[:in_size].T if needs[0] else None,
        gW,
        gx[len(wanted) - len(gc) :].T if needs[2] else None,
        gc.T if needs[3] else None,
    ]


_lstm_step.defvjp_joint(_lstm_step_back)

# --- all steps -----------------------------------------------------------------------------------


@primitive(
    extras=["inputs", "hs", "cs", "gates", "tanh_cs"], multiple_outputs=True, autocast="half"
)
def _lstm(xp: Any, x: Array, W: Array, h: Array | None, c: Array | None) -> Any:
    in_size, H = _check(x, W, h, c)
    if xp is np:
        keep_memory()
    T, N, _ = x.shape
    dtype = result_dtype(xp, x, W, h, c)
    W = W.astype(dtype, copy=False)
    inputs = xp.empty((T * N, in_size + 1), dtype)
    inputs[:, :in_size] = x.reshape(T * N, in_size)
    inputs[:, in_size] = 1
    gates, tanh_cs = xp.empty((T, 4, H, N), dtype), xp.empty((T, H, N), dtype)
    # With the state before the first step, so that the one before each step is a slice.
    hs, cs = xp.empty((T + 1, N, H), dtype), xp.empty((T + 1, H, N), dtype)
    hs[0] = 0 if h is None else h
    cs[0] = 0 if c is None else c.T
    of_inputs = matmul(xp, W[: in_size + 1].T, inputs.T)
    Wh = W[in_size + 1 :]
    take_steps(xp, of_inputs, Wh, hs, cs, gates, tanh_cs, from_zeros=h is None)
    # The last cell apart, so that who holds it does not hold all cells.
    return hs[1:], cs[T].T.copy(), inputs, hs, cs, gates, tanh_cs


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
    T, H, N = tanh_cs.shape
    in_size, dtype = x.shape[-1], gates.dtype
    ghs, gc = xp.ascontiguousarray(gy[0]), gy[1].T.astype(dtype, order="C")  # a copy, to write into
    gh, rows = xp.zeros((H, N), dtype), xp.empty((T, N, 4 * H), dtype)
    Wh = W[in_size + 1 :]
    take_steps_back(xp, Wh, gates, cs, tanh_cs, ghs, gh, gc, rows, to_first=needs[2])
    rows = rows.reshape(T * N, 4 * H)
    gW: Any = None
    if needs[1]:
        gW = xp.empty(W.shape, dtype)
        matmul(xp, inputs.T, rows, out=gW[: in_size + 1])
        matmul(xp, hs[:-1].reshape(T * N, H).T, rows, out=gW[in_size + 1 :])
    return [
        matmul(xp, rows, W[:in_size].T).reshape(x.shape) if needs[0] else None,
        gW,
        gh.T if needs[2] else None,
        gc.T if needs[3] else None,
    ]


_lstm.defvjp_joint(_lstm_back)


def _composed(x: Any, W: Any, h: Any, c: Any) -> tuple[Variable, Variable]:
    """Compute the same of simpler functions, for one step or for all."""
    n, H = x.shape[-1], W.shape[1] // 4
    Wx, b, Wh = W[:n], W[n], W[n + 1 :]
    hs = []
    for t in range(len(x)) if x.ndim == 3 else [...]:
        z: Any = F.matmul(x[t], Wx) + b
        if h is not None:
            z = z + F.matmul(h, Wh)
        f, i, o = (sigmoid(z[:, g * H : (g + 1) * H]) for g in range(3))
        u = F.tanh(z[:, 3 * H :])
        c = i * u if c is None else f * c + i * u
        h = o * F.tanh(c)
        hs.append(h)
    return F.stack(hs) if x.ndim == 3 else h, c


# --- what users call -----------------------------------------------------------------------------


def join_weights(Wx: Any, Wh: Any, b: Any) -> Variable:
    """Join weights of the shapes (4, I, H) and (4, H, H) and biases (4, H), or None."""
    H = Wx.shape[-1]
    Wx, Wh = F.transpose(Wx, (1, 0, 2)), F.transpose(Wh, (1, 0, 2))
    b = F.zeros_like(Wx[:1]).detach() if b is None else b.reshape(1, 4, H)
    return F.concatenate([Wx, b, Wh]).reshape(-1, 4 * H)


def lstm_of_joined(
    x: Any, W: Any, h: Any = None, c: Any = None
) -> tuple[Variable, Variable, Variable]:
    """Compute `lstm` with joined weights."""
    hs, c = _lstm(x, W, h, c)
    return hs, hs[-1], c


def lstm_step_of_joined(x: Any, W: Any, h: Any = None, c: Any = None) -> tuple[Variable, Variable]:
    """Compute `lstm_cell` with joined weights."""
    h, c = _lstm_step(x, W, h, c)
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
    return lstm_step_of_joined(x, join_weights(Wx, Wh, b), h, c)
