"""The gated recurrent unit."""

from __future__ import annotations

from typing import Any

from dezero_core import Variable
from dezero_core import functions as F
from dezero_core.primitive import primitive
from dezero_core.products import matmul
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
    undivided,
)

__all__ = ["gru", "gru_cell"]


# Rules of its own, for the reasons that `lstm` has.
@primitive(extras=["hs", "gates", "recalled"], autocast="half")
def _gru(
    xp: Any,
    x: Array,
    Wx: Array,
    Wh: Array,
    b: Array | None,
    bh: Array | None,
    h: Array | None,
) -> Any:
    T, N, H = check_operands(x, Wx, Wh, gates=3, b=(b, "GH"), bh=(bh, "H"), h=(h, "NH"))
    dtype = result_dtype(xp, x, Wx, Wh, b, bh, h)
    Wh = Wh.astype(dtype, copy=False)
    gates = project(xp, x, Wx, b, dtype).reshape(3, T, N, H)
    # With the state before the first step, so that the one before each step is a slice.
    hs = xp.empty((T + 1, N, H), dtype)
    hs[0] = 0 if h is None else h
    # What the candidate recalls of the state, before the reset gate.
    recalled = xp.zeros((T, N, H), dtype)
    if bh is not None:
        recalled += bh
    product, rest = xp.empty((3, N, H), dtype), xp.empty((N, H), dtype)
    with undivided(xp, N * Wh.size):
        for t in range(T):
            if t or h is not None:
                matmul(xp, hs[t], Wh, out=product)
                gates[:2, t] += product[:2]
                recalled[t] += product[2]
            activate(xp, gates[:2, t], 2)
            r, z, n = gates[:, t]
            xp.multiply(r, recalled[t], out=rest)
            n += rest
            xp.tanh(n, out=n)
            # h_t = n + z (h - n)
            xp.subtract(hs[t], n, out=rest)
            rest *= z
            xp.add(n, rest, out=hs[t + 1])
    return hs[1:] if x.ndim == 3 else hs[1], hs, gates, recalled


def _gru_back(
    xp: Any,
    gy: Any,
    needs: Any,
    x: Any,
    Wx: Any,
    Wh: Any,
    b: Any,
    bh: Any,
    h: Any,
    hs: Array,
    gates: Array,
    recalled: Array,
) -> Any:
    if xp is F:
        return pull_composed(_composed, (x, Wx, Wh, b, bh, h), gy, needs)
    T, N, H = recalled.shape
    r, z, n = gates
    # How the output depends on what goes into r, z and n, for all steps at once; and, in the
    # fourth place, on what is recalled.
    gz = xp.empty((4, T, N, H), gates.dtype)
    xp.subtract(1, gates[:2], out=gz[:2])
    xp.multiply(n, n, out=gz[3])
    xp.subtract(1, gz[3], out=gz[3])
    xp.multiply(gz[3], gz[1], out=gz[3])  # (1 - n²) (1 - z)
    gz[1] *= z
    gz[1] *= hs[:-1] - n
    gz[0] *= r
    gz[0] *= recalled
    gz[0] *= gz[3]
    xp.multiply(gz[3], r, out=gz[2])

    # So far gz[2] belongs to what is recalled, gz[3] to the candidate: the first three go back
    # through Wh, and r, z and the candidate through Wx.
    ghs = gy.reshape(T, N, H)
    Wh_T = transpose_matrices(xp, Wh)
    gh: Any = None
    parts = xp.empty((3, N, H), gates.dtype)
    with undivided(xp, N * Wh.size):
        for t in range(T - 1, -1, -1):
            gh = ghs[t] if gh is None else xp.add(ghs[t], gh, out=gh)
            gz[:, t] *= gh
            if t or needs[5]:
                matmul(xp, gz[:3, t], Wh_T, out=parts)
                gh = gh * z[t]
                gh += parts.sum(axis=0)

    rows = gz.reshape(4, T * N, H)
    into = [rows[0], rows[1], rows[3]]
    x2 = x.reshape(T * N, x.shape[-1])
    return [
        add_products(xp, into, Wx).reshape(x.shape) if needs[0] else None,
        xp.stack([matmul(xp, x2.T, g) for g in into]) if needs[1] else None,
        matmul(xp, hs[:-1].reshape(T * N, H).T, rows[:3]) if needs[2] else None,
        xp.stack([sum_rows(xp, g) for g in into]) if needs[3] else None,
        sum_rows(xp, rows[2]) if needs[4] else None,
        gh if needs[5] else None,
    ]


