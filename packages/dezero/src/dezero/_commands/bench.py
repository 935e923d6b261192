"""``dezero bench``: how fast this machine is, in some seconds."""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median

import numpy as np

from dezero_core import Variable
from dezero_core.backend import Backend, get_backend
from dezero_nn import MLP, Conv2d, Linear, Pooling, Sequential, relu, softmax_cross_entropy
from dezero_nn.layers import Layer
from dezero_optim import SGD

__all__ = ["bench"]

_Step = Callable[[], object]
_SIZE = 1024
_BATCH = 100


def bench(seconds: float, *, gpu: bool = False) -> int:
    """Measure a product of matrices and two steps of training, and print what came out."""
    backend = get_backend("cuda" if gpu else "numpy")
    backend.asarray(np.zeros(1))  # says what is missing, if there is no GPU
    print(f"on {'the GPU' if gpu else 'the processor'}, the median of many runs\n", flush=True)
    milliseconds = _time(_product(backend), backend, seconds)
    _show("product of two matrices, 1024 x 1024, float32", milliseconds)
    print(f"{2 * _SIZE**3 / milliseconds / 1e6:>66,.0f} GFLOP/s", flush=True)
    networks: list[tuple[str, Layer, tuple[int, ...]]] = [
        ("training step of an MLP, 784-1000-10, 100 images", MLP((1000, 10), relu), (784,)),
        ("training step of a CNN, 2 convolutions, 100 images", _convolutions(), (1, 28, 28)),
    ]
    for text, network, shape in networks:
        milliseconds = _time(_training(network, shape, backend), backend, seconds)
        _show(text, milliseconds)
        print(f"{_BATCH / milliseconds * 1000:>66,.0f} images/s", flush=True)
    print(
        "\n`hatch run bench` in the project's folder compares with PyTorch and with DeZero 0.0.13"
    )
    return 0


def _show(text: str, milliseconds: float) -> None:
    print(f"{text:55}{milliseconds:>11.2f} ms", flush=True)


def _product(backend: Backend) -> _Step:
    rng = np.random.default_rng(0)
    a, b = (Variable(_floats(rng, (_SIZE, _SIZE), backend)) for _ in range(2))
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


def _training(network: Layer, shape: tuple[int, ...], backend: Backend) -> _Step:
    rng = np.random.default_rng(0)
    x = _floats(rng, (_BATCH, *shape), backend)
    t = backend.asarray(rng.integers(0, 10, _BATCH))
    if backend.name != "numpy":
        network.to_gpu()
    optimizer = SGD(lr=0.01).setup(network)

    def step() -> None:
        loss = softmax_cross_entropy(network(x), t)
        network.cleargrads()
        loss.backward()
        optimizer.update()

    return step


def _floats(rng: np.random.Generator, shape: tuple[int, ...], backend: Backend) -> object:
    return backend.asarray(rng.standard_normal(shape, dtype=np.float32))


def _time(step: _Step, backend: Backend, seconds: float) -> float:
    """Return how many milliseconds a step takes, after one that makes the weights."""
    step()
    times: list[float] = []
    end = time.perf_counter() + seconds
    while not times or time.perf_counter() < end:
        backend.synchronize()
        start = time.perf_counter()
        step()
        backend.synchronize()
        times.append(time.perf_counter() - start)
    return median(times) * 1000
