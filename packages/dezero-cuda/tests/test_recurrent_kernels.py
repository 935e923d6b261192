"""LSTM and GRU beside formulas of NumPy, and gradients beside differences of the results."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from dezero_cuda.kernels import KERNELS

SIZES = [(1, 1, 1, 1), (3, 2, 4, 5), (2, 3, 5, 8), (4, 7, 1, 16)]


def logistic(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def lstm(x: Any, W: Any, h: Any, c: Any) -> tuple[Any, Any]:
    n = x.shape[-1]
    h = np.zeros((x.shape[1], W.shape[1] // 4)) if h is None else h
    c = np.zeros_like(h) if c is None else c
    hs = []
    for x_t in x:
        f, i, o, u = np.split(x_t @ W[:n] + W[n] + h @ W[n + 1 :], 4, axis=1)
        c = logistic(f) * c + logistic(i) * np.tanh(u)
        h = logistic(o) * np.tanh(c)
        hs.append(h)
    return np.stack(hs), c


def gru(x: Any, Wx: Any, Wh: Any, b: Any, bh: Any, h: Any) -> tuple[Any]:
    h = np.zeros((x.shape[1], Wx.shape[-1])) if h is None else h
    hs = []
    for x_t in x:
        zx = x_t @ Wx + (0 if b is None else b[:, None])
        zh = h @ Wh
        r, z = logistic(zx[0] + zh[0]), logistic(zx[1] + zh[1])
        n = np.tanh(zx[2] + r * (zh[2] + (0 if bh is None else bh)))
        h = n + z * (h - n)
        hs.append(h)
    return (np.stack(hs),)


def gradients(f: Callable[..., Any], operands: list[Any], gys: Any) -> list[Any]:
    """Return the gradients of the operands by central differences; None for those not there."""
    found: list[Any] = []
    for x in operands:
        if x is None:
            found.append(None)
            continue
        g = np.zeros_like(x)
        for place in np.ndindex(x.shape):
            value, ends = x[place], []
            for step in (1e-5, -1e-5):
                x[place] = value + step
                ends.append(sum((y * gy).sum() for y, gy in zip(f(*operands), gys, strict=True)))
            x[place] = value
            g[place] = (ends[0] - ends[1]) / 2e-5
        found.append(g)
    return found


def check(place: Any, found: Any, wanted: Any, tolerance: float) -> None:
    for one, other in zip(place.get(tuple(found)), wanted, strict=True):
        if other is None:
            assert one is None
        else:
            assert one.shape == other.shape
            np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("has_state", [False, True])
@pytest.mark.parametrize(
    ("dtype", "tolerance"), [(np.float64, 1e-7), (np.float32, 1e-4), (np.float16, 3e-2)]
)
def test_lstm(sizes: Any, has_state: bool, dtype: Any, tolerance: float, place: Any) -> None:
    T, N, in_size, H = sizes
    rng = np.random.default_rng(0)
    x, W = rng.normal(size=(T, N, in_size)), rng.normal(size=(in_size + 1 + H, 4 * H)) * 0.5
    h, c = rng.normal(size=(2, N, H)) if has_state else (None, None)
    ghs, gc = rng.normal(size=(T, N, H)), rng.normal(size=(N, H))
    operands = [x, W, h, c]
    there = [place.put(a if a is None else a.astype(dtype)) for a in operands]
    hs, last, *extras = KERNELS["lstm"](place.xp, *there)
    check(place, (hs, last), lstm(*operands), tolerance)
    inputs, all_hs, cs, gates, tanh_cs = extras
    shapes = [(T * N, in_size + 1), (T + 1, N, H), (T + 1, H, N), (T, 4, H, N), (T, H, N)]
    assert [e.shape for e in extras] == shapes
    gy = (place.put(ghs.astype(dtype)), place.put(gc.astype(dtype)))
    needs = (True, True, has_state, has_state)
    found = KERNELS["lstm.vjp"](place.xp, gy, needs, *there, *extras)
    if T * N * H < 200:
        check(place, found, gradients(lstm, operands, (ghs, gc)), tolerance * 4)
    # What a caller gave is as it was, and gates in another layout do as well.
    np.testing.assert_array_equal(place.get(gy[1]), gc.astype(dtype))
    copied = place.xp.ascontiguousarray(gates)
    again = KERNELS["lstm.vjp"](place.xp, gy, needs, *there, inputs, all_hs, cs, copied, tanh_cs)
    for one, other in zip(place.get(tuple(found)), place.get(tuple(again)), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("has_state", [False, True])
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-7), (np.float32, 1e-4)])
def test_a_step_of_lstm(
    sizes: Any, has_state: bool, dtype: Any, tolerance: float, place: Any
) -> None:
    _, N, in_size, H = sizes
    rng = np.random.default_rng(0)
    x, W = rng.normal(size=(N, in_size)), rng.normal(size=(in_size + 1 + H, 4 * H)) * 0.5
    h, c = rng.normal(size=(2, N, H)) if has_state else (None, None)
    gh, gc = rng.normal(size=(2, N, H))

    def step(x: Any, W: Any, h: Any, c: Any) -> Any:
        hs, c = lstm(x[None], W, h, c)
        return hs[0], c

    there = [place.put(a if a is None else a.astype(dtype)) for a in (x, W, h, c)]
    h_next, c_next, *extras = KERNELS["lstm_step"](place.xp, *there)
    check(place, (h_next, c_next), step(x, W, h, c), tolerance)
    gy = (place.put(gh.astype(dtype)), place.put(gc.astype(dtype)))
    needs = (True, True, has_state, has_state)
    found = KERNELS["lstm_step.vjp"](place.xp, gy, needs, *there, *extras)
    gx, gW, g_h, g_c = gradients(step, [x, W, h, c], (gh, gc))
    check(place, found, [gx, gW, g_h, g_c], tolerance * 4)


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("is_whole", [False, True])
@pytest.mark.parametrize(
    ("dtype", "tolerance"), [(np.float64, 1e-7), (np.float32, 1e-4), (np.float16, 3e-2)]
)
def test_gru(sizes: Any, is_whole: bool, dtype: Any, tolerance: float, place: Any) -> None:
    T, N, in_size, H = sizes
    rng = np.random.default_rng(0)
    x = rng.normal(size=(T, N, in_size))
    Wx, Wh = rng.normal(size=(3, in_size, H)) * 0.5, rng.normal(size=(3, H, H)) * 0.5
    optional = [rng.normal(size=shape) for shape in ((3, H), (H,), (N, H))]
    operands = [x, Wx, Wh, *(optional if is_whole else [None] * 3)]
    ghs = rng.normal(size=(T, N, H))
    there = [place.put(a if a is None else a.astype(dtype)) for a in operands]
    hs, *extras = KERNELS["gru"](place.xp, *there)
    check(place, (hs,), gru(*operands), tolerance)
    assert [e.shape for e in extras] == [(T + 1, N, H), (3, T, N, H), (T, N, H)]
    needs = (True, True, True, is_whole, is_whole, is_whole)
    gy = place.put(ghs.astype(dtype))
    found = KERNELS["gru.vjp"](place.xp, gy, needs, *there, *extras)
    if T * N * H < 200:
        check(place, found, gradients(gru, operands, (ghs,)), tolerance * 4)


def test_a_step_of_gru_has_no_axis_of_time(place: Any) -> None:
    rng = np.random.default_rng(0)
    x, Wx, Wh, h = (rng.normal(size=s) for s in ((2, 3), (3, 3, 4), (3, 4, 4), (2, 4)))
    there = place.put((x, Wx, Wh, None, None, h))
    y, *extras = KERNELS["gru"](place.xp, *there)
    check(place, (y,), (gru(x[None], Wx, Wh, None, None, h)[0][0],), 1e-12)
    needs = (False, True, False, False, False, True)
    found = KERNELS["gru.vjp"](place.xp, place.put(np.ones((2, 4))), needs, *there, *extras)
    wanted = gradients(gru, [x[None], Wx, Wh, None, None, h], (np.ones((1, 2, 4)),))
    check(place, found, [None, wanted[1], None, None, None, wanted[5]], 1e-7)


def test_shapes_that_do_not_fit_are_left_to_the_general_rule(place: Any) -> None:
    x, W = place.put((np.ones((2, 3, 4)), np.ones((10, 20))))
    assert KERNELS["lstm"](place.xp, x, W[:9], None, None) is NotImplemented
    assert KERNELS["lstm"](place.xp, x, W[:, :16], None, None) is NotImplemented
    assert KERNELS["lstm"](place.xp, x, W, x[0], None) is NotImplemented
    assert KERNELS["lstm"](place.xp, x[:0], W, None, None) is NotImplemented
    assert KERNELS["lstm_step"](place.xp, x, W, None, None) is NotImplemented
    Wx, Wh = place.put((np.ones((3, 4, 5)), np.ones((3, 5, 5))))
    assert KERNELS["gru"](place.xp, x, Wx, Wh[:, 1:], None, None, None) is NotImplemented
    assert KERNELS["gru"](place.xp, x[..., 1:], Wx, Wh, None, None, None) is NotImplemented
