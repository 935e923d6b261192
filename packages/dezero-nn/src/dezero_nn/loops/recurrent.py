"""What a step of a recurrent network does beside its product of matrices.

They compute with rows of one length, H * N: a state, or one gate, of all sequences.
"""

from __future__ import annotations

from numpy import float32

from dezero_core.compiled import fused
from dezero_nn.loops.scalars import sigmoid, tanh

__all__ = ["activate", "lstm_step", "lstm_step_back"]

_ONE = float32(1)


@fused
def activate(z, n):
    """Apply the logistic function to the first n rows of z, and tanh to the others, in place."""
    for g in range(n):
        _sigmoid(z[g])
    for g in range(n, len(z)):
        _tanh(z[g])


# --- a step of an LSTM: f, i, o and u are its gates -----------------------------------------------


@fused
def lstm_step(gates, c, c_next, tanh_c, h):
    """Take a step.

    Args:
        gates: What goes into the gates, (4, H, N); becomes the gates.
        c: The cell before the step, (H, N).
        c_next: Becomes that after it.
        tanh_c: Becomes tanh of that.
        h: Becomes the output.
    """
    M = c.size
    z = gates.reshape(4, M)
    activate(z, 3)
    after = c_next.reshape(M), tanh_c.reshape(M), h.reshape(M)
    _cell(z[0], z[1], z[2], z[3], c.reshape(M), *after)


@fused
def lstm_step_back(gates, c, tanh_c, gh, gc, gz):
    """Take gradients back through a step.

    Args:
        gates: The gates, (4, H, N).
        c: The cell before the step, (H, N).
        tanh_c: Of the cell after it.
        gh: The gradient of the output.
        gc: That of the cell after the step; becomes that of the cell before it.
        gz: Where to put those of what goes into the gates, (4, H, N).
    """
    M = c.size
    gate, out = gates.reshape(4, M), gz.reshape(4, M)
    of_h, of_c, tanh_of_c = gh.reshape(M), gc.reshape(M), tanh_c.reshape(M)
    _cell_back(gate[2], tanh_of_c, of_h, of_c)
    _gate_back(of_c, c.reshape(M), gate[0], out[0])
    _gate_back(of_c, gate[3], gate[1], out[1])
    _gate_back(of_h, tanh_of_c, gate[2], out[2])
    _input_back(of_c, gate[1], gate[3], out[3])
    _multiply(of_c, gate[0])


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
def _multiply(z, other):
    for j in range(len(z)):
        z[j] *= other[j]


@fused
def _sigmoid(z):
    for j in range(len(z)):
        z[j] = sigmoid(z[j])


@fused
def _tanh(z):
    for j in range(len(z)):
        z[j] = tanh(z[j])
