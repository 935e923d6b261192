"""The ready-made models: their shapes, their modes, their published weights."""

from __future__ import annotations

import builtins
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dezero_core import as_variable, no_grad, test_mode, using_config
from dezero_core.files import DownloadError
from dezero_nn import (
    VGG16,
    Model,
    ResNet,
    ResNet18,
    ResNet50,
    ResNet101,
    ResNet152,
    SqueezeNet,
    relu,
    softmax_cross_entropy,
)
from dezero_nn.models import preprocess_torchvision
from dezero_nn.models._pooling import pooling_to_the_end
from dezero_nn.summaries import summary

X = np.random.default_rng(0).normal(size=(2, 3, 32, 32)).astype(np.float32)
STATISTICS = ("avg_mean", "avg_var")

MODELS: dict[str, tuple[Callable[[], Model], int]] = {
    "ResNet18": (ResNet18, 11_689_512),
    "ResNet50": (ResNet50, 25_557_032),
    "ResNet50 v1": (lambda: ResNet50(variant="v1"), 25_557_032),
    "ResNet101": (ResNet101, 44_549_160),
    "ResNet152": (ResNet152, 60_192_808),
    "SqueezeNet 1.0": (lambda: SqueezeNet(version="1.0"), 1_248_424),
    "SqueezeNet 1.1": (SqueezeNet, 1_235_496),
}


def learned(model: Model) -> dict[str, Any]:
    state = model.state_dict().items()
    return {path: array for path, array in state if not path.endswith(STATISTICS)}


@pytest.mark.parametrize("name", MODELS)
def test_parameters_are_as_many_as_published(name: str) -> None:
    make, published = MODELS[name]
    model = make()
    with no_grad(), test_mode():
        y = model(X)
    assert y.shape == (2, 1000)
    assert y.dtype == np.float32
    assert sum(array.size for array in learned(model).values()) == published
    assert {array.dtype for array in model.state_dict().values()} == {np.dtype(np.float32)}


def test_vgg16_has_the_books_paths_and_the_published_parameters() -> None:
    model = VGG16()
    with no_grad():
        assert model(X).dtype == np.float32
    shapes = {path: array.shape for path, array in model.state_dict().items()}
    convolutions = [
        f"conv{i}_{j}" for i, n in enumerate((2, 2, 3, 3, 3), 1) for j in range(1, n + 1)
    ]
    layers = [*convolutions, "fc6", "fc7", "fc8"]
    assert list(shapes) == [f"{layer}/{name}" for layer in layers for name in "Wb"]
    assert shapes["conv1_1/W"] == (64, 3, 3, 3)
    assert shapes["conv5_3/W"] == (512, 512, 3, 3)
    assert shapes["fc6/W"] == (512, 4096)  # what the first images decided
    assert summary(VGG16(), (1, 3, 224, 224)).parameters == 138_357_544
    # Inputs of another size than the first.
    with pytest.raises(ValueError, match="linear"):
        model(np.zeros((1, 3, 64, 64), dtype=np.float32))


def test_resnet_has_the_books_paths() -> None:
    model = ResNet50()
    with no_grad():
        model(X)
    paths = set(model.state_dict())
    assert {"conv1/W", "bn1/gamma", "bn1/beta", "bn1/avg_mean", "bn1/avg_var"} <= paths
    assert {"res2/a/conv4/W", "res2/a/bn4/avg_var", "res2/b2/conv3/W", "fc6/W", "fc6/b"} <= paths
    assert {"res4/b5/bn3/gamma", "res5/b2/conv1/W"} <= paths
    assert "res2/b1/conv4/W" not in paths
    assert "conv1/b" not in paths


def test_variants_stride_elsewhere() -> None:
    for variant, strides in (("v1", ((2, 2), (1, 1))), ("v1.5", ((1, 1), (2, 2)))):
        block = ResNet(101, variant=variant).res3.a  # type: ignore[arg-type]
        assert (block.conv1.stride, block.conv2.stride) == strides
        assert block.conv4.stride == (2, 2)
        assert ResNet(50, variant=variant).res2.a.conv4.stride == (1, 1)  # type: ignore[arg-type]


