"""Columns, pooling and their gradients: each beside NumPy, on the emulated device and on a card."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest

from dezero_cuda.kernels import KERNELS

TOLERANCE = {"float16": 2e-3, "float32": 2e-6, "float64": 1e-13}
# Images' size, window, stride, padding: overlapping, apart, one beside the other, uneven, large.
GEOMETRIES = [
    ((5, 6), (3, 2), (1, 1), (0, 0)),
    ((7, 7), (3, 3), (2, 2), (1, 1)),
    ((6, 4), (2, 2), (2, 2), (0, 0)),
    ((8, 9), (2, 3), (3, 4), (1, 0)),
    ((4, 5), (1, 1), (2, 1), (0, 0)),
    ((3, 3), (5, 4), (1, 2), (2, 3)),
    ((1, 7), (1, 3), (1, 1), (0, 2)),
]


@pytest.fixture(params=["float16", "float32", "float64"])
def dtype(request: pytest.FixtureRequest) -> Any:
    return np.dtype(request.param)


def normal(dtype: Any, *shape: int, seed: int = 0) -> Any:
    return np.random.default_rng([seed, *shape]).normal(size=shape).astype(dtype)


def compare(place: Any, found: Any, wanted: Any, dtype: Any) -> None:
    found = place.get(found)
    assert found.dtype == dtype
    assert found.shape == wanted.shape
    tolerance = TOLERANCE[str(dtype)]
    np.testing.assert_allclose(found.astype(float), wanted, rtol=tolerance, atol=4 * tolerance)


def out_size(size: Any, kernel: Any, stride: Any, pad: Any, dilation: Any = (1, 1)) -> Any:
    sizes = zip(size, kernel, stride, pad, dilation, strict=True)
    return tuple((n + 2 * p - d * (k - 1) - 1) // s + 1 for n, k, s, p, d in sizes)


def pad_with(x: Any, pad: Any, value: float) -> Any:
    widths = ((0, 0), (0, 0), (pad[0],) * 2, (pad[1],) * 2)
    return np.pad(x.astype(np.float64), widths, constant_values=value)


def views(x: Any, kernel: Any, stride: Any, dilation: Any, out: Any) -> Any:
    """Yield a place in the window, and a view of what all windows see there."""
    for i, j in product(*map(range, kernel)):
        top, left = i * dilation[0], j * dilation[1]
        below, right = top + stride[0] * (out[0] - 1) + 1, left + stride[1] * (out[1] - 1) + 1
        yield i, j, x[:, :, top : below : stride[0], left : right : stride[1]]


def cut(x: Any, pad: Any) -> Any:
    return x[:, :, pad[0] : x.shape[2] - pad[0], pad[1] : x.shape[3] - pad[1]]


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "pad", "dilation"),
    [
        (*geometry, dilation)
        for geometry, dilation in product(GEOMETRIES, [(1, 1), (2, 1)])
        if min(out_size(*geometry, dilation)) > 0
    ],
)
def test_columns(
    size: Any, kernel: Any, stride: Any, pad: Any, dilation: Any, place: Any, dtype: Any
) -> None:
    out = out_size(size, kernel, stride, pad, dilation)
    settings = {"stride": stride, "pad": pad, "dilation": dilation}
    x = normal(dtype, 2, 3, *size)
    wanted = np.zeros((2, 3, *kernel, *out))
    for i, j, seen in views(pad_with(x, pad, 0), kernel, stride, dilation, out):
        wanted[:, :, i, j] = seen
    col = KERNELS["im2col"](place.xp, place.put(x), kernel_size=kernel, **settings)
    compare(place, col, wanted, dtype)

    g = normal(dtype, *wanted.shape, seed=1)
    total = pad_with(np.zeros_like(x), pad, 0)
    for i, j, seen in views(total, kernel, stride, dilation, out):
        seen += g[:, :, i, j]
    found = KERNELS["col2im"](place.xp, place.put(g), input_shape=x.shape, **settings)
    compare(place, found, cut(total, pad), dtype)


@pytest.mark.parametrize(("size", "kernel", "stride", "pad"), GEOMETRIES)
def test_means(size: Any, kernel: Any, stride: Any, pad: Any, place: Any, dtype: Any) -> None:
    out = out_size(size, kernel, stride, pad)
    settings = {"kernel_size": kernel, "stride": stride, "pad": pad}
    x, gy = normal(dtype, 2, 3, *size), normal(dtype, 2, 3, *out, seed=1)
    seen = [view for *_, view in views(pad_with(x, pad, 0), kernel, stride, (1, 1), out)]
    y = KERNELS["average_pooling"](place.xp, place.put(x), **settings)
    compare(place, y, np.mean(seen, axis=0), dtype)

    total = pad_with(np.zeros_like(x), pad, 0)
    for *_, view in views(total, kernel, stride, (1, 1), out):
        view += gy.astype(np.float64) / len(seen)
    found = KERNELS["spread"](place.xp, place.put(gy), size=size, **settings)
    compare(place, found, cut(total, pad), dtype)


@pytest.mark.parametrize(("size", "kernel", "stride", "pad"), GEOMETRIES)
@pytest.mark.parametrize("kind", ["random", "equal", "nan", "-inf"])
def test_largest(
    size: Any, kernel: Any, stride: Any, pad: Any, kind: str, place: Any, dtype: Any
) -> None:
    out = out_size(size, kernel, stride, pad)
    settings = {"kernel_size": kernel, "stride": stride, "pad": pad}
    x, gy = normal(dtype, 2, 3, *size), normal(dtype, 2, 3, *out, seed=1)
    if kind == "equal":
        x = np.round(x / 2) * 2
    elif kind != "random":
        x[np.random.default_rng(3).random(x.shape) < 0.4] = float(kind)
    padded = pad_with(x, pad, -np.inf)
    y = np.array([view for *_, view in views(padded, kernel, stride, (1, 1), out)]).max(axis=0)
    found = KERNELS["pooling"](place.xp, place.put(x), **settings)
    np.testing.assert_array_equal(place.get(found), y.astype(dtype))

    # To the first that is equal; if none is, which nan is to nothing, to the last.
    total = np.zeros(padded.shape)
    taken = np.zeros(y.shape, bool)
    places = list(views(padded, kernel, stride, (1, 1), out))
    targets = list(views(total, kernel, stride, (1, 1), out))
    for (i, j, seen), (*_, target) in zip(places, targets, strict=True):
        is_last = (i, j) == (kernel[0] - 1, kernel[1] - 1)
        wins = ((seen == y) | is_last) & ~taken
        taken |= wins
        target += np.where(wins, gy, 0)
    operands = map(place.put, (gy, x, y.astype(dtype)))
    found = KERNELS["to_winners"](place.xp, *operands, **settings)
    compare(place, found, cut(total, pad), dtype)


def test_any_layout(place: Any) -> None:
    x = normal(np.float32, 4, 5, 2, 6)
    settings = {"kernel_size": (2, 2), "stride": (1, 1), "pad": (0, 0)}
    for axes in [(0, 2, 1, 3), (3, 0, 1, 2)]:
        wanted = KERNELS["pooling"](place.xp, place.put(x.transpose(axes).copy()), **settings)
        found = KERNELS["pooling"](place.xp, place.put(x).transpose(axes), **settings)
        np.testing.assert_array_equal(place.get(found), place.get(wanted))


def test_what_is_left_to_the_general_functions(place: Any) -> None:
    x = np.ones((2, 1, 4, 4), np.float32)
    settings: Any = {"kernel_size": (2, 2), "stride": (1, 1), "pad": (0, 0)}

    def answers(x: Any, **other: Any) -> Any:
        return KERNELS["pooling"](place.xp, place.put(x), **(settings | other))

    assert place.get(answers(x)).shape == (2, 1, 3, 3)
    for wrong in (x[0], x[:0], x.astype(np.int64)):
        assert answers(wrong) is NotImplemented
    for other in ({"kernel_size": (5, 1)}, {"stride": (0, 1)}, {"pad": (-1, 0)}):
        assert answers(x, **other) is NotImplemented
    # The mean of whole images is a sum over rows.
    mean = KERNELS["average_pooling"]
    assert mean(place.xp, place.put(x), **(settings | {"kernel_size": (4, 4)})) is NotImplemented
