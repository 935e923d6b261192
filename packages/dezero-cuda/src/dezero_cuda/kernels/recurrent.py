"""LSTM and GRU: one product and one launch for each step.

The gates of an example lie side by side, (T, N, G, H), so that each product is one of two matrices,
which is what cuBLAS does best; what rules see of them, (T, G, H, N) of an LSTM and (G, T, N, H) of
a GRU, is a view of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from dezero_core.products import matmul
from dezero_core.typing import Array
from dezero_cuda.kernels._launch import contiguous, elements, launch, supported

__all__ = ["KERNELS"]


def _side_by_side(xp: Any, W: Array) -> Array:
    """Return weights (G, I, H) as one matrix, (I, G H)."""
    return xp.ascontiguousarray(W.transpose(1, 0, 2)).reshape(W.shape[1], -1)


def _apart(W: Array, gates: int) -> Array:
    """Return a matrix (I, G H) as weights (G, I, H)."""
    return W.reshape(W.shape[0], gates, -1).transpose(1, 0, 2)


def _run(xp: Any, name: str, dtype: Any, n: int, hidden: int, *arrays: Any) -> None:
    """Launch a kernel for all units of a step. None stands for zeros."""
    grid, block = elements(n * hidden, 16 // dtype.itemsize)
    operands = [0 if x is None else x for x in arrays]
    launch(xp, "recurrent", name, dtype, grid, block, (*operands, n, hidden))


# --- LSTM --------------------------------------------------------------------------------------


def _lstm(xp: Any, x: Array, W: Array, h: Array | None, c: Array | None) -> Any:
    dtype = supported(xp, x, W, h, c)
    if dtype is None or not _fits_lstm(x, W, h, c, 3):
        return NotImplemented
    (T, N, in_size), H = x.shape, W.shape[1] // 4
    inputs = xp.empty((T * N, in_size + 1), dtype)
    inputs[:, :in_size] = x.reshape(T * N, in_size)
    inputs[:, in_size] = 1
    gates = matmul(xp, inputs, W[: in_size + 1]).reshape(T, N, 4, H)
    Wh = W[in_size + 1 :]
    hs, cs = xp.empty((T + 1, N, H), dtype), xp.empty((T + 1, N, H), dtype)
    tanh_cs = xp.empty((T, N, H), dtype)
    hs[0] = 0 if h is None else h
    cs[0] = 0 if c is None else c
    for t in range(T):
        product = matmul(xp, hs[t], Wh) if t or h is not None else None
        places = (product, gates[t], cs[t], cs[t + 1], tanh_cs[t], hs[t + 1])
        _run(xp, "lstm_forward", dtype, N, H, *places)
    columns = cs.transpose(0, 2, 1), gates.transpose(0, 2, 3, 1), tanh_cs.transpose(0, 2, 1)
    return hs[1:], cs[T].copy(), inputs, hs, *columns


def _fits_lstm(x: Array, W: Array, h: Array | None, c: Array | None, ndim: int) -> bool:
    """Tell whether shapes are right; the general rule says what is wrong."""
    if x.ndim != ndim or W.ndim != 2 or not W.size or not x.size:
        return False
    H = len(W) - 1 - x.shape[-1]
    state = (x.shape[-2], H)
    return W.shape[1] == 4 * H and all(s is None or s.shape == state for s in (h, c))


def _lstm_vjp(
    xp: Any,
    gy: Any,
    needs: Any,
    x: Any,
    W: Any,
    h: Any,
    c: Any,
    inputs: Any,
    hs: Any,
    cs: Any,
    gates: Any,
    tanh_cs: Any,
) -> Any:
    ghs, gc = gy
    dtype = supported(xp, x, W, h, c, ghs, gc, gates)
    if dtype is None:
        return NotImplemented
    T, H, N = tanh_cs.shape
    in_size = x.shape[-1]
    ghs, gc = contiguous(xp, ghs), gc.copy()
    gates = contiguous(xp, gates.transpose(0, 3, 1, 2))
    cs, tanh_cs = (contiguous(xp, a.transpose(0, 2, 1)) for a in (cs, tanh_cs))
    Wh_T = W[in_size + 1 :].T
    gz = xp.empty((T, N, 4, H), dtype)
    product = None
    for t in range(T - 1, -1, -1):
        places = (ghs[t], product, gates[t], cs[t], tanh_cs[t], gc, gz[t])
        _run(xp, "lstm_backward", dtype, N, H, *places)
        if t or needs[2]:
            product = matmul(xp, gz[t].reshape(N, 4 * H), Wh_T)
    rows = gz.reshape(T * N, 4 * H)
    gx = matmul(xp, rows, W[:in_size].T).reshape(x.shape) if needs[0] else None
    gW: Any = None
    if needs[1]:
        gW = xp.empty(W.shape, dtype)
        gW[: in_size + 1] = matmul(xp, inputs.T, rows)
        gW[in_size + 1 :] = matmul(xp, hs[:-1].reshape(T * N, H).T, rows)
    return [gx, gW, product if needs[2] else None, gc if needs[3] else None]


def _lstm_step(xp: Any, x: Array, W: Array, h: Array | None, c: Array | None) -> Any:
    dtype = supported(xp, x, W, h, c)
    if dtype is None or not _fits_lstm(x, W, h, c, 2):
        return NotImplemented
    (N, in_size), H = x.shape, W.shape[1] // 4
    inputs = xp.empty((N, len(W)), dtype)
    inputs[:, :in_size] = x
    inputs[:, in_size] = 1
    inputs[:, in_size + 1 :] = 0 if h is None else h
    gates = matmul(xp, inputs, W).reshape(N, 4, H)
    c_next, tanh_c, h_next = (xp.empty((N, H), dtype) for _ in range(3))
    cell = None if c is None else contiguous(xp, c)
    _run(xp, "lstm_forward", dtype, N, H, None, gates, cell, c_next, tanh_c, h_next)
    return h_next, c_next, inputs, gates.transpose(1, 2, 0), tanh_c.T


def _lstm_step_vjp(
    xp: Any,
    gy: Any,
    needs: Any,
    x: Any,
    W: Any,
    h: Any,
    c: Any,
    inputs: Any,
    gates: Any,
    tanh_c: Any,
) -> Any:
    gh, gc = gy
    dtype = supported(xp, x, W, h, c, gh, gc, gates)
    if dtype is None:
        return NotImplemented
    H, N = tanh_c.shape
    in_size = x.shape[-1]
    gc, gates = gc.copy(), contiguous(xp, gates.transpose(2, 0, 1))
    gz = xp.empty((N, 4, H), dtype)
    cell = None if c is None else contiguous(xp, c)
    places = (contiguous(xp, gh), None, gates, cell, contiguous(xp, tanh_c.T), gc, gz)
    _run(xp, "lstm_backward", dtype, N, H, *places)
    rows = gz.reshape(N, 4 * H)
    g: Any = matmul(xp, rows, W.T) if needs[0] or needs[2] else None
    return [
        g[:, :in_size] if needs[0] else None,
        matmul(xp, inputs.T, rows) if needs[1] else None,
        g[:, in_size + 1 :] if needs[2] else None,
        gc if needs[3] else None,
    ]


# --- GRU ---------------------------------------------------------------------------------------


def _gru(
    xp: Any,
    x: Array,
    Wx: Array,
    Wh: Array,
    b: Array | None,
    bh: Array | None,
    h: Array | None,
) -> Any:
    dtype = supported(xp, x, Wx, Wh, b, bh, h)
    if dtype is None or not _fits_gru(x, Wx, Wh, b, bh, h):
        return NotImplemented
    N, H = x.shape[-2], Wx.shape[-1]
    T = x.shape[0] if x.ndim == 3 else 1
    gates = matmul(xp, x.reshape(T * N, x.shape[-1]), _side_by_side(xp, Wx))
    if b is not None:
        gates += b.reshape(-1)
    gates = gates.reshape(T, N, 3, H)
    weights = _side_by_side(xp, Wh)
    hs, recalled = xp.empty((T + 1, N, H), dtype), xp.empty((T, N, H), dtype)
    hs[0] = 0 if h is None else h
    bias = None if bh is None else contiguous(xp, bh)
    for t in range(T):
        product = matmul(xp, hs[t], weights) if t or h is not None else None
        places = (product, gates[t], bias, recalled[t], hs[t], hs[t + 1])
        _run(xp, "gru_forward", dtype, N, H, *places)
    return hs[1:] if x.ndim == 3 else hs[1], hs, gates.transpose(2, 0, 1, 3), recalled


def _fits_gru(x: Array, Wx: Array, Wh: Array, b: Any, bh: Any, h: Any) -> bool:
    """Tell whether shapes are right; the general rule says what is wrong."""
    if x.ndim not in (2, 3) or Wx.ndim != 3 or not x.size or not Wx.size or Wx.shape[0] != 3:
        return False
    H = Wx.shape[-1]
    wanted = [(Wh, (3, H, H)), (b, (3, H)), (bh, (H,)), (h, (x.shape[-2], H))]
    return Wx.shape[1] == x.shape[-1] and all(a is None or a.shape == shape for a, shape in wanted)


def _gru_vjp(
    xp: Any,
    gy: Any,
    needs: Any,
    x: Any,
    Wx: Any,
    Wh: Any,
    b: Any,
    bh: Any,
    h: Any,
    hs: Any,
    gates: Any,
    recalled: Any,
) -> Any:
    dtype = supported(xp, gy, x, Wx, Wh, b, bh, h, gates)
    if dtype is None:
        return NotImplemented
    T, N, H = recalled.shape
    ghs, gates = contiguous(xp, gy.reshape(T, N, H)), contiguous(xp, gates.transpose(1, 2, 0, 3))
    Wh_T = _side_by_side(xp, Wh).T
    into_x, into_h = xp.empty((T, N, 3, H), dtype), xp.empty((T, N, 3, H), dtype)
    carry, product = xp.zeros((N, H), dtype), None
    for t in range(T - 1, -1, -1):
        places = (ghs[t], product, carry, gates[t], recalled[t], hs[t], into_x[t], into_h[t])
        _run(xp, "gru_backward", dtype, N, H, *places)
        if t or needs[5]:
            product = matmul(xp, into_h[t].reshape(N, 3 * H), Wh_T)
    rows_x, rows_h = into_x.reshape(T * N, 3 * H), into_h.reshape(T * N, 3 * H)
    x2, states = x.reshape(T * N, x.shape[-1]), hs[:-1].reshape(T * N, H)
    gx = matmul(xp, rows_x, _side_by_side(xp, Wx).T).reshape(x.shape) if needs[0] else None
    return [
        gx,
        _apart(matmul(xp, x2.T, rows_x), 3) if needs[1] else None,
        _apart(matmul(xp, states.T, rows_h), 3) if needs[2] else None,
        rows_x.sum(axis=0).reshape(3, H) if needs[3] else None,
        rows_h[:, 2 * H :].sum(axis=0) if needs[4] else None,
        carry + product if needs[5] else None,
    ]


#: What stands in for primitives and their rules, by name.
KERNELS: Mapping[str, Callable[..., Any]] = MappingProxyType(
    {
        "lstm": _lstm,
        "lstm.vjp": _lstm_vjp,
        "lstm_step": _lstm_step,
        "lstm_step.vjp": _lstm_step_vjp,
        "gru": _gru,
        "gru.vjp": _gru_vjp,
    }
)