@pytest.mark.parametrize("size", [(7, 7), (8, 8), (7, 8), (8, 7), (3, 4)])
def test_pooling_to_the_end_leaves_out_no_pixel(size: tuple[int, int]) -> None:
    x = np.random.default_rng(0).normal(size=(2, 3, *size)) - 10  # below what a border could give
    y = pooling_to_the_end(as_variable(x)).data
    rows, columns = (range(0, n - 1, 2) for n in size)
    expected = [[x[:, :, i : i + 3, j : j + 3].max((2, 3)) for j in columns] for i in rows]
    np.testing.assert_array_equal(y, np.array(expected).transpose(2, 3, 0, 1))


def test_test_mode_normalizes_as_training_left_it() -> None:
    # In test mode convolution and normalization may be one operation.
    model = ResNet18()
    with no_grad():
        for _ in range(3):
            model(X)
        with test_mode():
            block, h = model.res2.a, np.random.default_rng(1).normal(size=(2, 64, 8, 8))
            h = h.astype(np.float32)
            expected = block.bn2(block.conv2(relu(block.bn1(block.conv1(h))))).data + h
            y = block(h)
    assert y.dtype == np.float32
    np.testing.assert_allclose(y.data, np.maximum(expected, 0), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("make", [VGG16, ResNet152, SqueezeNet])
def test_a_model_costs_nothing_before_its_first_call(make: Callable[[], Model]) -> None:
    tracemalloc.start()
    try:
        model = make()
        assert tracemalloc.get_traced_memory()[1] < 3_000_000
    finally:
        tracemalloc.stop()
    assert sum(p.size for p in model.params() if p.data is not None) < 20_000  # biases


# --- training and test ---------------------------------------------------------------------------


@pytest.mark.parametrize("make", [VGG16, SqueezeNet])
def test_dropout_is_for_training_alone(make: Callable[[], Model]) -> None:
    model = make()
    with no_grad():
        np.random.seed(0)
        first, second = model(X).data, model(X).data
        assert not np.array_equal(first, second)
        with test_mode():
            np.testing.assert_array_equal(model(X).data, model(X).data)


def test_normalization_follows_the_mode() -> None:
    model = ResNet18()
    with no_grad():
        with test_mode():
            model(X)
        before = model.state_dict()
        model(X)
    after = model.state_dict()
    changed = {path for path in before if not np.array_equal(before[path], after[path])}
    assert changed == {path for path in before if path.endswith(STATISTICS)}


@pytest.mark.parametrize("make", [ResNet18, SqueezeNet])
def test_every_parameter_gets_a_gradient(make: Callable[[], Model]) -> None:
    np.random.seed(0)
    model = make()
    loss = softmax_cross_entropy(model(X), np.array([3, 5]))
    loss.backward()
    for path, parameter in model.namedparams():
        if not path.endswith(STATISTICS):
            assert parameter.grad is not None, path
            assert parameter.grad.dtype == np.float32
            assert parameter.grad.shape == parameter.shape


def test_signals_neither_vanish_nor_explode() -> None:
    np.random.seed(0)
    x = np.random.default_rng(0).normal(size=(4, 3, 64, 64)).astype(np.float32)
    with no_grad(), test_mode():
        for make in (VGG16, SqueezeNet):
            assert 0.1 < make()(x).data.std() < 10, make


def test_models_are_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = []
    monkeypatch.setattr(
        "dezero_nn.models.model.get_plotter",
        lambda name: lambda y, **settings: drawn.append((y.shape, settings["to_file"])),
    )
    with using_config("enable_backprop", False):
        SqueezeNet().plot(X, to_file="net.svg")
    assert drawn == [((2, 1000), "net.svg")]


def test_weights_travel_into_a_model_never_called(tmp_path: Path) -> None:
    model, twin = SqueezeNet(), SqueezeNet()
    with no_grad(), test_mode():
        y = model(X)
        model.save_weights(tmp_path / "w.npz")
        twin.load_weights(tmp_path / "w.npz")
        np.testing.assert_array_equal(twin(X).data, y.data)


def test_squeezenet_for_other_classes() -> None:
    model = SqueezeNet(num_classes=7)
    with no_grad():
        assert model(X).shape == (len(X), 7)
    with pytest.raises(ValueError, match=r"1000 classes.*model\.conv10 = Conv2d\(7, 1\)"):
        SqueezeNet(pretrained=True, num_classes=7)


def test_settings_that_do_not_exist() -> None:
    with pytest.raises(ValueError, match=r"n_layers must be one of \[18, 50, 101, 152\], got 34"):
        ResNet(34)
    with pytest.raises(ValueError, match=r"'v1' or 'v1\.5', got 'v2'"):
        ResNet(50, variant="v2")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"50 layers are of v1, not v1\.5\. load_torchvision"):
        ResNet50(pretrained=True, variant="v1.5")
    with pytest.raises(ValueError, match=r"'1\.0' or '1\.1', got '1\.2'"):
        SqueezeNet(version="1.2")  # type: ignore[arg-type]


