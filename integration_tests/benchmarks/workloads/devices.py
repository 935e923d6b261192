"""Training steps on a device: the same networks for ours and for PyTorch, in one precision.

The device is chosen once for a process (`select`), with the sizes that suit it. Networks that can
take over the same weights do, and their losses must agree; an LSTM's and a transformer's parameters
are laid out differently, so those begin with weights of their own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from harness.workload import Call, Comparison

__all__ = ["DEVICE_WORKLOADS", "PRECISIONS", "select"]

PRECISIONS: Final = ("float32", "tf32", "bf16", "autocast-bf16", "autocast-fp16")
# What autocast computes in, by precision: the name of a dtype.
_AUTOCAST: Final = {"autocast-bf16": "bfloat16", "autocast-fp16": "float16"}
_TOLERANCES: Final = {"float32": 2e-2, "tf32": 5e-2}  # in half precision 0.2


class _Sizes(NamedTuple):
    """How large the networks are: on a GPU as people train them, on the host just to run."""

    batch: int
    mlp: tuple[int, ...]
    images: tuple[int, int, int]  # batch, length of a side, classes: of ResNet50
    lstm: tuple[int, int, int, int]  # steps, batch, inputs, hidden size
    transformer: tuple[int, int, int, int, int]  # blocks, batch, steps, width, heads


_ON_GPU = _Sizes(
    256, (784, 4096, 4096, 10), (64, 224, 1000), (64, 64, 256, 512), (6, 16, 256, 512, 8)
)
_ON_HOST = _Sizes(32, (784, 128, 10), (2, 64, 1000), (8, 4, 16, 32), (2, 2, 16, 32, 4))

_device = "cpu"


def select(device: str) -> None:
    """Choose the device of this process: ``"cpu"`` or ``"cuda"``."""
    global _device
    _device = device


def _sizes() -> _Sizes:
    return _ON_GPU if _device.startswith("cuda") else _ON_HOST


class _Setting(NamedTuple):
    """What a network needs: made once in each process."""

    model: Any
    x: Any
    t: Any


class DeviceTraining(Comparison):
    """A training step of a network on a device: forward, loss, backward, Adam.

    Args:
        network: The network's name, which the methods ``_ours_NAME`` and ``_torch_NAME`` make.
        title: As `Comparison`, and so is `reach`.
        reach: See above.
        precision: One of `PRECISIONS`.
    """

    def __init__(self, network: str, title: str, precision: str, reach: float | None) -> None:
        self.name = f"{network}-{precision}"
        self.title = f"{title}, {precision}"
        self.precision = precision
        self.reach = reach
        self.tolerance = _TOLERANCES.get(precision, 0.2)
        self._network = network

    def ours(self) -> Call:
        import numpy as np

        import dezero_nn.functions as F
        from dezero_core import Device, autocast, no_grad, test_mode
        from dezero_optim import Adam, GradScaler

        device = Device(_device)
        if _device.startswith("cuda"):
            import dezero_cuda

            dezero_cuda.allow_tf32(self.precision == "tf32")
        np.random.seed(0)
        model, x, t = _OURS[self._network]()
        with no_grad(), test_mode():
            model(x)
        _fill(model.params(), self._network)
        if self.precision == "bf16":
            import ml_dtypes

            x = x.astype(ml_dtypes.bfloat16) if x.dtype.kind == "f" else x
            for parameter in model.params():
                parameter.data = parameter.data.astype(ml_dtypes.bfloat16)
        model.to(device)
        x, t = device.asarray(x), device.asarray(t)
        optimizer = Adam(1e-4).setup(model)
        dtype = _AUTOCAST.get(self.precision)
        scaler = GradScaler(enabled=dtype == "float16")
        compares = self._network in _COMPARABLE

        def call() -> tuple[object, ...]:
            with autocast(dtype or "float16", enabled=dtype is not None):
                y = model(x)
                loss = F.softmax_cross_entropy(y.reshape(-1, y.shape[-1]), t)
            model.cleargrads()
            scaler.scale(loss).backward()
            scaler.step(optimizer)
            scaler.update()
            return (loss,) if compares else ()

        return call

    def torch(self) -> Call:
        import torch
        from torch.nn import functional as F

        torch.backends.cuda.matmul.allow_tf32 = self.precision == "tf32"
        torch.backends.cudnn.allow_tf32 = self.precision == "tf32"
        torch.backends.cudnn.benchmark = True
        torch.manual_seed(0)
        model, x, t = _TORCH[self._network]()
        x, t = torch.from_numpy(x), torch.from_numpy(t)
        _torch_fill(model, self._network)
        if self.precision == "bf16":
            model = model.to(torch.bfloat16)
            x = x.to(torch.bfloat16) if x.is_floating_point() else x
        model, x, t = model.to(_device), x.to(_device), t.to(_device)
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-4)
        name = _AUTOCAST.get(self.precision)
        kind = _device.partition(":")[0]
        dtype = getattr(torch, name or "float16")
        scaler = torch.amp.GradScaler(kind, enabled=name == "float16")
        compares = self._network in _COMPARABLE

        def call() -> tuple[object, ...]:
            with torch.autocast(kind, dtype, enabled=name is not None):
                y = model(x)
                loss = F.cross_entropy(y.reshape(-1, y.shape[-1]), t)
            optimizer.zero_grad(set_to_none=True)
            scaler.scale(loss).backward()
            scaler.step(optimizer)
            scaler.update()
            return (loss.detach(),) if compares else ()

        return call


# --- weights and data ---------------------------------------------------------------------------

_COMPARABLE = ("mlp", "cnn", "resnet50")


def _draw(shape: tuple[int, ...], place: int) -> Any:
    """Return weights as PyTorch lays them out, matrices as (out, in)."""
    import numpy as np

    rng = np.random.default_rng(place)
    scale = np.float32((1.7 / float(np.prod(shape[1:]))) ** 0.5)
    return rng.standard_normal(shape, dtype=np.float32) * scale


def _fill(parameters: Any, network: str) -> None:
    import numpy as np

    if network not in _COMPARABLE:
        return
    for place, p in enumerate(p for p in parameters if p.ndim > 1):
        shape = p.shape if p.ndim == 4 else p.shape[::-1]
        array = _draw(shape, place)
        p.data = array if p.ndim == 4 else np.ascontiguousarray(array.T)


def _torch_fill(model: Any, network: str) -> None:
    import torch

    if network not in _COMPARABLE:
        return
    with torch.no_grad():
        for module in model.modules():
            if getattr(module, "bias", None) is not None:
                module.bias.zero_()
        for place, p in enumerate(p for p in model.parameters() if p.dim() > 1):
            p.copy_(torch.from_numpy(_draw(tuple(p.shape), place)))


def _data(shape: tuple[int, ...], classes: int, labels: int) -> tuple[Any, Any]:
    import numpy as np

    rng = np.random.default_rng(0)
    return rng.standard_normal(shape, dtype=np.float32), rng.integers(0, classes, labels)


def _mlp_data() -> tuple[Any, Any]:
    sizes = _sizes()
    return _data((sizes.batch, sizes.mlp[0]), sizes.mlp[-1], sizes.batch)


def _cnn_data() -> tuple[Any, Any]:
    return _data((_sizes().batch, 3, 32, 32), 10, _sizes().batch)


def _image_data() -> tuple[Any, Any]:
    batch, side, classes = _sizes().images
    return _data((batch, 3, side, side), classes, batch)


def _lstm_data() -> tuple[Any, Any]:
    steps, batch, inputs, hidden = _sizes().lstm
    return _data((steps, batch, inputs), hidden, steps * batch)


def _transformer_data() -> tuple[Any, Any]:
    _, batch, steps, width, _ = _sizes().transformer
    return _data((batch, steps, width), width, batch * steps)


# --- the networks, ours -------------------------------------------------------------------------


def _ours_mlp() -> _Setting:
    from dezero_nn import MLP, relu

    return _Setting(MLP(_sizes().mlp[1:], activation=relu), *_mlp_data())


def _ours_cnn() -> _Setting:
    from dezero_nn import BatchNorm, Conv2d, Linear, Sequential, relu
    from dezero_nn.layers import Pooling

    steps: list[Any] = []
    for channels in (32, 64, 128):
        convolution = Conv2d(channels, 3, pad=1, nobias=True)
        steps += [convolution, BatchNorm(eps=1e-5), relu, Pooling(2, 2)]
    return _Setting(Sequential(*steps, lambda x: x.reshape(len(x), -1), Linear(10)), *_cnn_data())


def _ours_resnet50() -> _Setting:
    from dezero_nn import ResNet50

    return _Setting(ResNet50(), *_image_data())


def _ours_lstm() -> _Setting:
    from dezero_nn import Layer
    from dezero_nn.layers import LSTM, Linear

    hidden = _sizes().lstm[-1]

    class Network(Layer):
        def __init__(self) -> None:
            self.lstm, self.linear = LSTM(hidden), Linear(hidden)

        def forward(self, x: Any) -> Any:
            self.lstm.reset_state()
            return self.linear(self.lstm(x))

    return _Setting(Network(), *_lstm_data())


def _ours_transformer() -> _Setting:
    from dezero_nn import Linear, Sequential
    from dezero_nn.layers import TransformerBlock

    n_blocks, _, _, width, heads = _sizes().transformer
    blocks = [TransformerBlock(width, heads) for _ in range(n_blocks)]
    return _Setting(Sequential(*blocks, Linear(width)), *_transformer_data())


# --- the same in PyTorch --------------------------------------------------------------------------


def _torch_mlp() -> _Setting:
    from itertools import pairwise

    from torch import nn

    layers: list[Any] = []
    for n_in, n_out in pairwise(_sizes().mlp):
        layers += [nn.Linear(n_in, n_out), nn.ReLU()]
    return _Setting(nn.Sequential(*layers[:-1]), *_mlp_data())


def _torch_cnn() -> _Setting:
    from torch import nn

    layers: list[Any] = []
    before = 3
    for channels in (32, 64, 128):
        layers += [nn.Conv2d(before, channels, 3, padding=1, bias=False)]
        layers += [nn.BatchNorm2d(channels), nn.ReLU(), nn.MaxPool2d(2, 2)]
        before = channels
    return _Setting(nn.Sequential(*layers, nn.Flatten(), nn.Linear(128 * 16, 10)), *_cnn_data())


def _torch_resnet50() -> _Setting:
    from workloads.images import torch_resnet50

    return _Setting(torch_resnet50(), *_image_data())


def _torch_lstm() -> _Setting:
    from torch import nn

    _, _, inputs, hidden = _sizes().lstm

    class Network(nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.lstm, self.linear = nn.LSTM(inputs, hidden), nn.Linear(hidden, hidden)

        def forward(self, x: Any) -> Any:
            return self.linear(self.lstm(x)[0])

    return _Setting(Network(), *_lstm_data())


def _torch_transformer() -> _Setting:
    from torch import nn

    n_blocks, _, _, width, heads = _sizes().transformer
    blocks = [
        nn.TransformerEncoderLayer(
            width, heads, 4 * width, 0.0, "gelu", batch_first=True, norm_first=True
        )
        for _ in range(n_blocks)
    ]
    return _Setting(nn.Sequential(*blocks, nn.Linear(width, width)), *_transformer_data())


_OURS: Final[dict[str, Callable[[], _Setting]]] = {
    "mlp": _ours_mlp,
    "cnn": _ours_cnn,
    "resnet50": _ours_resnet50,
    "lstm": _ours_lstm,
    "transformer": _ours_transformer,
}
_TORCH: Final[dict[str, Callable[[], _Setting]]] = {
    "mlp": _torch_mlp,
    "cnn": _torch_cnn,
    "resnet50": _torch_resnet50,
    "lstm": _torch_lstm,
    "transformer": _torch_transformer,
}
_TITLES: Final = {
    "mlp": ("MLP", 1.0),
    "cnn": ("CNN of three convolutions", None),
    "resnet50": ("ResNet50", 1.2),
    "lstm": ("LSTM over sequences", 1.0),
    "transformer": ("transformer", 1.2),
}

#: All rows, by name.
DEVICE_WORKLOADS: Final[dict[str, DeviceTraining]] = {
    row.name: row
    for precision in PRECISIONS
    for network, (title, reach) in _TITLES.items()
    for row in [DeviceTraining(network, title, precision, reach)]
}
