"""Convolution: the contract's figures, the algorithms against each other, settings, bad input."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dezero_core import Variable, grad, no_grad
from dezero_core.compiled import using_compiled
from dezero_core.testing import fake_device
from dezero_nn import functions as F
from dezero_nn.functions.convolution import direct
from dezero_nn.functions.convolution.algorithms import ALGORITHMS, choose, using_algorithm
from dezero_nn.functions.convolution.geometry import of_conv
from dezero_nn.functions.windows import get_conv_outsize, get_deconv_outsize, pair
from dezero_nn.layers import AveragePooling, Conv1d, Conv2d, Deconv1d, Deconv2d, Layer, Pooling


def draw(*shape: int, dtype: Any = np.float32, seed: int = 0) -> Any:
    return np.random.default_rng([seed, *shape]).standard_normal(shape).astype(dtype)


def gradients(function: Any, *operands: Any, **options: Any) -> list[Any]:
    """Return the result and the gradients of its sum, weighted."""
    variables = [Variable(x) for x in operands]
    y = function(*variables, **options)
    weights = draw(*y.shape, dtype=y.dtype, seed=9)
    found = grad(
        lambda *vs: (function(*vs, **options) * weights).sum(), tuple(range(len(operands)))
    )
    return [y.data, *[g.data for g in found(*variables)]]


# --- the book's figures --------------------------------------------------------------------------


def test_sizes() -> None:
    assert get_conv_outsize(4, 3, 1, 1) == 4
    assert get_conv_outsize(7, 3, 2, 0, dilation=2) == 2
    assert get_deconv_outsize(4, 3, 1, 1) == 4
    assert get_deconv_outsize(15, 3, 1, 1) == 15
    for size in range(1, 9):
        assert get_conv_outsize(get_deconv_outsize(size, 3, 2, 1), 3, 2, 1) == size


def test_pair() -> None:
    assert pair(1) == (1, 1)
    assert pair((1, 2)) == (1, 2)
    assert pair([3, 4]) == (3, 4)
    assert pair(np.int64(5)) == (5, 5)
    with pytest.raises(
        ValueError, match=r"pair: expected an integer or two of them, got \(1, 2, 3\)"
    ):
        pair((1, 2, 3))
    for wrong in (1.5, "3", (1, 2.0)):
        with pytest.raises(TypeError, match="pair: expected an integer or two"):
            pair(wrong)  # type: ignore[arg-type]


def test_im2col() -> None:
    assert F.im2col(draw(1, 3, 7, 7), 5, 1, 0, to_matrix=True).shape == (9, 75)
    col = F.im2col(Variable(draw(10, 3, 7, 7)), (5, 5), (1, 1), (0, 0), True)
    assert col.shape == (90, 75)
    assert F.col2im(col, (10, 3, 7, 7), 5, 1, 0, True).shape == (10, 3, 7, 7)


def test_im2col_puts_a_window_in_a_row() -> None:
    x = np.arange(2 * 2 * 3 * 3.0).reshape(2, 2, 3, 3)
    col = F.im2col(x, 2)
    np.testing.assert_array_equal(col.data[1], x[0, :, 0:2, 1:3].reshape(-1))
    np.testing.assert_array_equal(col.data[6], x[1, :, 1:3, 0:2].reshape(-1))


@pytest.mark.parametrize("conv2d", [F.conv2d, F.conv2d_simple])
def test_shapes_of_the_book(conv2d: Any) -> None:
    x, W = Variable(draw(1, 5, 15, 15)), Variable(draw(8, 5, 3, 3))
    y = conv2d(x, W, b=None, stride=1, pad=1)
    y.backward()
    assert y.shape == (1, 8, 15, 15)
    assert x.grad is not None and x.grad.shape == (1, 5, 15, 15)


def test_layers() -> None:
    np.random.seed(0)
    layer = Conv2d(8, 3, stride=(2, 1), pad=1)
    y = layer(draw(2, 5, 7, 6))
    assert (y.shape, y.dtype) == ((2, 8, 4, 6), np.float32)
    assert (layer.W.shape, layer.W.dtype, layer.b.dtype) == ((8, 5, 3, 3), np.float32, np.float32)
    np.random.seed(0)
    drawn = np.random.randn(8, 5, 3, 3).astype("f") * np.float32(np.sqrt(1 / 45))
    np.testing.assert_array_equal(layer.W.data, drawn)
    np.testing.assert_array_equal(y.data, F.conv2d(draw(2, 5, 7, 6), drawn, None, (2, 1), 1).data)

    layer = Deconv2d(4, (2, 3), stride=2, nobias=True, in_channels=6, outsize=(5, 8))
    assert layer.W.shape == (6, 4, 2, 3)
    assert layer(draw(1, 6, 2, 3)).shape == (1, 4, 5, 8)
    assert [path for path, _ in layer.namedparams()] == ["W"]
    assert Conv1d(4, 3, groups=2)(draw(2, 6, 9)).shape == (2, 4, 7)
    assert Deconv1d(4, 3, stride=2, dtype=np.float64)(draw(2, 6, 4, dtype=float)).shape == (2, 4, 9)
    assert Pooling((2, 3), 2, (0, 1))(draw(1, 2, 4, 6)).shape == (1, 2, 2, 3)
    assert AveragePooling(4)(draw(1, 2, 4, 6)).shape == (1, 2, 1, 3)


@pytest.mark.parametrize(
    ("make", "shape"),
    [
        (lambda: Conv2d(6, (3, 2), groups=2), (3, 4, 5, 5)),
        (lambda: Deconv2d(6, (3, 2), groups=2), (3, 4, 5, 5)),
        (lambda: Conv1d(6, 3), (3, 4, 5)),
    ],
)
def test_weights_load_into_layers_never_called(make: Any, shape: Any, tmp_path: Any) -> None:
    layer: Layer = make()
    y = layer(draw(*shape))
    layer.save_weights(tmp_path / "layer.npz")
    other: Layer = make()
    other.load_weights(tmp_path / "layer.npz")
    np.testing.assert_array_equal(other(draw(*shape)).data, y.data)


def test_layers_draw_weights_on_the_device() -> None:
    with fake_device() as device:
        layer = Conv2d(3, 3, nobias=True)
        y = layer(device.asarray(draw(1, 2, 4, 4)))
        assert isinstance(layer.W.data, device.array_types)
        assert y.shape == (1, 3, 2, 2)


# --- the algorithms ------------------------------------------------------------------------------

#: What is special, images, weights, settings.
CASES: dict[str, tuple[Any, Any, dict[str, Any]]] = {
    "3x3": ((2, 5, 9, 11), (7, 5, 3, 3), {"pad": 1}),
    "3x3 no pad": ((3, 4, 10, 6), (3, 4, 3, 3), {}),
    "3x3 wide pad": ((1, 3, 5, 4), (2, 3, 3, 3), {"pad": (2, 5)}),
    "3x3 one pixel": ((2, 3, 1, 1), (4, 3, 3, 3), {"pad": 1}),
    "many tiles": ((3, 16, 40, 44), (24, 16, 3, 3), {"pad": 1}),
    "many channels": ((1, 130, 12, 12), (150, 130, 3, 3), {"pad": 1}),
    "many rows": ((2, 40, 90, 70), (6, 40, 3, 3), {"pad": (0, 1), "dilation": 2}),
    "small images": ((40, 6, 5, 5), (7, 6, 3, 3), {"stride": 2, "pad": 1}),
    "medium images": ((9, 20, 14, 14), (41, 20, 3, 3), {"pad": 1}),
    "5x4 stride": ((3, 4, 12, 11), (6, 4, 5, 4), {"stride": (3, 2), "pad": (2, 1)}),
    "pad larger than kernel": ((2, 3, 4, 4), (2, 3, 2, 2), {"pad": (4, 3)}),
    "groups": ((4, 6, 8, 8), (9, 2, 3, 3), {"groups": 3, "pad": 1}),
    "depthwise": ((3, 5, 9, 8), (5, 1, 3, 3), {"groups": 5, "pad": 1}),
    "depthwise stride": ((2, 4, 9, 8), (8, 1, 3, 2), {"groups": 4, "stride": 2, "pad": 1}),
    "1x1": ((3, 6, 13, 12), (5, 6, 1, 1), {}),
    "1x1 stride": ((5, 6, 9, 8), (4, 6, 1, 1), {"stride": (2, 3)}),
    "1x1 groups": ((3, 6, 4, 5), (4, 3, 1, 1), {"groups": 2}),
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("name", [name for name in ALGORITHMS if name != "general"])
def test_algorithms_agree(name: str, case: str, dtype: Any) -> None:
    x_shape, w_shape, options = CASES[case]
    x, W = draw(*x_shape, dtype=dtype), draw(*w_shape, dtype=dtype)
    b = draw(w_shape[0], dtype=dtype)
    with using_algorithm("general"):
        expected = gradients(F.conv2d, *[v.astype(float) for v in (x, W, b)], **options)
    with using_algorithm(name):
        found = gradients(F.conv2d, x, W, b, **options)
    rtol = 1e-12 if dtype == np.float64 else 1e-4 if name == "winograd4" else 1e-5
    for y, wanted in zip(found, expected, strict=True):
        assert (y.shape, y.dtype) == (wanted.shape, dtype)
        assert np.abs(y - wanted).max() <= rtol * np.abs(wanted).max()

    # The transposed convolution, from the result's shape back, with its own bias.
    gy, b = draw(*expected[0].shape, dtype=dtype), draw(x_shape[1], dtype=dtype)
    options = options | {"outsize": x_shape[2:]}
    with using_algorithm("general"):
        expected = gradients(F.deconv2d, *[v.astype(float) for v in (gy, W, b)], **options)
    with using_algorithm(name):
        found = gradients(F.deconv2d, gy, W, b, **options)
    for y, wanted in zip(found, expected, strict=True):
        assert (y.shape, y.dtype) == (wanted.shape, dtype)
        assert np.abs(y - wanted).max() <= rtol * np.abs(wanted).max()


@pytest.mark.parametrize("case", ["groups", "small images", "medium images", "1x1 groups"])
def test_columns_of_some_images_at_a_time(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    x_shape, w_shape, options = CASES[case]
    x, W = draw(*x_shape, dtype=float), draw(*w_shape, dtype=float)
    with using_algorithm("general"):
        whole = gradients(F.conv2d, x, W, **options)
        # So few that it is one image, or two or three of these small ones.
        monkeypatch.setattr("dezero_nn.functions.convolution.general._AT_ONCE", 3000)
        parts = gradients(F.conv2d, x, W, **options)
    for y, wanted in zip(parts, whole, strict=True):
        np.testing.assert_allclose(y, wanted, rtol=1e-10, atol=1e-10)


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_any_setting(data: Any) -> None:
    def number(low: int, high: int) -> int:
        return data.draw(st.integers(low, high))

    kernel, stride, dilation = ((number(1, 4), number(1, 4)) for _ in range(3))
    pad, groups = (number(0, 4), number(0, 4)), number(1, 3)
    size = [
        max(1, d * (k - 1) + 1 - 2 * p) + number(0, 5)
        for k, d, p in zip(kernel, dilation, pad, strict=True)
    ]
    x = draw(number(1, 3), groups * number(1, 2), *size, dtype=float)
    W = draw(groups * number(1, 2), x.shape[1] // groups, *kernel, dtype=float)
    options = {"stride": stride, "pad": pad, "dilation": dilation, "groups": groups}
    results = []
    for name in ("general", None):
        with using_algorithm(name):
            results.append(gradients(F.conv2d, x, W, **options))
    for y, wanted in zip(*results, strict=True):
        np.testing.assert_allclose(y, wanted, rtol=1e-10, atol=1e-10)
    with using_algorithm("direct"):
        found = gradients(F.conv2d, x.astype(np.float32), W.astype(np.float32), **options)
    for y, wanted in zip(found, results[0], strict=True):
        np.testing.assert_allclose(y, wanted, rtol=1e-5, atol=1e-4)


def chosen(x: Any, W: Any, dtype: Any = np.float32, to: str = "conv2d", **options: Any) -> str:
    settings = {"stride": (1, 1), "pad": (1, 1), "dilation": (1, 1), "groups": 1} | options
    g = of_conv(np.empty(x), np.empty(W), None, **settings)  # type: ignore[arg-type]
    return choose(to, g, dtype)


def test_choice_of_tiles() -> None:
    with using_compiled(False):
        assert chosen((1, 64, 56, 56), (64, 64, 3, 3)) == "winograd4"
        assert chosen((1, 128, 28, 28), (128, 128, 3, 3)) == "winograd4"
        assert chosen((64, 32, 14, 14), (64, 32, 3, 3)) == "winograd2"
        assert chosen((32, 512, 7, 7), (512, 512, 3, 3)) == "winograd4"
        assert chosen((1, 512, 7, 7), (512, 512, 3, 3)) == "columns"


def test_choice_of_tiles_by_loops(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("numba", reason="Numba is not installed")
    monkeypatch.setattr(loops(), "VECTOR", 0)
    assert chosen((1, 64, 112, 112), (64, 64, 3, 3)) == "winograd4"
    assert chosen((1, 64, 56, 56), (64, 64, 3, 3)) == "columns"
    assert chosen((1, 128, 28, 28), (128, 128, 3, 3)) == "winograd2"
    assert chosen((64, 32, 14, 14), (64, 32, 3, 3)) == "winograd2"
    assert chosen((1, 512, 14, 14), (512, 512, 3, 3)) == "columns"


def loops() -> Any:
    from dezero_nn.loops import direct

    return direct


@pytest.mark.parametrize("vector", [8, 16])
def test_choice_of_direct_products(vector: int, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("numba", reason="Numba is not installed")
    monkeypatch.setattr(loops(), "VECTOR", vector)
    monkeypatch.setattr(direct, "has_tiles", lambda: False)
    with_long = "direct" if vector == 16 else "columns"
    assert chosen((64, 16, 32, 32), (16, 16, 3, 3)) == "direct"
    assert chosen((64, 32, 14, 14), (64, 32, 3, 3)) == ("direct" if vector == 16 else "winograd2")
    assert chosen((2, 64, 32, 32), (64, 64, 3, 3)) == with_long
    assert chosen((1, 64, 56, 56), (64, 64, 3, 3)) == "columns"
    assert chosen((1, 64, 112, 112), (64, 64, 3, 3)) == "winograd4"
    assert chosen((1, 512, 14, 14), (512, 512, 3, 3)) == with_long
    assert chosen((1, 1, 28, 28), (32, 1, 3, 3)) == "columns"
    # Gradients: of images with a stride, of few weights, of many for one small image.
    stride = {"stride": (2, 2)}
    assert chosen((32, 64, 14, 14), (128, 64, 4, 4), to="deconv2d", **stride) == "direct"
    assert chosen((64, 6, 14, 14), (16, 6, 5, 5), to="conv2d_weight") == "direct"
    of_weights = chosen((32, 64, 56, 56), (64, 64, 3, 3), to="conv2d_weight")
    assert of_weights == ("direct" if vector == 16 else "winograd4")
    for operation in ("deconv2d", "conv2d_weight"):
        assert chosen((1, 512, 14, 14), (512, 512, 3, 3), to=operation) == "columns"
    with using_compiled(False):
        assert chosen((64, 16, 32, 32), (16, 16, 3, 3)) == "columns"
    # Single images, where columns are not multiplied by BLAS, whose threads do not sleep.
    monkeypatch.setattr(direct, "has_tiles", lambda: True)
    assert chosen((1, 64, 56, 56), (64, 64, 3, 3)) == with_long
    assert chosen((1, 512, 7, 7), (512, 512, 3, 3)) == with_long


def test_choice() -> None:
    assert chosen((1, 64, 56, 56), (64, 64, 3, 3), np.float64) == "columns"
    assert chosen((1, 64, 56, 56), (64, 64, 3, 3), np.float16) == "general"
    assert chosen((1, 3, 56, 56), (64, 3, 3, 3)) == "columns"
    assert chosen((1, 256, 14, 14), (64, 256, 1, 1), pad=(0, 0), stride=(2, 2)) == "pointwise"
    with using_compiled(False):
        assert chosen((1, 64, 56, 56), (64, 64, 3, 3), stride=(2, 1)) == "columns"
        assert chosen((1, 32, 56, 56), (32, 1, 3, 3), groups=32) == "depthwise"
        assert chosen((1, 32, 14, 14), (32, 1, 3, 3), groups=32) == "columns"
    assert chosen((0, 256, 14, 14), (64, 256, 1, 1), pad=(0, 0)) == "general"


def test_forcing_an_algorithm() -> None:
    with using_algorithm("columns"):
        assert chosen((1, 64, 56, 56), (64, 64, 3, 3)) == "columns"
        with using_algorithm("winograd4"):
            assert chosen((1, 3, 8, 8), (2, 3, 3, 3)) == "winograd4"
            assert chosen((1, 3, 8, 8), (2, 3, 3, 3), np.float64) == "columns"
            assert chosen((1, 3, 8, 8), (2, 3, 5, 5)) == "columns"
        assert chosen((1, 64, 112, 112), (64, 64, 3, 3)) == "columns"
    assert chosen((1, 64, 112, 112), (64, 64, 3, 3)) == "winograd4"
    with pytest.raises(ValueError, match="using_algorithm: no 'fft'; there is general, columns"):
        using_algorithm("fft").__enter__()


def test_winograd_is_accurate() -> None:
    x, W = draw(2, 96, 28, 28), draw(64, 96, 3, 3)
    with using_algorithm("winograd4"), no_grad():
        y = F.conv2d(x, W, pad=1).data
    exact = F.conv2d(x.astype(float), W.astype(float), pad=1).data
    assert np.abs(y - exact).max() < 1e-4 * np.abs(exact).max()
    assert np.sqrt(((y - exact) ** 2).mean() / (exact**2).mean()) < 1e-5


def test_mixed_dtypes_and_integers() -> None:
    x, W = draw(1, 2, 4, 4), draw(3, 2, 3, 3, dtype=float)
    assert F.conv2d(x, W).dtype == np.float64
    assert F.conv2d(x, W.astype("f"), np.zeros(3, np.float32)).dtype == np.float32
    y = F.conv2d(np.arange(9).reshape(1, 1, 3, 3), np.ones((1, 1, 2, 2), int))
    np.testing.assert_array_equal(y.data, [[[[8, 12], [20, 24]]]])


def test_second_derivative_through_a_small_network() -> None:
    """WGAN-GP's penalty: the gradient of a gradient's norm."""
    x, W = Variable(draw(2, 3, 6, 6, dtype=float)), Variable(draw(4, 3, 3, 3, dtype=float))

    def penalty(W: Any) -> Any:
        gx = grad(lambda x: (F.conv2d(x, W, pad=1) ** 3).sum())(x)
        return (gx**2).sum()

    found = grad(penalty)(W).data
    step = np.zeros_like(W.data)
    step[1, 2, 0, 1] = 1e-5
    difference = penalty(Variable(W.data + step)).data - penalty(Variable(W.data - step)).data
    np.testing.assert_allclose(found[1, 2, 0, 1], difference / 2e-5, rtol=1e-6)


# --- bad input -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("x", "W", "options", "message"),
    [
        ((2, 3, 4), (2, 3, 3, 3), {}, r"conv2d: x is an array of images, of shape \(N, C, H, W\)"),
        ((2, 3, 4, 4), (3, 3), {}, r"conv2d: W is an array of shape \(OC, C / groups, KH, KW\)"),
        ((2, 3, 4, 4), (2, 4, 3, 3), {}, "conv2d: x has 3 channels, W takes 4 channels"),
        ((2, 4, 4, 4), (2, 4, 3, 3), {"groups": 2}, "W takes 4 channels in each of 2 groups"),
        ((2, 4, 4, 4), (3, 2, 3, 3), {"groups": 2}, "3 channels are not divisible into 2 groups"),
        ((2, 4, 4, 4), (3, 2, 3, 3), {"groups": 0}, "groups must be at least 1, it is 0"),
        (
            (1, 1, 3, 3),
            (1, 1, 6, 2),
            {"pad": 1},
            r"the kernel, \(6, 2\), is larger than the padded ",
        ),
        ((1, 1, 3, 3), (1, 1, 2, 2), {"dilation": 3}, r"the kernel, \(4, 4\), is larger"),
        ((1, 1, 3, 3), (1, 1, 2, 2), {"stride": 0}, r"stride must be at least 1, it is \(0, 0\)"),
        ((1, 1, 3, 3), (1, 1, 2, 2), {"pad": (0, -1)}, r"pad must be at least 0"),
        ((1, 1, 3, 3), (1, 1, 2, 2), {"b": np.zeros(2)}, r"b is an array of shape \(1,\), not"),
    ],
)
def test_errors(x: Any, W: Any, options: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message) as error:
        F.conv2d(np.zeros(x), np.zeros(W), **options)
    assert str(error.value).startswith("conv2d: ")


def test_errors_of_deconv2d() -> None:
    x, W = np.zeros((1, 2, 3, 3)), np.zeros((2, 1, 3, 3))
    with pytest.raises(
        ValueError, match=r"outsize lies between \(7, 7\) and \(8, 8\), not \(9, 8\)"
    ):
        F.deconv2d(x, W, stride=2, outsize=(9, 8))
    with pytest.raises(ValueError, match="deconv2d: x has 2 channels, W takes 3"):
        F.deconv2d(x, np.zeros((3, 1, 3, 3)))
    with pytest.raises(ValueError, match="use less padding"):
        F.deconv2d(x, W, pad=3)


def test_errors_of_layers() -> None:
    with pytest.raises(ValueError, match="Conv2d: out_channels must be at least 1, got 0"):
        Conv2d(0, 3)
    with pytest.raises(TypeError, match=r"Deconv2d: in_channels must be an integer, got 1\.5"):
        Deconv2d(2, 3, in_channels=1.5)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="Conv2d: dtype must be a floating-point type, got int64"):
        Conv2d(2, 3, dtype=int)
    with pytest.raises(ValueError, match="Conv2d: in_channels=3 is not divisible into 2 groups"):
        Conv2d(4, 3, groups=2)(draw(1, 3, 5, 5))
    with pytest.raises(ValueError, match=r"Conv2d: the input is an array of shape \(N, C, H, W\)"):
        Conv2d(4, 3)(draw(3, 5, 5))
    with pytest.raises(ValueError, match=r"conv1d: x has three axes, not float32\[1, 3, 5, 5\]"):
        F.conv1d(draw(1, 3, 5, 5), draw(1, 3, 2))
    with pytest.raises(ValueError, match=r"col2im: col has the shape \[4, 4\], not float32"):
        F.col2im(draw(4, 5), (1, 1, 3, 3), 2)
    with pytest.raises(ValueError, match="upsample_nearest: scale must be at least 1, it is 0"):
        F.upsample_nearest(draw(1, 1, 2, 2), 0)