# --- published weights ---------------------------------------------------------------------------


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache folder, and addresses at which nobody answers."""
    monkeypatch.setenv("DEZERO_HOME", str(tmp_path))
    monkeypatch.setattr(VGG16, "WEIGHTS_PATH", "http://127.0.0.1:1/vgg16.npz")
    monkeypatch.setattr(ResNet, "WEIGHTS_PATH", "http://127.0.0.1:1/resnet{}.npz")
    return tmp_path


def test_without_a_connection_the_message_says_where_to_put_the_file(cache: Path) -> None:
    for make, name in ((VGG16, "vgg16.npz"), (ResNet101, "resnet101.npz")):
        with pytest.raises(DownloadError) as error:
            make(pretrained=True)
        assert f"put the file at {cache / name}" in str(error.value)
    assert list(cache.iterdir()) == []


def book_file(path: Path, **changes: Any) -> dict[str, Any]:
    """Write a file as the book's of ResNet50, and return what is in it."""
    model = ResNet50(variant="v1")
    with no_grad():
        model(X)
    # The book's model has a bias before the first normalization.
    state = model.state_dict() | {"conv1/b": np.linspace(-1, 1, 64, dtype=np.float32)} | changes
    state = {name: array for name, array in state.items() if array is not None}
    np.savez(path, **state)  # type: ignore[arg-type]
    return state


def test_the_books_residual_network(cache: Path) -> None:
    state = book_file(cache / "resnet50.npz")
    model = ResNet50(pretrained=True)
    assert model.variant == "v1"
    loaded = model.state_dict()
    mean = state["bn1/avg_mean"] - state["conv1/b"]
    np.testing.assert_array_equal(loaded["bn1/avg_mean"], mean)
    np.testing.assert_array_equal(loaded["res5/b2/conv3/W"], state["res5/b2/conv3/W"])

    # With the bias taken into the mean, the network computes what it did with the bias.
    h = np.random.default_rng(1).normal(size=(1, 64, 2, 2)).astype(np.float32)
    with test_mode(), no_grad():
        y = model.bn1(h).data
        model.bn1.load_state_dict(
            {name: state[f"bn1/{name}"] for name in ("gamma", "beta", "avg_mean", "avg_var")}
        )
        expected = model.bn1(h + state["conv1/b"].reshape(1, 64, 1, 1)).data
    np.testing.assert_allclose(y, expected, rtol=1e-5, atol=1e-5)


