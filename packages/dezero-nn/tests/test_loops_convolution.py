"""Depthwise convolution in compiled loops gives what the other algorithms give."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dezero_core import Variable
from dezero_core.compiled import using_compiled
from dezero_nn import functions as F
from dezero_nn.functions.convolution import columns, depthwise_rows
from dezero_nn.functions.convolution.algorithms import choose, using_algorithm
from dezero_nn.functions.convolution.geometry import Geometry, of_conv

pytest.importorskip("numba", reason="Numba is not installed")

DTYPES = [np.float32, np.float64]
OPERATIONS = ["conv2d", "deconv2d", "conv2d_weight"]


def draw(shape: Sequence[int], dtype: Any = np.float32, seed: int = 0) -> Any:
    return np.random.default_rng([seed, *shape]).standard_normal(shape).astype(dtype)


def operands(
    shape: tuple[int, ...], kernel: tuple[int, int], dtype: Any, **options: Any
) -> tuple[Any, Any, Any, Geometry]:
    """Return images, weights, a bias and the geometry."""
    settings = {"stride": (1, 1), "pad": (0, 0), "dilation": (1, 1)} | options
    x, W = draw(shape, dtype), draw((shape[1], 1, *kernel), dtype)
    return x, W, draw(shape[1:2], dtype), of_conv(x, W, None, groups=shape[1], **settings)


def assert_like_columns(x: Any, W: Any, b: Any, g: Geometry) -> None:
    gy = draw(g.y_shape, x.dtype, seed=1)
    rtol = 1e-5 if x.dtype == np.float32 else 1e-13
    for name, args in {
        "forward": (x, W, b, g),
        "backward_x": (gy, W, b, g),
        "backward_w": (x, gy, g),
    }.items():
        ours, wanted = (getattr(module, name)(*args) for module in (depthwise_rows, columns))
        assert ours.dtype == wanted.dtype
        np.testing.assert_allclose(
            ours, wanted, rtol=rtol, atol=rtol * np.abs(wanted).max(initial=1.0), err_msg=name
        )


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("shape", "kernel", "options"),
    [
        ((3, 5, 9, 8), (3, 3), {"pad": (1, 1)}),
        ((30, 3, 7, 7), (5, 5), {"pad": (2, 2)}),
        ((2, 4, 56, 57), (3, 3), {"pad": (1, 1)}),
        ((9, 3, 28, 28), (3, 3), {"pad": (1, 1), "stride": (2, 2)}),
        ((3, 5, 9, 8), (3, 2), {"pad": (1, 0), "stride": (2, 3), "dilation": (1, 2)}),
        ((2, 3, 13, 20), (3, 3), {"pad": (3, 4), "stride": (1, 2), "dilation": (2, 3)}),
        ((2, 3, 5, 5), (1, 1), {"pad": (2, 1), "stride": (3, 3)}),
        ((40, 2, 3, 3), (3, 3), {}),
        ((2, 2, 1, 300), (1, 7), {"pad": (0, 3)}),
    ],
)
def test_like_columns(
    dtype: Any, shape: tuple[int, ...], kernel: tuple[int, int], options: dict[str, Any]
) -> None:
    assert_like_columns(*operands(shape, kernel, dtype, **options))


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_geometries_of_all_kinds(data: st.DataObject) -> None:
    kernel, stride, pad, dilation = (
        data.draw(st.tuples(st.integers(low, high), st.integers(low, high)), label=name)
        for name, low, high in [
            ("kernel", 1, 5),
            ("stride", 1, 3),
            ("pad", 0, 4),
            ("dilation", 1, 3),
        ]
    )
    least = [(k - 1) * d + 1 - 2 * p for k, d, p in zip(kernel, dilation, pad, strict=True)]
    size = [max(n, 1) + data.draw(st.integers(0, 9), label="more") for n in least]
    shape = (
        data.draw(st.integers(1, 9), label="N"),
        data.draw(st.integers(1, 3), label="C"),
        *size,
    )
    assert_like_columns(
        *operands(shape, kernel, np.float32, stride=stride, pad=pad, dilation=dilation)
    )


def test_it_is_chosen_for_all_three_operations() -> None:
    *_, g = operands((2, 32, 14, 14), (3, 3), np.float32, pad=(1, 1), stride=(2, 2))
    for operation in OPERATIONS:
        assert choose(operation, g, np.float32) == "depthwise_rows"
        assert choose(operation, g, np.float16) == "general"
        with using_compiled(False):
            assert choose(operation, g, np.float32) != "depthwise_rows"
    *_, few = operands((1, 2, 14, 14), (3, 3), np.float32)
    assert choose("conv2d", few, np.float32) == "columns"


def test_arrays_that_are_not_contiguous_or_may_not_be_written_to() -> None:
    x, W, b, g = operands((2, 3, 9, 9), (3, 3), np.float32, pad=(1, 1))
    turned = np.ascontiguousarray(x.transpose(3, 2, 1, 0)).transpose(3, 2, 1, 0)
    turned.flags.writeable = W.flags.writeable = b.flags.writeable = False
    assert_like_columns(turned, W, b, g)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_special_values_go_where_windows_see_them(value: float) -> None:
    x, W, b, g = operands((3, 4, 9, 9), (3, 3), np.float32, pad=(1, 1))
    # At the end of a row, beside the zeros that it shares with the next.
    x[1, 2, 4, 8] = value
    ours, wanted = (module.forward(x, W, b, g) for module in (depthwise_rows, columns))
    np.testing.assert_allclose(ours, wanted, rtol=1e-5, atol=1e-5)
    ours, wanted = (module.backward_x(x, W, b, g) for module in (depthwise_rows, columns))
    np.testing.assert_allclose(ours, wanted, rtol=1e-5, atol=1e-5)
    gW = depthwise_rows.backward_w(x, draw(g.y_shape, seed=1), g)
    assert not np.isfinite(gW[2]).any()
    assert np.isfinite(gW[[0, 1, 3]]).all()


def test_sums_over_many_pixels_are_accurate() -> None:
    x, _, _, g = operands((16, 2, 112, 112), (3, 3), np.float32, pad=(1, 1))
    x += 10
    gy = draw(g.y_shape, seed=1) + np.float32(1)
    exact = columns.backward_w(x.astype(float), gy.astype(float), g)
    np.testing.assert_allclose(depthwise_rows.backward_w(x, gy, g), exact, rtol=3e-7)


def test_the_gradient_of_a_gradient() -> None:
    x, W, _, _ = operands((2, 16, 14, 14), (3, 3), np.float32)
    found = []
    for name in ("depthwise_rows", "general"):
        with using_algorithm(name):
            v, w = Variable(x), Variable(W)
            (F.conv2d(v, w, pad=1, groups=16) ** 3).sum().backward(create_graph=True)
            assert v.grad is not None and w.grad is not None
            gx, gw = v.grad, w.grad
            v.cleargrad(), w.cleargrad()
            ((gx * gx).sum() + (gw * gw).sum() / 1000).backward()
            assert v.grad is not None and w.grad is not None
            found.append([gx.data, gw.data, v.grad.data, w.grad.data])
    for ours, wanted in zip(*found, strict=True):
        np.testing.assert_allclose(ours, wanted, rtol=2e-4, atol=2e-5 * np.abs(wanted).max())
