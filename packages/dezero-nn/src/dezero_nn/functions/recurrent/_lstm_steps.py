"""The equations of an LSTM on arrays, step by step: in passes of NumPy, or in compiled loops.

The gates f, i, o and u come first, (4, N, H), so that each is one block of memory.
"""

from __future__ import annotations

from typing import Any

from dezero_core.compiled import Loops
from dezero_core.parallel import matmul
from dezero_core.typing import Array
from dezero_nn.functions.recurrent._common import activate, undivided

__all__ = ["step", "step_back", "steps", "steps_back"]

_loops = Loops("dezero_nn.loops.recurrent")


def _find_loops(*arrays: Array) -> Any:
    # In double precision NumPy's tanh is the faster one.
    return _loops.find(*arrays) if arrays[0].dtype.char == "f" else None


def step(xp: Any, gates: Array, c: Array | None) -> tuple[Array, Array, Array]:
    """Take one step.

    Args:
        xp: The array library.
        gates: What goes into the gates, (4, N, H). Becomes the gates.
        c: The cell, (N, H), or None for zeros.

    Returns:
        The output and the cell after the step, and tanh of the cell.
    """
    loops = _find_loops(gates, gates if c is None else c)
    if loops is not None:
        M = gates[0].size
        h, c_next, tanh_c = (xp.empty(gates.shape[1:], gates.dtype) for _ in range(3))
        before = xp.zeros(M, gates.dtype) if c is None else c.reshape(M)
        after = c_next.reshape(M), tanh_c.reshape(M), h.reshape(M)
        loops.lstm_step(gates.reshape(4, M), before, *after)
        return h, c_next, tanh_c
    activate(xp, gates, 3)
    f, i, o, u = gates
    c_next = i * u
    if c is not None:
        c_next += f * c
    tanh_c = xp.tanh(c_next)
    return o * tanh_c, c_next, tanh_c


def step_back(
    xp: Any, gates: Array, c: Array | None, tanh_c: Array, gh: Array, gc: Array
) -> tuple[Array, Array]:
    """Take gradients back through one step.

    Args:
        xp: The array library.
        gates: The gates, (4, N, H).
        c: The cell before the step, or None for zeros.
        tanh_c: Of the cell after it.
        gh: The gradient of the output.
        gc: That of the cell after the step.

    Returns:
        The gradients of what goes into the gates, and of the cell before the step.
    """
    loops = _find_loops(gates, gates if c is None else c, gh, gc)
    if loops is not None:
        M = gh.size
        gz, gc = xp.empty_like(gates), gc.copy()
        before = xp.zeros(M, gates.dtype) if c is None else c.reshape(M)
        given = before, tanh_c.reshape(M), gh.reshape(M)
        loops.lstm_step_back(gates.reshape(4, M), *given, gc.reshape(M), gz.reshape(4, M))
        return gz, gc
    gz, of_cell = _slopes(xp, gates, c, tanh_c)
    of_cell *= gh
    of_cell += gc
    gz[:2] *= of_cell
    gz[2] *= gh
    gz[3] *= of_cell
    return gz, of_cell * gates[0]