def test_a_foreign_or_damaged_file_in_the_cache(cache: Path) -> None:
    path = cache / "resnet50.npz"
    advice = rf"ResNet50: {path} is not the file that was published.*Remove it"
    book_file(path, **{"res3/a/conv2/W": None})
    with pytest.raises(ValueError, match=rf"(?s){advice}.*missing: res3/a/conv2/W"):
        ResNet50(pretrained=True)
    book_file(path, **{"res3/a/conv2/W": np.zeros((128, 128, 5, 5), np.float32)})
    with pytest.raises(ValueError, match=rf"(?s){advice}.*res3/a/conv2/W"):
        ResNet50(pretrained=True)
    # Input channels are known to no layer before its first call; their sum is.
    book_file(path, **{"conv1/W": np.zeros((64, 4, 7, 7), np.float32)})
    with pytest.raises(ValueError, match=rf"{advice}.*25560168 parameters instead of 25557032"):
        ResNet50(pretrained=True)
    whole = path.read_bytes()
    for content in (whole[: len(whole) // 2], b"<html>not found</html>"):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=rf"(?s){advice}.*npz"):
            ResNet50(pretrained=True)


# --- photographs ---------------------------------------------------------------------------------


def photograph(height: int, width: int) -> Any:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def test_preprocess_gives_blue_green_red_less_their_means() -> None:
    image = photograph(4, 5)
    original = image.copy()
    for preprocess, mean in (
        (VGG16.preprocess, (103.939, 116.779, 123.68)),
        (ResNet.preprocess, (103.063, 115.903, 123.152)),
    ):
        for size in (None, (5, 4)):
            x = preprocess(image, size)
            assert x.shape == (3, 4, 5)
            assert x.dtype == np.float32
            assert x.flags.c_contiguous
            for channel in range(3):
                expected = image[:, :, 2 - channel].astype(np.float32) - np.float32(mean[channel])
                np.testing.assert_array_equal(x[channel], expected)
    assert VGG16.preprocess(image, None, np.float64).dtype == np.float64
    np.testing.assert_array_equal(image, original)


def test_preprocess_scales_by_pillow() -> None:
    pillow = pytest.importorskip("PIL.Image")
    colors = photograph(30, 20)
    image = pillow.fromarray(colors)
    x = VGG16.preprocess(image)
    assert x.shape == (3, 224, 224)
    np.testing.assert_array_equal(x, VGG16.preprocess(colors))
    resized = np.asarray(image.resize((224, 224)), dtype=np.float32)
    np.testing.assert_allclose(x[2], resized[:, :, 0] - np.float32(123.68), atol=1e-4)
    # Gray images, and images with transparency, have three colors too.
    gray = VGG16.preprocess(image.convert("L"), None)
    np.testing.assert_allclose(gray[0] + 103.939, gray[2] + 123.68, atol=1e-4)
    np.testing.assert_array_equal(
        VGG16.preprocess(image.convert("RGBA"), None), VGG16.preprocess(image, None)
    )
    # Width and height, as Pillow has them.
    assert VGG16.preprocess(image, (10, 40)).shape == (3, 40, 10)


def test_preprocess_torchvision() -> None:
    image = photograph(256, 300)
    x = preprocess_torchvision(image)
    assert x.shape == (3, 224, 224)
    assert x.dtype == np.float32
    middle = image[16:240, 38:262].astype(np.float64) / 255
    for channel, (mean, deviation) in enumerate([(0.485, 0.229), (0.456, 0.224), (0.406, 0.225)]):
        expected = (middle[:, :, channel] - mean) / deviation
        np.testing.assert_allclose(x[channel], expected, atol=1e-5)


def test_preprocess_torchvision_scales_the_shorter_side() -> None:
    pillow = pytest.importorskip("PIL.Image")
    image = pillow.fromarray(photograph(90, 60))
    x = preprocess_torchvision(image, (28, 28))
    scaled = np.asarray(image.resize((32, 48), pillow.Resampling.BILINEAR), dtype=np.float64)
    expected = (scaled[10:38, 2:30, 0] / 255 - 0.485) / 0.229
    np.testing.assert_allclose(x[0], expected, atol=1e-5)


def test_preprocess_says_what_it_wants(monkeypatch: pytest.MonkeyPatch) -> None:
    for wrong in (np.zeros((4, 4, 3)), np.zeros((4, 4), np.uint8), "zebra.jpg", None):
        for preprocess in (VGG16.preprocess, preprocess_torchvision):
            with pytest.raises(TypeError, match="an image of Pillow's, or an array of uint8"):
                preprocess(wrong)
    with pytest.raises(TypeError, match="dtype must be a floating-point type, got int64"):
        VGG16.preprocess(photograph(4, 4), None, int)

    find = builtins.__import__

    def without_pillow(name: str, *arguments: Any) -> Any:
        if name.split(".")[0] == "PIL":
            raise ImportError(name)
        return find(name, *arguments)

    monkeypatch.setattr(builtins, "__import__", without_pillow)
    with pytest.raises(ImportError, match=r'pip install "dezero-nn\[images\]"'):
        VGG16.preprocess(photograph(4, 4))
    assert VGG16.preprocess(photograph(224, 224)).shape == (3, 224, 224)
    assert preprocess_torchvision(photograph(256, 256)).shape == (3, 224, 224)
