"""Models of images: a prediction for one of 224x224."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from harness.workload import Call, Comparison

__all__ = ["RESNET50", "VGG16", "random_images", "torch_resnet50", "torch_vgg16"]

_GROUPS = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))
_BLOCKS = (3, 4, 6, 3)


def random_images(n: int) -> Any:
    """Return random images of 224x224, of shape (n, 3, 224, 224)."""
    import numpy as np

    return np.random.default_rng(0).standard_normal((n, 3, 224, 224), dtype=np.float32)


def _weights(shapes: Iterable[tuple[int, ...]]) -> Iterator[Any]:
    """Yield the same weights for all libraries; `shapes` are PyTorch's, of matrices (out, in)."""
    import numpy as np

    rng = np.random.default_rng(1)
    for shape in shapes:
        fan_in = int(np.prod(shape[1:]))
        draw = rng.standard_normal(shape, dtype=np.float32)
        draw *= np.float32(np.sqrt(1.7 / fan_in))
        yield draw


def _fill(parameters: Iterable[Any]) -> None:
    """Set the weights of a model of ours, or of the released package, in the order of its layers.

    Biases are zero and scales one at the beginning, and stay so.
    """
    import numpy as np

    wanted = [p for p in parameters if p.ndim > 1]
    shapes = [p.shape if p.ndim == 4 else p.shape[::-1] for p in wanted]
    for parameter, array in zip(wanted, _weights(shapes), strict=True):
        parameter.data = array if parameter.ndim == 4 else np.ascontiguousarray(array.T)


def _torch_fill(network: Any) -> Any:
    import torch

    with torch.no_grad():
        for module in network.modules():
            if getattr(module, "bias", None) is not None:
                module.bias.zero_()
        wanted = [p for p in network.parameters() if p.ndim > 1]
        for parameter, array in zip(
            wanted, _weights([tuple(p.shape) for p in wanted]), strict=True
        ):
            parameter.copy_(torch.from_numpy(array))
    return network


def torch_vgg16() -> Any:
    """Build torchvision's VGG16."""
    from torch import nn

    layers: list[Any] = []
    channels = 3
    for width, count in _GROUPS:
        for _ in range(count):
            layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU(inplace=True)]
            channels = width
        layers.append(nn.MaxPool2d(2, 2))
    layers += [nn.Flatten(), nn.Linear(512 * 7 * 7, 4096), nn.ReLU(inplace=True), nn.Dropout()]
    layers += [nn.Linear(4096, 4096), nn.ReLU(inplace=True), nn.Dropout(), nn.Linear(4096, 1000)]
    return nn.Sequential(*layers)


def torch_resnet50() -> Any:
    """Build torchvision's ResNet50."""
    from torch import nn

    class Bottleneck(nn.Module):  # type: ignore[misc]
        def __init__(self, before: int, channels: int, stride: int) -> None:
            super().__init__()
            after = 4 * channels
            self.convolutions = nn.Sequential(
                nn.Conv2d(before, channels, 1, bias=False),
                nn.BatchNorm2d(channels),
                nn.ReLU(inplace=True),
                nn.Conv2d(channels, channels, 3, stride, 1, bias=False),
                nn.BatchNorm2d(channels),
                nn.ReLU(inplace=True),
                nn.Conv2d(channels, after, 1, bias=False),
                nn.BatchNorm2d(after),
            )
            short_cut = nn.Conv2d(before, after, 1, stride, bias=False)
            self.short_cut = nn.Identity()
            if stride != 1 or before != after:
                self.short_cut = nn.Sequential(short_cut, nn.BatchNorm2d(after))
            self.relu = nn.ReLU(inplace=True)

        def forward(self, x: Any) -> Any:
            h = self.convolutions(x)
            h += self.short_cut(x)
            return self.relu(h)

    layers: list[Any] = [nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64)]
    layers += [nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, 1)]
    before = 64
    for i, count in enumerate(_BLOCKS):
        for j in range(count):
            layers.append(Bottleneck(before, 64 << i, 2 if i and not j else 1))
            before = 4 * (64 << i)
    layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(before, 1000)]
    return nn.Sequential(*layers)


class Prediction(Comparison):
    """The scores of one image, in test mode, without a graph.

    Args:
        model: ``"VGG16"`` or ``"ResNet50"``.
        reach: As `Comparison`.
    """

    # Sums of thousands of products, in another order.
    tolerance = 1e-3

    def __init__(self, model: str, *, reach: float) -> None:
        self.name = model.lower()
        self.title = f"{model} forward, one image of 224x224"
        self.reach = reach
        self._model = model

    def ours(self) -> Call:
        import numpy as np

        from dezero_core import no_grad, test_mode
        from dezero_nn import models

        model, x = getattr(models, self._model)(), random_images(1)

        def call() -> tuple[object, ...]:
            with no_grad(), test_mode():
                y = model(x)
            return (np.abs(y.data).mean(), y.data.max())

        call()
        _fill(model.params())
        return call

    def torch(self) -> Call:
        import torch

        build = {"VGG16": torch_vgg16, "ResNet50": torch_resnet50}[self._model]
        model, x = _torch_fill(build()).eval(), torch.from_numpy(random_images(1))

        def call() -> tuple[object, ...]:
            with torch.no_grad():
                y = model(x)
            return (y.abs().mean(), y.max())

        return call

    def released(self) -> Call | None:
        if self._model != "VGG16":
            return None  # its residual networks call their layers with arguments of another order
        import numpy as np

        import dezero
        from dezero.models import VGG16

        model, x = VGG16(), random_images(1)

        def call() -> tuple[object, ...]:
            with dezero.no_grad(), dezero.test_mode():
                y = model(x)
            return (np.abs(y.data).mean(), y.data.max())

        call()
        # In the order of the layers: its own order of parameters is a set's.
        layers = [f"conv{i}_{j}" for i, (_, n) in enumerate(_GROUPS, 1) for j in range(1, n + 1)]
        _fill(getattr(model, name).W for name in (*layers, "fc6", "fc7", "fc8"))
        return call


VGG16 = Prediction("VGG16", reach=1.0)
RESNET50 = Prediction("ResNet50", reach=1.2)