def steps(
    xp: Any, Wh: Array, gates: Array, cs: Array, tanh_cs: Array, hs: Array, *, from_zeros: bool
) -> None:
    """Take all steps of a sequence.

    Args:
        xp: The array library.
        Wh: The weights of the state, (4, H, H).
        gates: What else goes into the gates, (4, T, N, H). Becomes the gates.
        cs: The first cell; becomes the cells, (T + 1, N, H).
        tanh_cs: Becomes tanh of the cells after each step, (T, N, H).
        hs: The first state; becomes the states, (T + 1, N, H).
        from_zeros: Whether the first state is zero.
    """
    _, T, N, H = gates.shape
    loops = _find_loops(gates)
    product = xp.zeros((4, N, H), gates.dtype)
    if loops is not None:
        M = N * H
        rows = gates.reshape(4, T, M), cs.reshape(-1, M), tanh_cs.reshape(T, M), hs.reshape(-1, M)
        product_rows = product.reshape(4, M)
    else:
        iu = xp.empty((N, H), gates.dtype)
    with undivided(xp, N * Wh.size):
        for t in range(T):
            if t or not from_zeros:
                matmul(xp, hs[t], Wh, out=product)
            if loops is not None:
                loops.lstm_step_of(t, product_rows, *rows)
                continue
            # All gates of a step in one block, on which elementwise functions are quicker.
            product += gates[:, t]
            activate(xp, product, 3)
            gates[:, t] = product
            f, i, o, u = product
            xp.multiply(f, cs[t], out=cs[t + 1])
            xp.multiply(i, u, out=iu)
            cs[t + 1] += iu
            xp.tanh(cs[t + 1], out=tanh_cs[t])
            xp.multiply(o, tanh_cs[t], out=hs[t + 1])


def steps_back(
    xp: Any,
    Wh_T: Array,
    gates: Array,
    cs: Array,
    tanh_cs: Array,
    ghs: Array,
    gc: Array,
    *,
    to_first: bool,
) -> tuple[Array, Array | None, Array]:
    """Take gradients back through all steps of a sequence.

    Args:
        xp: The array library.
        Wh_T: The weights of the state, transposed, (4, H, H).
        gates: The gates, (4, T, N, H).
        cs: The cells, (T + 1, N, H).
        tanh_cs: Tanh of the cells after each step, (T, N, H).
        ghs: The gradients of the outputs, (T, N, H).
        gc: The gradient of the last cell.
        to_first: Whether that of the first state is wanted.

    Returns:
        The gradients of what goes into the gates, (4, T, N, H), of the first state, if it is
        wanted, and of the first cell.
    """
    T, N, H = tanh_cs.shape
    gc = gc.astype(gates.dtype)  # a copy, to write into
    products = xp.zeros((4, N, H), gates.dtype)
    gh: Any = None
    loops = _find_loops(gates, ghs)
    if loops is not None:
        M = N * H
        gz, gh = xp.empty_like(gates), xp.empty((N, H), gates.dtype)
        known = gates.reshape(4, T, M), cs.reshape(-1, M), tanh_cs.reshape(T, M), ghs.reshape(T, M)
        wanted = gh.reshape(M), gc.reshape(M), gz.reshape(4, T, M)
        product_rows = products.reshape(4, M)
    else:
        # What does not depend on later steps, for all steps at once.
        gz, of_cell = _slopes(xp, gates, cs[:-1], tanh_cs)
    with undivided(xp, N * Wh_T.size):
        for t in range(T - 1, -1, -1):
            if loops is not None:
                loops.lstm_step_back_of(t, product_rows, *known, *wanted)
            else:
                gh = ghs[t] if gh is None else xp.add(ghs[t], gh, out=gh)
                of_cell[t] *= gh
                gc += of_cell[t]
                gz[:2, t] *= gc
                gz[2, t] *= gh
                gz[3, t] *= gc
                gc *= gates[0, t]
            if t or to_first:
                matmul(xp, gz[:, t], Wh_T, out=products)
                if loops is None or not t:
                    gh = products.sum(axis=0)
    return gz, gh if to_first else None, gc


def _slopes(xp: Any, gates: Array, c: Array | None, tanh_c: Array) -> tuple[Array, Array]:
    """Return how the cell depends on what goes into f, i and u, and the output on that of o.

    And, second, how the output depends on the cell.
    """
    _, i, o, u = gates
    slopes = xp.subtract(1, gates)
    slopes *= gates
    slopes[0] *= 0 if c is None else c
    slopes[1] *= u
    slopes[2] *= tanh_c
    xp.multiply(u, u, out=slopes[3])
    xp.subtract(1, slopes[3], out=slopes[3])
    slopes[3] *= i
    of_cell = tanh_c * tanh_c
    xp.subtract(1, of_cell, out=of_cell)
    of_cell *= o
    return slopes, of_cell
