"""Steps of an LSTM on arrays: in compiled loops, or in passes of NumPy.

A step computes with an example in each column. The gates f, i, o and u come first, (4, H, N), so
that each is one block of memory. There are three ways: all of it is compiled, where matrices are so
small that BLAS has no advantage; products are BLAS's and the rest is compiled; or nothing is.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from dezero_core.compiled import Loops
from dezero_core.products import matmul
from dezero_core.typing import Array
from dezero_nn.functions.recurrent._common import activate

__all__ = ["take_step", "take_step_back", "take_steps", "take_steps_back"]

_loops = Loops("dezero_nn.loops.recurrent")


def _find_loops(*arrays: Array) -> Any:
    # In double precision NumPy's tanh is the faster one.
    return _loops.find(*arrays) if arrays[0].dtype.char == "f" else None


def _find_whole(N: int, W: Array, *arrays: Array) -> Any:
    """Return the loops if they are to compute products, too, for N sequences."""
    loops = _find_loops(*arrays, W)
    return loops if loops is not None and loops.is_small(*W.shape, N) else None


# --- one step ------------------------------------------------------------------------------------


def take_step(
    xp: Any,
    inputs: Array,
    W: Array,
    c: Array,
    gates: Array,
    c_next: Array,
    tanh_c: Array,
    h: Array,
) -> None:
    """Take a step.

    Args:
        xp: The array library.
        inputs: What the weights are multiplied with, (N, K).
        W: The weights, (K, 4 H).
        c: The cell, (H, N).
        gates: Where to put the gates, (4, H, N).
        c_next: Where to put the cell after the step.
        tanh_c: Where to put tanh of that.
        h: Where to put the output, (N, H).
    """
    N = len(inputs)
    loops = _find_whole(N, W, gates, inputs, c)
    if loops is not None:
        loops.lstm_step_whole(inputs, W, c, gates, c_next, tanh_c, h)
        return
    matmul(xp, W.T, inputs.T, gates.reshape(-1, N))
    state = xp.empty_like(c_next)
    _find_step(xp, gates, c)(gates, c, c_next, tanh_c, state)
    h[...] = state.T


def take_step_back(
    xp: Any,
    inputs: Array,
    W: Array,
    gates: Array,
    c: Array,
    tanh_c: Array,
    gh: Array,
    gc: Array,
    gx: Array,
    gW: Array | None,
) -> None:
    """Take gradients back through a step.

    Args:
        xp: The array library.
        inputs: What the weights were multiplied with, (N, K).
        W: The weights of those inputs whose gradients are wanted.
        gates: The gates.
        c: The cell before the step.
        tanh_c: Of the cell after it.
        gh: The gradient of the output, (N, H).
        gc: That of the cell after the step; becomes that of the cell before it.
        gx: Where to put the gradients of inputs, an example in each column.
        gW: Where to put that of all weights, (K, 4 H); or None.
    """
    N = len(inputs)
    loops = None if gW is None else _find_whole(N, W, gates, inputs, c, tanh_c, gh, gc)
    if loops is not None:
        loops.lstm_step_whole_back(inputs, W, gates, c, tanh_c, gh, gc, gx, gW)
        return
    gz, state = xp.empty_like(gates), xp.ascontiguousarray(gh.T)
    _find_step_back(xp, gates, c, state, gc)(gates, c, tanh_c, state, gc, gz)
    columns = gz.reshape(-1, N)
    if len(W):
        matmul(xp, W, columns, gx)
    if gW is not None:
        matmul(xp, inputs.T, columns.T, gW)


# --- all steps -----------------------------------------------------------------------------------


def take_steps(
    xp: Any,
    of_inputs: Array,
    W: Array,
    hs: Array,
    cs: Array,
    gates: Array,
    tanh_cs: Array,
    *,
    from_zeros: bool,
) -> None:
    """Take the steps of sequences.

    Args:
        xp: The array library.
        of_inputs: What inputs add to the gates of all steps, (4 H, T N).
        W: The weights of the state, (H, 4 H).
        hs: The first output, and where to put the others, (T + 1, N, H).
        cs: The first cell, and where to put the others, (T + 1, H, N).
        gates: Where to put the gates, (T, 4, H, N).
        tanh_cs: Where to put tanh of the cells but the first, (T, H, N).
        from_zeros: Whether the first output is zeros, so that its product is, too.
    """
    T, H, N = tanh_cs.shape
    loops = _find_whole(N, W, gates, hs, cs, of_inputs)
    if loops is not None:
        loops.lstm_steps_whole(of_inputs, W, hs, cs, gates, tanh_cs, from_zeros)
        return
    of_state, state = xp.zeros((4 * H, N), gates.dtype), xp.empty((H, N), gates.dtype)
    step = _find_step(xp, gates, cs)
    for t in range(T):
        if t or not from_zeros:
            matmul(xp, W.T, hs[t].T, of_state)
        xp.add(of_state, of_inputs[:, t * N : (t + 1) * N], out=gates[t].reshape(4 * H, N))
        step(gates[t], cs[t], cs[t + 1], tanh_cs[t], state)
        hs[t + 1] = state.T


def take_steps_back(
    xp: Any,
    W: Array,
    gates: Array,
    cs: Array,
    tanh_cs: Array,
    ghs: Array,
    gh: Array,
    gc: Array,
    rows: Array,
    *,
    to_first: bool,
) -> None:
    """Take gradients back through the steps of sequences.

    Args:
        xp: The array library.
        W: The weights of the state, (H, 4 H).
        gates: The gates, (T, 4, H, N).
        cs: The cells, the first one too, (T + 1, H, N).
        tanh_cs: tanh of all but the first, (T, H, N).
        ghs: The gradients of the outputs, (T, N, H).
        gh: Zeros, (H, N); become the gradient of the first state, if that is wanted.
        gc: The gradient of the last cell, (H, N); becomes that of the first.
        rows: Where to put the gradients of what goes into the gates, (T, N, 4 H).
        to_first: Whether the gradient of the first state is wanted.
    """
    T, H, N = tanh_cs.shape
    loops = _find_whole(N, W, gates, cs, tanh_cs, ghs)
    if loops is not None:
        loops.lstm_steps_whole_back(W, gates, cs, tanh_cs, ghs, gh, gc, rows, to_first)
        return
    gz = xp.empty((4, H, N), gates.dtype)
    columns = gz.reshape(4 * H, N)
    step_back = _find_step_back(xp, gates, cs)
    for t in range(T - 1, -1, -1):
        gh += ghs[t].T
        step_back(gates[t], cs[t], tanh_cs[t], gh, gc, gz)
        rows[t] = columns.T
        if t or to_first:
            matmul(xp, W, columns, gh)


# --- what a step does beside its products --------------------------------------------------------


def _find_step(xp: Any, *arrays: Array) -> Callable[[Array, Array, Array, Array, Array], None]:
    """Return `_step` for some arrays, or the loop that stands in for it."""
    loops = _find_loops(*arrays)
    return partial(_step, xp) if loops is None else loops.lstm_step


def _find_step_back(
    xp: Any, *arrays: Array
) -> Callable[[Array, Array, Array, Array, Array, Array], None]:
    """Return `_step_back` for some arrays, or the loop that stands in for it."""
    loops = _find_loops(*arrays)
    return partial(_step_back, xp) if loops is None else loops.lstm_step_back


def _step(xp: Any, gates: Array, c: Array, c_next: Array, tanh_c: Array, h: Array) -> None:
    """Take a step: what goes into the gates becomes the gates, and h the output, (H, N)."""
    activate(xp, gates, 3)
    f, i, o, u = gates
    xp.multiply(f, c, out=c_next)
    xp.multiply(i, u, out=h)
    c_next += h
    xp.tanh(c_next, out=tanh_c)
    xp.multiply(o, tanh_c, out=h)


def _step_back(
    xp: Any, gates: Array, c: Array, tanh_c: Array, gh: Array, gc: Array, gz: Array
) -> None:
    """Take gradients back: gz becomes that of what goes into the gates; gh is here (H, N)."""
    f, i, o, u = gates
    slope = tanh_c * tanh_c
    xp.subtract(1, slope, out=slope)
    slope *= o
    slope *= gh
    gc += slope
    xp.subtract(1, gates[:3], out=gz[:3])
    gz[:3] *= gates[:3]
    gz[0] *= c
    gz[1] *= u
    gz[2] *= tanh_c
    gz[2] *= gh
    xp.multiply(u, u, out=gz[3])
    xp.subtract(1, gz[3], out=gz[3])
    gz[3] *= i
    gz[:2] *= gc
    gz[3] *= gc
    gc *= f
