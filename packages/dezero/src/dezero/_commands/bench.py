"""``dezero bench``: how fast this machine is, in some seconds."""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median

import numpy as np

from dezero_core import Variable
from dezero_core.devices import Device
from dezero_core.typing import Array
from dezero_nn import MLP, Conv2d, Linear, Pooling, Sequential, relu, softmax_cross_entropy
from dezero_nn.layers import Layer
from dezero_optim import SGD

__all__ = ["bench"]

_Step = Callable[[], object]
_SIZE = 1024
_BATCH = 100


def bench(seconds: float, device_name: str) -> int:
    """Measure a product of matrices and two steps of training, and print what came out."""
    device = Device(device_name, "bench")
    print(f"on {device.name}, the median of many runs\n", flush=True)
    with device.active():
        _measure(device, seconds)
    print("\n`hatch run bench` in the project's folder compares with PyTorch and DeZero 0.0.13")
    return 0


def _measure(device: Device, seconds: float) -> None:
    milliseconds = _time(_product(device), device, seconds)
    _show("product of two matrices, 1024 x 1024, float32", milliseconds)
    print(f"{2 * _SIZE**3 / milliseconds / 1e6:>66,.0f} GFLOP/s", flush=True)
    networks: list[tuple[str, Layer, tuple[int, ...]]] = [
        ("training step of an MLP, 784-1000-10, 100 images", MLP((1000, 10), relu), (784,)),
        ("training step of a CNN, 2 convolutions, 100 images", _convolutions(), (1, 28, 28)),
    ]
    for text, network, shape in networks:
        milliseconds = _time(_training(network, shape, device), device, seconds)
        _show(text, milliseconds)
        print(f"{_BATCH / milliseconds * 1000:>66,.0f} images/s", flush=True)


def _show(text: str, milliseconds: float) -> None:
    print(f"{text:55}{milliseconds:>11.2f} ms", flush=True)


def _product(device: Device) -> _Step:
    rng = np.random.default_rng(0)
    a, b = (Variable(_floats(rng, (_SIZE, _SIZE), device)) for _ in range(2))
    return lambda: a @ b


def _convolutions() -> Layer:
    return Sequential(
        Conv2d(16, 3, pad=1),
        relu,
        Pooling(2, 2),
        Conv2d(32, 3, pad=1),
        relu,
        Pooling(2, 2),
        lambda x: x.reshape(len(x), -1),
        Linear(10),
    )


def _training(network: Layer, shape: tuple[int, ...], device: Device) -> _Step:
    rng = np.random.default_rng(0)
    x = _floats(rng, (_BATCH, *shape), device)
    t = device.asarray(rng.integers(0, 10, _BATCH))
    optimizer = SGD(lr=0.01).setup(network.to(device))

    def step() -> None:
        loss = softmax_cross_entropy(network(x), t)
        network.cleargrads()
        loss.backward()
        optimizer.update()

    return step


def _floats(rng: np.random.Generator, shape: tuple[int, ...], device: Device) -> Array:
    return device.asarray(rng.standard_normal(shape, dtype=np.float32))


def _time(step: _Step, device: Device, seconds: float) -> float:
    """Return how many milliseconds a step takes, after one that makes the weights."""
    step()
    times: list[float] = []
    end = time.perf_counter() + seconds
    while not times or time.perf_counter() < end:
        device.backend.synchronize()
        start = time.perf_counter()
        step()
        device.backend.synchronize()
        times.append(time.perf_counter() - start)
    return median(times) * 1000
