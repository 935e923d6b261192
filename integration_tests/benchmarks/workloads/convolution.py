"""Convolutional networks: training steps, and single convolutions of typical shapes."""

from __future__ import annotations

from itertools import cycle
from math import prod
from typing import Any, Final

from harness.workload import Call, Comparison
from workloads.inputs import WEIGHT_SEED, digit_images

__all__ = ["CNN", "CONVOLUTIONS"]

_BATCH: Final = 64


def _batches() -> list[tuple[Any, Any]]:
    """Return 10 batches of 64 random digits, float32 from 0 to 1, with their labels."""
    import numpy as np

    images, labels = digit_images(10 * _BATCH)
    x = images.reshape(10, _BATCH, 1, 28, 28).astype(np.float32) / np.float32(255)
    return list(zip(x, labels.reshape(10, _BATCH), strict=True))


class CNNTraining(Comparison):
    """A step of training two convolutions, each with ReLU and 2x2 pooling, and two dense layers."""

    name = "cnn"
    title = "CNN conv32-pool-conv64-pool-128-10, 28x28, Adam, batch 64"
    reach = 1.2
    # PyTorch adds epsilon after the bias correction, the book before it.
    tolerance = 1e-2

    def ours(self) -> Call:
        import numpy as np

        import dezero_nn.functions as F
        from dezero_nn.layers import Conv2d, Linear
        from dezero_nn.models import Model
        from dezero_optim import Adam

        np.random.seed(WEIGHT_SEED)
        return _dezero(np, F, Model, Conv2d, Linear, Adam)

    def released(self) -> Call:
        import numpy as np

        import dezero.functions as F
        from dezero.layers import Conv2d, Linear
        from dezero.models import Model
        from dezero.optimizers import Adam

        np.random.seed(WEIGHT_SEED)
        return _dezero(np, F, Model, Conv2d, Linear, Adam)

    def torch(self) -> Call:
        import numpy as np
        import torch
        from torch import nn
        from torch.nn import functional as F

        model = nn.Sequential(
            nn.Conv2d(1, 32, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(32, 64, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(64 * 7 * 7, 128),
            nn.ReLU(),
            nn.Linear(128, 10),
        )
        # What both DeZeros draw after the same seed: (inputs, outputs) for dense layers.
        rng = np.random.RandomState(WEIGHT_SEED)
        with torch.no_grad():
            for layer in model:
                if isinstance(layer, nn.Conv2d | nn.Linear):
                    is_dense = isinstance(layer, nn.Linear)
                    shape = tuple(layer.weight.T.shape if is_dense else layer.weight.shape)
                    n_in = shape[0] if is_dense else prod(shape[1:])
                    drawn = rng.randn(*shape).astype(np.float32) * np.float32(np.sqrt(1 / n_in))
                    layer.weight.copy_(torch.from_numpy(drawn.T if is_dense else drawn))
                    layer.bias.zero_()
        optimizer = torch.optim.Adam(model.parameters(), lr=0.001)
        batches = cycle([(torch.from_numpy(x), torch.from_numpy(t)) for x, t in _batches()])

        def call() -> tuple[object, ...]:
            x, t = next(batches)
            loss = F.cross_entropy(model(x), t)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            return (loss.detach(),)

        return call


def _dezero(np: Any, F: Any, Model: Any, Conv2d: Any, Linear: Any, Adam: Any) -> Call:
    """Set up the step in the book's idiom, for ours and for the released package."""

    class Network(Model):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.conv1 = Conv2d(32, kernel_size=3, pad=1)
            self.conv2 = Conv2d(64, kernel_size=3, pad=1)
            self.fc1 = Linear(128)
            self.fc2 = Linear(10)

        def forward(self, x: Any) -> Any:
            x = F.pooling(F.relu(self.conv1(x)), 2, 2)
            x = F.pooling(F.relu(self.conv2(x)), 2, 2)
            x = x.reshape(x.shape[0], -1)
            return self.fc2(F.relu(self.fc1(x)))

    model = Network()
    optimizer = Adam(0.001).setup(model)
    batches = cycle(_batches())

    def call() -> tuple[object, ...]:
        x, t = next(batches)
        loss = F.softmax_cross_entropy(model(x), t)
        model.cleargrads()
        loss.backward()
        optimizer.update()
        return (loss.data,)

    return call


class Convolution(Comparison):
    """One convolution, forward and back to images, kernels and bias.

    Args:
        name: As `Comparison`.
        title: As `Comparison`.
        x: The shape of the images.
        W: The shape of the kernels.
        stride: As `conv2d`, and so are `pad` and `groups`.
        pad: See above.
        groups: See above.
    """

    def __init__(
        self,
        name: str,
        title: str,
        x: tuple[int, ...],
        W: tuple[int, ...],
        *,
        stride: int = 1,
        pad: int = 0,
        groups: int = 1,
    ) -> None:
        self.name = name
        self.title = title
        self._x = x
        self._W = W
        self._stride = stride
        self._pad = pad
        self._groups = groups

    def _operands(self) -> list[Any]:
        import numpy as np

        rng = np.random.default_rng(0)
        size = [
            (n + 2 * self._pad - k) // self._stride + 1
            for n, k in zip(self._x[2:], self._W[2:], strict=True)
        ]
        shapes = [self._x, self._W, self._W[:1], (self._x[0], self._W[0], *size)]
        return [rng.standard_normal(shape, dtype=np.float32) for shape in shapes]

    def ours(self) -> Call:
        import numpy as np

        import dezero_nn.functions as F
        from dezero_core import Variable

        *operands, gy = self._operands()
        variables = [Variable(x) for x in operands]

        def call() -> tuple[object, ...]:
            for variable in variables:
                variable.cleargrad()
            y = F.conv2d(*variables, self._stride, self._pad, 1, self._groups)
            y.grad = gy
            y.backward()
            gradients = [variable.grad.data for variable in variables]
            return tuple([np.abs(g[:1]).sum() for g in (y.data, *gradients)])

        return call

    def torch(self) -> Call:
        import torch
        from torch.nn import functional as F

        *operands, gy = map(torch.from_numpy, self._operands())
        for x in operands:
            x.requires_grad = True

        def call() -> tuple[object, ...]:
            for x in operands:
                x.grad = None
            y = F.conv2d(*operands, self._stride, self._pad, 1, self._groups)
            y.backward(gy)
            results = (y.detach(), *[x.grad for x in operands])
            return tuple([g[:1].abs().sum() for g in results if g is not None])

        return call


#: What networks are made of, with the names that the algorithms have in dezero-nn.
CONVOLUTIONS: Final = (
    Convolution(
        "conv-3x3",
        "conv 3x3, 128 to 128 channels, 56x56",
        (1, 128, 56, 56),
        (128, 128, 3, 3),
        pad=1,
    ),
    Convolution(
        "conv-3x3-small",
        "conv 3x3, 32 to 64 channels, 14x14, batch 64",
        (64, 32, 14, 14),
        (64, 32, 3, 3),
        pad=1,
    ),
    Convolution(
        "conv-1x1", "conv 1x1, 256 to 64 channels, 56x56", (1, 256, 56, 56), (64, 256, 1, 1)
    ),
    Convolution(
        "conv-stem",
        "conv 7x7 stride 2, 3 to 64 channels, 224x224",
        (1, 3, 224, 224),
        (64, 3, 7, 7),
        stride=2,
        pad=3,
    ),
    Convolution(
        "conv-depthwise",
        "conv 3x3 depthwise, 64 channels, 56x56, batch 8",
        (8, 64, 56, 56),
        (64, 1, 3, 3),
        pad=1,
        groups=64,
    ),
    Convolution(
        "conv-gan",
        "conv 4x4 stride 2, 64 to 128 channels, 14x14, batch 32",
        (32, 64, 14, 14),
        (128, 64, 4, 4),
        stride=2,
        pad=1,
    ),
)
CNN: Final = CNNTraining()
