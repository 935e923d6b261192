"""Long short-term memory."""

from __future__ import annotations

from typing import Any

from dezero_core import Variable
from dezero_core import functions as F
from dezero_core.primitive import primitive
from dezero_core.typing import Array, ArrayLike
from dezero_nn.functions.activations import sigmoid
from dezero_nn.functions.recurrent._common import (
    activate,
    add_products,
    check_operands,
    project,
    pull_composed,
    result_dtype,
    sum_rows,
    transpose_matrices,
)

__all__ = ["lstm", "lstm_cell"]

# Rules of its own: composed, each step is a dozen operations, and each gives every weight a
# gradient, to be added up. Here a step has one product for all gates, works in place, and the
# gradients of weights are one product over all steps. The gates come first, (4, T, N, H), so that
# each is one block of memory, and so are the three that the logistic function goes to.


@primitive(extras=["hs", "cs", "gates", "tanh_cs"], multiple_outputs=True)
def _lstm(
    xp: Any,
    x: Array,
    Wx: Array,
    Wh: Array,
    b: Array | None,
    h: Array | None,
    c: Array | None,
) -> Any:
    T, N, H = check_operands(x, Wx, Wh, gates=4, b=(b, "GH"), h=(h, "NH"), c=(c, "NH"))
    dtype = result_dtype(xp, x, Wx, Wh, b, h, c)
    Wh = Wh.astype(dtype, copy=False)
    gates = project(xp, x, Wx, b, dtype).reshape(4, T, N, H)
    # With the state before the first step, so that the one before each step is a slice.
    hs, cs = xp.empty((T + 1, N, H), dtype), xp.empty((T + 1, N, H), dtype)
    tanh_cs = xp.empty((T, N, H), dtype)
    hs[0] = 0 if h is None else h
    cs[0] = 0 if c is None else c
    product, iu = xp.empty((4, N, H), dtype), xp.empty((N, H), dtype)
    for t in range(T):
        z = gates[:, t]
        if t or h is not None:
            xp.matmul(hs[t], Wh, out=product)
            z += product
        activate(xp, z, 3)
        f, i, o, u = z
        xp.multiply(f, cs[t], out=cs[t + 1])
        xp.multiply(i, u, out=iu)
        cs[t + 1] += iu
        xp.tanh(cs[t + 1], out=tanh_cs[t])
        xp.multiply(o, tanh_cs[t], out=hs[t + 1])
    # The last cell apart, so that who holds it does not hold all cells.
    return hs[1:] if x.ndim == 3 else hs[1], cs[T].copy(), hs, cs, gates, tanh_cs


def _lstm_back(
    xp: Any,
    gy: Any,
    needs: Any,
    x: Any,
    Wx: Any,
    Wh: Any,
    b: Any,
    h: Any,
    c: Any,
    hs: Array,
    cs: Array,
    gates: Array,
    tanh_cs: Array,
) -> Any:
    if xp is F:
        return pull_composed(_composed, (x, Wx, Wh, b, h, c), gy, needs)
    T, N, H = tanh_cs.shape
    ghs, gc = gy
    f, i, o, u = gates
    # All that does not depend on later steps, for all steps at once: how the cell, or, for the
    # output gate, the output, depends on what goes into a gate; and the output on the cell.
    gz = xp.subtract(1, gates)
    gz *= gates
    gz[0] *= cs[:-1]
    gz[1] *= u
    gz[2] *= tanh_cs
    xp.multiply(u, u, out=gz[3])
    xp.subtract(1, gz[3], out=gz[3])
    gz[3] *= i
    slope = tanh_cs * tanh_cs
    xp.subtract(1, slope, out=slope)
    slope *= o

    ghs = ghs.reshape(T, N, H)
    Wh_T = transpose_matrices(xp, Wh)
    gc = gc.astype(gates.dtype)  # a copy, to write into
    gh: Any = None
    parts = xp.empty((4, N, H), gates.dtype)
    for t in range(T - 1, -1, -1):
        gh = ghs[t] if gh is None else xp.add(ghs[t], gh, out=gh)
        slope[t] *= gh
        gc += slope[t]
        gz[:2, t] *= gc
        gz[2, t] *= gh
        gz[3, t] *= gc
        gc *= f[t]
        if t or needs[4]:
            xp.matmul(gz[:, t], Wh_T, out=parts)
            gh = parts.sum(axis=0)

    rows = gz.reshape(4, T * N, H)
    x2 = x.reshape(T * N, x.shape[-1])
    return [
        add_products(xp, rows, Wx).reshape(x.shape) if needs[0] else None,
        xp.matmul(x2.T, rows) if needs[1] else None,
        xp.matmul(hs[:-1].reshape(T * N, H).T, rows) if needs[2] else None,
        sum_rows(xp, rows) if needs[3] else None,
        gh if needs[4] else None,
        gc if needs[5] else None,
    ]


def _composed(x: Any, Wx: Any, Wh: Any, b: Any, h: Any, c: Any) -> tuple[Variable, Variable]:
    """Compute the same of simpler functions."""
    is_sequence = x.ndim == 3
    zx: Any = F.matmul(x if is_sequence else x.reshape(1, *x.shape), F.expand_dims(Wx, 1))
    if b is not None:
        zx = zx + b.reshape(4, 1, 1, b.shape[-1])
    hs = []
    for t in range(zx.shape[1]):
        z = zx[:, t]
        if h is not None:
            z = z + F.matmul(h, Wh)
        f, i, o, u = sigmoid(z[0]), sigmoid(z[1]), sigmoid(z[2]), F.tanh(z[3])
        c = i * u if c is None else f * c + i * u
        h = o * F.tanh(c)
        hs.append(h)
    return F.stack(hs) if is_sequence else h, c


_lstm.defvjp_joint(_lstm_back)


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
    if getattr(x, "ndim", 3) != 3:
        raise ValueError(f"lstm: x has the shape (T, N, in_size), got {x.shape}; see lstm_cell")
    hs, c = _lstm(x, Wx, Wh, b, h, c)
    return hs, hs[-1], c


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
    """
    if getattr(x, "ndim", 2) != 2:
        raise ValueError(f"lstm_cell: x has the shape (N, in_size), got {x.shape}; see lstm")
    h, c = _lstm(x, Wx, Wh, b, h, c)
    return h, c