def _composed(x: Any, Wx: Any, Wh: Any, b: Any, bh: Any, h: Any) -> Variable:
    """Compute the same of simpler functions."""
    is_sequence = x.ndim == 3
    zx: Any = F.matmul(x if is_sequence else x.reshape(1, *x.shape), F.expand_dims(Wx, 1))
    if b is not None:
        zx = zx + b.reshape(3, 1, 1, b.shape[-1])
    if h is None:
        h = F.zeros_like(zx[0, 0]).detach()
    hs = []
    for t in range(zx.shape[1]):
        zh: Any = F.matmul(h, Wh)
        r, z = sigmoid(zx[0, t] + zh[0]), sigmoid(zx[1, t] + zh[1])
        n = F.tanh(zx[2, t] + r * (zh[2] if bh is None else zh[2] + bh))
        h = n + z * (h - n)
        hs.append(h)
    return F.stack(hs) if is_sequence else h


_gru.defvjp_joint(_gru_back)


def gru(
    x: ArrayLike,
    Wx: ArrayLike,
    Wh: ArrayLike,
    b: ArrayLike | None = None,
    bh: ArrayLike | None = None,
    h: ArrayLike | None = None,
) -> tuple[Variable, Variable]:
    r"""Gated recurrent unit over whole sequences, all steps as one operation.

    .. math::
        r_t, z_t &= \sigma(x_t W_x^{r,z} + h_{t-1} W_h^{r,z} + b^{r,z}) \\
        n_t &= \tanh(x_t W_x^n + b^n + r_t (h_{t-1} W_h^n + b_h)), \quad
        h_t = (1 - z_t) n_t + z_t h_{t-1}

    The reset gate comes after the product, as in cuDNN, PyTorch and Keras; in the paper it comes
    before. One product serves all gates so.

    Args:
        x: Sequences, of shape (T, N, I): time first.
        Wx: One matrix for each of r, z, n, in this order; of shape (3, I, H).
        Wh: The same for the state, of shape (3, H, H).
        b: The biases, of shape (3, H), or None.
        bh: The bias of what the candidate recalls, of shape (H,), or None.
        h: The first state, of shape (N, H). None for zeros.

    Returns:
        The outputs of all steps, of shape (T, N, H), and the last one, the state, (N, H).

    Raises:
        ValueError: Shapes do not fit, or there are no steps.

    Example:
        >>> import numpy as np
        >>> hs, h = gru(np.ones((5, 2, 3)), np.ones((3, 3, 1)), np.ones((3, 1, 1)))
        >>> hs.shape, h.shape, round(float(h[0, 0]), 1)
        ((5, 2, 1), (2, 1), 0.2)

    K. Cho et al., "Learning Phrase Representations using RNN Encoder-Decoder", 2014.
    """
    if getattr(x, "ndim", 3) != 3:
        raise ValueError(f"gru: x has the shape (T, N, in_size), got {x.shape}; see gru_cell")
    hs = _gru(x, Wx, Wh, b, bh, h)
    return hs, hs[-1]


def gru_cell(
    x: ArrayLike,
    Wx: ArrayLike,
    Wh: ArrayLike,
    b: ArrayLike | None = None,
    bh: ArrayLike | None = None,
    h: ArrayLike | None = None,
) -> Variable:
    """Take one step of `gru`.

    Args:
        x: The inputs of the step, of shape (N, I).
        Wx: As for `gru`, and so are the others.
        Wh: See above.
        b: See above.
        bh: See above.
        h: See above.

    Returns:
        The next state, of shape (N, H), which is the output.

    Raises:
        ValueError: Shapes do not fit.

    Example:
        >>> import numpy as np
        >>> h = gru_cell(np.ones((2, 3)), np.ones((3, 3, 1)), np.ones((3, 1, 1)))
        >>> h.shape
        (2, 1)

    K. Cho et al., "Learning Phrase Representations using RNN Encoder-Decoder", 2014.
    """
    if getattr(x, "ndim", 2) != 2:
        raise ValueError(f"gru_cell: x has the shape (N, in_size), got {x.shape}; see gru")
    return _gru(x, Wx, Wh, b, bh, h)
