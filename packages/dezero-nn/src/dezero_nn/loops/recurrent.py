"""What a step of a recurrent network does beside its product of matrices.

All arrays are rows of one length, N * H: a state, or one gate, of all sequences.
"""

from __future__ import annotations

from numpy import float32

from dezero_core.compiled import fused
from dezero_nn.loops.scalars import sigmoid, tanh

__all__ = ["activate", "lstm_step", "lstm_step_back", "lstm_step_back_of", "lstm_step_of"]

_ONE = float32(1)


@fused
def activate(z, n):
    """Apply the logistic function to the first n rows of z, and tanh to the others, in place."""
    for g in range(n):
        _sigmoid(z[g])
    for g in range(n, len(z)):
        _tanh(z[g])


# --- a step of an LSTM: f, i, o and u are its gates -----------------------------------------------
#
# A row of a contiguous array is known to be contiguous, a row of a slice is not. So the functions
# below get rows, and those that users call take them out of whole arrays.


@fused
def lstm_step(gates, c, c_next, tanh_c, h):
    """Take a step: from what goes into the gates, (4, M), which become the gates, and the cell."""
    activate(gates, 3)
    _cell(gates[0], gates[1], gates[2], gates[3], c, c_next, tanh_c, h)


@fused
def lstm_step_of(t, product, gates, cs, tanh_cs, hs):
    """Take step t of a sequence.

    Args:
        t: Which one.
        product: Of the state with its weights, (4, M).
        gates: Of shape (4, T, M): what else goes into the gates, which they become.
        cs: Cells, of shape (T + 1, M), those before the first step included.
        tanh_cs: Of the cells after each step, (T, M).
        hs: Outputs, of shape (T + 1, M).
    """
    for g in range(3):
        _add(gates[g, t], product[g])
        _sigmoid(gates[g, t])
    _add(gates[3, t], product[3])
    _tanh(gates[3, t])
    after = cs[t + 1], tanh_cs[t], hs[t + 1]
    _cell(gates[0, t], gates[1, t], gates[2, t], gates[3, t], cs[t], *after)


@fused
def lstm_step_back(gates, c, tanh_c, gh, gc, gz):
    """Take gradients back through a step.

    Args:
        gates: The gates, (4, M).
        c: The cell before the step.
        tanh_c: Of the cell after it.
        gh: The gradient of the output.
        gc: That of the cell after the step; becomes that of the cell before it.
        gz: Where to put those of what goes into the gates, (4, M).
    """
    _cell_back(gates[2], tanh_c, gh, gc)
    _gate_back(gc, c, gates[0], gz[0])
    _gate_back(gc, gates[3], gates[1], gz[1])
    _gate_back(gh, tanh_c, gates[2], gz[2])
    _input_back(gc, gates[1], gates[3], gz[3])
    _multiply(gc, gates[0])


@fused
def lstm_step_back_of(t, products, gates, cs, tanh_cs, ghs, gh, gc, gz):
    """Take gradients back through step t of a sequence.

    Args:
        t: Which one.
        products: Of the gradients of the gates of the next step with the weights, (4, M).
        gates: Of shape (4, T, M).
        cs: Cells, of shape (T + 1, M).
        tanh_cs: Of the cells after each step, (T, M).
        ghs: What arrives at the outputs, (T, M).
        gh: Becomes the gradient of the output, with what comes from the next step.
        gc: The gradient of the cell after the step; becomes that of the cell before it.
        gz: Where to put those of what goes into the gates, (4, T, M).
    """
    _sum(ghs[t], products[0], products[1], products[2], products[3], gh)
    _cell_back(gates[2, t], tanh_cs[t], gh, gc)
    _gate_back(gc, cs[t], gates[0, t], gz[0, t])
    _gate_back(gc, gates[3, t], gates[1, t], gz[1, t])
    _gate_back(gh, tanh_cs[t], gates[2, t], gz[2, t])
    _input_back(gc, gates[1, t], gates[3, t], gz[3, t])
    _multiply(gc, gates[0, t])


@fused
def _cell(f, i, o, u, c, c_next, tanh_c, h):
    for j in range(len(c)):
        c_next[j] = f[j] * c[j] + i[j] * u[j]
    for j in range(len(c)):
        tanh_c[j] = tanh(c_next[j])
    for j in range(len(c)):
        h[j] = o[j] * tanh_c[j]


@fused
def _cell_back(o, tanh_c, gh, gc):
    for j in range(len(gc)):
        gc[j] += gh[j] * o[j] * (_ONE - tanh_c[j] * tanh_c[j])


@fused
def _gate_back(g, factor, gate, out):
    for j in range(len(g)):
        out[j] = g[j] * factor[j] * gate[j] * (_ONE - gate[j])


@fused
def _input_back(gc, i, u, out):
    for j in range(len(gc)):
        out[j] = gc[j] * i[j] * (_ONE - u[j] * u[j])


# --- rows, element by element ---------------------------------------------------------------------


@fused
def _add(z, other):
    for j in range(len(z)):
        z[j] += other[j]


@fused
def _multiply(z, other):
    for j in range(len(z)):
        z[j] *= other[j]


@fused
def _sum(a, b, c, d, e, out):
    for j in range(len(out)):
        out[j] = a[j] + (b[j] + c[j]) + (d[j] + e[j])


@fused
def _sigmoid(z):
    for j in range(len(z)):
        z[j] = sigmoid(z[j])


@fused
def _tanh(z):
    for j in range(len(z)):
        z[j] = tanh(z[j])
