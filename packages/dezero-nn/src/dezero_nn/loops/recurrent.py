"""Steps of a recurrent network: what they do beside products of matrices, and with small ones.

They compute with rows of one length, H * N: a state, or one gate, of all sequences.
"""

from __future__ import annotations

from numpy import empty, empty_like, float32

from dezero_core.compiled import fused
from dezero_core.loops.products import add_product, is_small, multiply
from dezero_nn.loops.scalars import sigmoid, tanh

__all__ = [
    "activate",
    "is_small",
    "lstm_step",
    "lstm_step_back",
    "lstm_step_whole",
    "lstm_step_whole_back",
    "lstm_steps_whole",
    "lstm_steps_whole_back",
]

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


# --- the same with products of matrices, for which these are small -------------------------------


@fused
def lstm_step_whole(inputs, W, c, gates, c_next, tanh_c, h):
    """Take a step of an LSTM.

    Args:
        inputs: What the weights are multiplied with, (N, K).
        W: The weights, (K, 4 H).
        c: As for `lstm_step`, and so are the next three.
        gates: See above.
        c_next: See above.
        tanh_c: See above.
        h: Becomes the output, (N, H).
    """
    multiply(W.T, _turned(inputs), gates.reshape(W.shape[1], len(inputs)))
    state = empty_like(c)
    lstm_step(gates, c, c_next, tanh_c, state)
    _turn(state, h)


@fused
def lstm_step_whole_back(inputs, W, gates, c, tanh_c, gh, gc, gx, gW):
    """Take gradients back through a step.

    Args:
        inputs: As for `lstm_step_whole`.
        W: The weights of those inputs whose gradients are wanted.
        gates: As for `lstm_step_back`, and so are the next two.
        c: See above.
        tanh_c: See above.
        gh: The gradient of the output, (N, H).
        gc: As for `lstm_step_back`.
        gx: Where to put the gradients of inputs, an example in each column.
        gW: Where to put that of all weights, (K, 4 H).
    """
    gz = empty_like(gates)
    lstm_step_back(gates, c, tanh_c, _turned(gh), gc, gz)
    columns = gz.reshape(W.shape[1], len(inputs))
    multiply(W, columns, gx)
    multiply(inputs.T, _turned(columns), gW)


@fused
def lstm_steps_whole(of_inputs, W, hs, cs, gates, tanh_cs, from_zeros):
    """Take the steps of sequences.

    Args:
        of_inputs: What inputs add to the gates of all steps, (4 H, T N).
        W: The weights of the state, (H, 4 H).
        hs: The first output, and where to put the others, (T + 1, N, H).
        cs: The first cell, and where to put the others, (T + 1, H, N).
        gates: Where to put gates, (T, 4, H, N).
        tanh_cs: Where to put tanh of the cells but the first, (T, H, N).
        from_zeros: Whether the first output is zeros, so that its product is, too.
    """
    T, H, N = tanh_cs.shape
    state = _turned(hs[0])
    for t in range(T):
        z = gates[t].reshape(4 * H, N)
        z[:] = of_inputs[:, t * N : (t + 1) * N]
        if t or not from_zeros:
            add_product(W.T, state, z)
        lstm_step(gates[t], cs[t], cs[t + 1], tanh_cs[t], state)
        _turn(state, hs[t + 1])


@fused
def lstm_steps_whole_back(W, gates, cs, tanh_cs, ghs, gh, gc, rows, to_first):
    """Take gradients back through the steps of sequences.

    Args:
        W: As for `lstm_steps_whole`, and so are the next three.
        gates: See above.
        cs: See above.
        tanh_cs: See above.
        ghs: The gradients of the outputs, (T, N, H).
        gh: Zeros, (H, N); become the gradient of the first state, if that is wanted.
        gc: The gradient of the last cell, (H, N); becomes that of the first.
        rows: Where to put the gradients of what goes into the gates, (T, N, 4 H).
        to_first: Whether the gradient of the first state is wanted.
    """
    T, H, N = tanh_cs.shape
    gz = empty_like(gates[0])
    columns = gz.reshape(4 * H, N)
    for t in range(T - 1, -1, -1):
        gh += ghs[t].T
        lstm_step_back(gates[t], cs[t], tanh_cs[t], gh, gc, gz)
        _turn(columns, rows[t])
        if t or to_first:
            multiply(W, columns, gh)


@fused
def _turned(a):
    b = empty((a.shape[1], a.shape[0]), a.dtype)
    _turn(a, b)
    return b


@fused
def _turn(a, b):
    for i in range(b.shape[0]):
        for j in range(b.shape[1]):
            b[i, j] = a[j, i]


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
