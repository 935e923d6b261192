"""Models with torchvision's weights predict what PyTorch predicts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dezero_core import no_grad, test_mode
from dezero_nn import MLP, VGG16, Model, ResNet18, ResNet50, ResNet101, ResNet152, SqueezeNet
from dezero_nn.models import load_torchvision

torch = pytest.importorskip("torch")
nn = torch.nn

# --- the models of torchvision, with its names, built by hand ------------------------------------


def numbered(places: dict[int, Any]) -> Any:
    """Return modules one after the other, under these numbers."""
    sequence = nn.Sequential()
    for place, module in places.items():
        sequence.add_module(str(place), module)
    return sequence


class TorchVGG16(nn.Module):  # type: ignore[misc, name-defined]
    def __init__(self, side: int) -> None:
        super().__init__()
        layers: list[Any] = []
        channels = 3
        for width in (64, 64, 0, 128, 128, 0, 256, 256, 256, 0, 512, 512, 512, 0, 512, 512, 512, 0):
            if width:
                layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU()]
                channels = width
            else:
                layers.append(nn.MaxPool2d(2, 2))
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Sequential(
            *(nn.Linear(512 * (side // 32) ** 2, 4096), nn.ReLU(), nn.Dropout()),
            *(nn.Linear(4096, 4096), nn.ReLU(), nn.Dropout(), nn.Linear(4096, 1000)),
        )

    def forward(self, x: Any) -> Any:
        return self.classifier(self.features(x).flatten(1))


class TorchBlock(nn.Module):  # type: ignore[misc, name-defined]
    def __init__(self, before: int, channels: int, stride: int, is_bottleneck: bool) -> None:
        super().__init__()
        after = channels * (4 if is_bottleneck else 1)
        shapes = (
            [(before, channels, 1, 1), (channels, channels, 3, stride), (channels, after, 1, 1)]
            if is_bottleneck
            else [(before, channels, 3, stride), (channels, channels, 3, 1)]
        )
        self.count = len(shapes)
        for i, (n_in, n_out, kernel, step) in enumerate(shapes, start=1):
            conv = nn.Conv2d(n_in, n_out, kernel, step, kernel // 2, bias=False)
            setattr(self, f"conv{i}", conv)
            setattr(self, f"bn{i}", nn.BatchNorm2d(n_out))
        self.downsample = None
        if stride != 1 or before != after:
            short_cut = nn.Conv2d(before, after, 1, stride, bias=False)
            self.downsample = nn.Sequential(short_cut, nn.BatchNorm2d(after))

    def forward(self, x: Any) -> Any:
        h = x
        for i in range(1, self.count + 1):
            h = getattr(self, f"bn{i}")(getattr(self, f"conv{i}")(h))
            h = h.relu() if i < self.count else h
        return (h + (x if self.downsample is None else self.downsample(x))).relu()


class TorchResNet(nn.Module):  # type: ignore[misc, name-defined]
    def __init__(self, counts: tuple[int, ...], is_bottleneck: bool) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        before = 64
        for i, count in enumerate(counts):
            blocks = []
            for j in range(count):
                stride = 2 if i > 0 and j == 0 else 1
                blocks.append(TorchBlock(before, 64 << i, stride, is_bottleneck))
                before = (64 << i) * (4 if is_bottleneck else 1)
            setattr(self, f"layer{i + 1}", nn.Sequential(*blocks))
        self.fc = nn.Linear(before, 1000)

    def forward(self, x: Any) -> Any:
        h = self.maxpool(self.bn1(self.conv1(x)).relu())
        for i in range(1, 5):
            h = getattr(self, f"layer{i}")(h)
        return self.fc(h.mean((2, 3)))


class TorchFire(nn.Module):  # type: ignore[misc, name-defined]
    def __init__(self, before: int, squeezed: int, expanded: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(before, squeezed, 1)
        self.expand1x1 = nn.Conv2d(squeezed, expanded, 1)
        self.expand3x3 = nn.Conv2d(squeezed, expanded, 3, padding=1)

    def forward(self, x: Any) -> Any:
        h = self.squeeze(x).relu()
        return torch.cat([self.expand1x1(h).relu(), self.expand3x3(h).relu()], 1)


class TorchSqueezeNet(nn.Module):  # type: ignore[misc, name-defined]
    def __init__(self, version: str) -> None:
        super().__init__()
        first = nn.Conv2d(3, 64, 3, 2) if version == "1.1" else nn.Conv2d(3, 96, 7, 2)
        modules = [first, nn.ReLU()]
        pools = (2, 5, 8) if version == "1.1" else (2, 6, 11)
        before = first.out_channels
        for squeezed in (16, 16, 32, 32, 48, 48, 64, 64):
            if len(modules) in pools:
                modules.append(nn.MaxPool2d(3, 2, ceil_mode=True))
            modules.append(TorchFire(before, squeezed, 4 * squeezed))
            before = 8 * squeezed
        self.features = nn.Sequential(*modules)
        self.classifier = numbered({0: nn.Dropout(), 1: nn.Conv2d(512, 1000, 1), 2: nn.ReLU()})

    def forward(self, x: Any) -> Any:
        return self.classifier(self.features(x)).mean((2, 3))


def randomized(network: Any) -> Any:
    """Give each array of a network values that a mistake would change."""
    torch.manual_seed(0)
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.weight.uniform_(0.5, 1.5)
                module.bias.uniform_(-0.5, 0.5)
                module.running_mean.uniform_(-0.5, 0.5)
                module.running_var.uniform_(0.5, 1.5)
    return network.eval()


# --- the tests -----------------------------------------------------------------------------------

MODELS: dict[str, tuple[Callable[[], Model], Callable[[], Any], tuple[int, int]]] = {
    "VGG16": (VGG16, lambda: TorchVGG16(side=32), (32, 32)),
    "ResNet18": (ResNet18, lambda: TorchResNet((2, 2, 2, 2), False), (64, 49)),
    "ResNet50": (ResNet50, lambda: TorchResNet((3, 4, 6, 3), True), (64, 49)),
    "SqueezeNet 1.0": (
        lambda: SqueezeNet(version="1.0"),
        lambda: TorchSqueezeNet("1.0"),
        (64, 49),
    ),
    "SqueezeNet 1.1": (SqueezeNet, lambda: TorchSqueezeNet("1.1"), (64, 49)),
}


@pytest.mark.parametrize("name", MODELS)
def test_same_outputs(tmp_path: Path, name: str) -> None:
    make_ours, make_theirs, size = MODELS[name]
    network, path = randomized(make_theirs()), tmp_path / "w.pth"
    torch.save(network.state_dict(), path)
    x = np.random.default_rng(0).normal(size=(2, 3, *size)).astype(np.float32)
    with torch.no_grad():
        expected = network(torch.from_numpy(x)).numpy()

    model = make_ours()
    load_torchvision(model, path)
    with no_grad(), test_mode():
        y = model(x).data
    assert y.dtype == np.float32
    scale = np.abs(expected).max()
    np.testing.assert_allclose(y, expected, rtol=0, atol=1e-4 * scale)


@pytest.mark.parametrize(
    ("make", "counts"), [(ResNet101, (3, 4, 23, 3)), (ResNet152, (3, 8, 36, 3))]
)
def test_the_deeper_models_have_the_same_names(
    tmp_path: Path, make: Callable[[], Model], counts: tuple[int, ...]
) -> None:
    with torch.device("meta"):
        shapes = {k: v.shape for k, v in TorchResNet(counts, True).state_dict().items()}
    # One storage, of which all weights are parts.
    numbers = torch.arange(max(shape.numel() for shape in shapes.values())).float()
    path = tmp_path / "w.pth"
    torch.save({k: numbers[: s.numel()].reshape(s) for k, s in shapes.items()}, path)
    model = make()
    load_torchvision(model, path)
    for key, ours in {"layer3.22.conv3.weight": "res4/b22/conv3/W", "fc.bias": "fc6/b"}.items():
        expected = numbers[: shapes[key].numel()].reshape(shapes[key]).numpy()
        np.testing.assert_array_equal(model.state_dict()[ours], expected)


def test_safetensors(tmp_path: Path) -> None:
    safetensors = pytest.importorskip("safetensors.numpy")
    state = TorchSqueezeNet("1.1").state_dict()
    arrays = {key: value.numpy() for key, value in state.items()}
    (tmp_path / "w.safetensors").write_bytes(safetensors.save(arrays))
    model = SqueezeNet()
    load_torchvision(model, tmp_path / "w.safetensors")
    expected = arrays["features.12.expand3x3.weight"]
    np.testing.assert_array_equal(model.fire9.expand3x3.W.data, expected)


def test_gradients_are_the_same(tmp_path: Path) -> None:
    network, path = randomized(TorchSqueezeNet("1.1")), tmp_path / "w.pth"
    torch.save(network.state_dict(), path)
    model = SqueezeNet()
    load_torchvision(model, path)
    x = np.random.default_rng(0).normal(size=(2, 3, 40, 40)).astype(np.float32)
    network(torch.from_numpy(x)).pow(2).sum().backward()
    with test_mode():
        (model(x) ** 2).sum().backward()
    for ours, theirs in ((model.conv1, network.features[0]), (model.conv10, network.classifier[1])):
        expected = theirs.weight.grad.numpy()
        atol = 1e-4 * np.abs(expected).max()
        np.testing.assert_allclose(ours.W.grad.data, expected, rtol=0, atol=atol)


def test_the_original_layout_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"v1\.5, this ResNet50 is of v1"):
        load_torchvision(ResNet50(variant="v1"), tmp_path / "w.pth")


def test_other_models_and_other_weights_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "w.pth"
    state = TorchSqueezeNet("1.1").state_dict()
    torch.save(state, path)
    with pytest.raises(TypeError, match="no model MLP"):
        load_torchvision(MLP((3,)), path)
    with pytest.raises(ValueError, match=r"(?s)not the weights of .*ResNet18.*missing: bn1\.bias"):
        load_torchvision(ResNet18(), path)

    model = SqueezeNet()
    before = model.state_dict()
    state["classifier.1.bias"] = torch.zeros(999)
    del state["features.0.bias"]
    torch.save(state, path)
    with pytest.raises(ValueError, match=r"missing: features\.0\.bias$"):
        load_torchvision(model, path)
    state["features.0.bias"] = torch.zeros(64)
    torch.save(state, path)
    with pytest.raises(ValueError, match=r"conv10/b, float32\[999\]"):
        load_torchvision(model, path)
    after = model.state_dict()
    assert after.keys() == before.keys()
    assert all(np.array_equal(after[key], before[key]) for key in before)
