"""Training in mixed precision on a device: nothing moves, nothing waits, and it learns as much."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dezero_nn.functions as F
from dezero_core import Variable, as_numpy, autocast, no_grad, test_mode
from dezero_core.functions import tanh
from dezero_core.testing import FakeDevice
from dezero_cuda.kernels import KERNELS
from dezero_nn import MLP, Checkpoint, Sequential, layers, relu
from dezero_optim import SGD, Adam, AdamW, ClipGrad, GradScaler, MomentumSGD

from .conftest import Place

sys.path.insert(0, str(Path(__file__).parents[2] / "packages/dezero-cuda/tests/tools"))

from cuda_emulator import compiler, emulate

N = 24
LABELS = np.arange(N) % 3


def draw(*shape: int) -> Any:
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


def rows(x: Any) -> Any:
    return x.reshape(len(x), -1)


def _mlp() -> tuple[Any, Any]:
    return MLP((32, 3), activation=relu), draw(N, 6)


def _cnn() -> tuple[Any, Any]:
    parts = (layers.Conv2d(6, 3, pad=1), layers.BatchNorm(), relu, layers.Pooling(2, 2))
    return Sequential(*parts, rows, layers.Linear(3)), draw(N, 2, 6, 6)


def _lstm() -> tuple[Any, Any]:
    class Last(layers.LSTM):
        def forward(self, x: Any) -> Any:
            self.reset_state()
            return super().forward(x)[-1]

    return Sequential(Last(8), layers.Linear(3)), draw(4, N, 5)


def _transformer() -> tuple[Any, Any]:
    return Sequential(layers.TransformerBlock(8, 2), rows, layers.Linear(3)), draw(N, 4, 8)


NETWORKS: dict[str, Callable[[], tuple[Any, Any]]] = {
    "mlp": _mlp,
    "cnn": _cnn,
    "lstm": _lstm,
    "transformer": _transformer,
}
OPTIMIZERS: dict[str, Callable[[], Any]] = {
    "SGD": lambda: SGD(0.1),
    "MomentumSGD": lambda: MomentumSGD(0.05),
    "Adam": lambda: Adam(0.01),
    "AdamW": lambda: AdamW(0.01),
}


def make(name: str) -> tuple[Any, Any]:
    np.random.seed(0)
    model, x = NETWORKS[name]()
    with no_grad(), test_mode():
        model(x)
    return model, x


def step(
    model: Any, optimizer: Any, scaler: GradScaler, x: Any, t: Any, dtype: str | None = "float16"
) -> Any:
    """Take a step of training in mixed precision; with None in single precision."""
    with autocast(dtype or "float16", enabled=dtype is not None):
        loss = F.softmax_cross_entropy(model(x), t)
    model.cleargrads()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of NumPy, while the scale is too large
        scaler.scale(loss).backward()
    scaler.step(optimizer)
    scaler.update()
    return loss


@pytest.mark.parametrize("optimizer_name", OPTIMIZERS)
@pytest.mark.parametrize("name", NETWORKS)
def test_a_loop_in_mixed_precision(name: str, optimizer_name: str, place: Place) -> None:
    """From a scale that is too large at first: an update is skipped, with nothing waiting."""
    losses = []
    for is_here in (True, False):
        model, x = make(name)
        t = LABELS
        if is_here:
            model.to(place.name)
            x, t = place.put(x, t)
        optimizer, scaler = OPTIMIZERS[optimizer_name]().setup(model), GradScaler(2.0**40)
        optimizer.add_hook(ClipGrad(1.0))
        found = []
        if is_here:
            with place.quiet():
                found += [step(model, optimizer, scaler, x, t) for _ in range(35)]
        else:
            found += [step(model, optimizer, scaler, x, t) for _ in range(35)]
        losses.append([float(loss) for loss in found])
        assert 0 < optimizer.t < 35
        assert scaler.loss_scale == 2.0 ** (40 - (35 - optimizer.t))
        assert {p.dtype for p in model.params()} == {np.dtype(np.float32)}
    assert losses[0][0] == losses[0][1]  # nothing was changed
    assert losses[0][-1] < losses[0][0] - 0.02
    rtol = 1e-3 if place.name == "fake" else 0.1
    np.testing.assert_allclose(losses[0], losses[1], rtol=rtol, atol=rtol)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("name", NETWORKS)
def test_it_learns_as_much_as_in_single_precision(name: str, dtype: str, place: Place) -> None:
    if dtype == "bfloat16":
        pytest.importorskip("ml_dtypes", reason="ml_dtypes is not installed")
    last = []
    for precision in (dtype, None):
        model, x = make(name)
        model.to(place.name)
        x, t = place.put(x, LABELS)
        optimizer = Adam(0.01).setup(model)
        scaler = GradScaler(2.0**12, enabled=precision == "float16")
        for _ in range(40):
            loss = step(model, optimizer, scaler, x, t, precision)
        last.append(float(loss))
    assert last[1] < 0.6
    np.testing.assert_allclose(last[0], last[1], atol=0.05)


def test_parameters_in_half_precision_with_masters_learn_with_a_scale(place: Place) -> None:
    losses = []
    for dtype in (np.float16, np.float32):
        model, x = make("mlp")
        for p in model.params():
            p.data = p.data.astype(dtype)
        model.to(place.name)
        x, t = place.put(x.astype(dtype), LABELS)
        optimizer, scaler = Adam(0.01).setup(model), GradScaler(2.0**10)
        step(model, optimizer, scaler, x, t)
        with place.quiet():
            found = [step(model, optimizer, scaler, x, t) for _ in range(30)]
        losses.append(float(found[-1]))
        assert {p.dtype for p in model.params()} == {np.dtype(dtype)}
    np.testing.assert_allclose(losses[0], losses[1], atol=0.05)


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_a_run_resumes_bit_for_bit(dtype: Any, place: Place, tmp_path: Path) -> None:
    def parts() -> tuple[Any, Any, Any, Checkpoint]:
        model, _ = make("mlp")
        for p in model.params():
            p.data = p.data.astype(dtype)
        optimizer, scaler = Adam(0.01).setup(model.to(place.name)), GradScaler(2.0**40)
        checkpoint = Checkpoint(model=model, optimizer=optimizer, scaler=scaler)
        return model, optimizer, scaler, checkpoint

    x, t = place.put(make("mlp")[1].astype(dtype), LABELS)
    model, optimizer, scaler, checkpoint = parts()
    for _ in range(30):
        step(model, optimizer, scaler, x, t)
    assert 0 < optimizer.t < 30
    checkpoint.save(tmp_path / "run.npz")
    wanted = [as_numpy(step(model, optimizer, scaler, x, t)) for _ in range(3)]

    twin, resumed, other, checkpoint = parts()
    checkpoint.load(tmp_path / "run.npz")
    found = [as_numpy(step(twin, resumed, other, x, t)) for _ in range(3)]
    np.testing.assert_array_equal(found, wanted)
    for path, array in model.state_dict().items():
        np.testing.assert_array_equal(twin.state_dict()[path], array, err_msg=path)
    for key, value in optimizer.state_dict().items():
        np.testing.assert_array_equal(resumed.state_dict()[key], value, err_msg=key)


def test_a_penalty_on_the_gradient_in_half_precision(place: Place) -> None:
    def train(model: Any, x: Any, t: Any) -> Any:
        inputs = Variable(x)
        with autocast("float16"):
            y = model(inputs).sum()
            y.backward(create_graph=True)
            penalty = ((inputs.grad**2).sum(axis=1) - 1.0) ** 2
            loss = penalty.mean()
        model.cleargrads()
        loss.backward()
        return [loss, *[p.grad for p in model.params() if p.grad is not None]]

    np.random.seed(0)
    model, x = MLP((6, 1), activation=tanh), draw(N, 4)
    model(x)
    twin = model.copy().to(place.name)
    there = place.put(x)
    with place.quiet():
        found = train(twin, there, None)
    for one, other in zip(found, train(model, x, None), strict=True):
        assert one.dtype == np.float32
        np.testing.assert_allclose(as_numpy(one), other.data, rtol=1e-2, atol=1e-2)


# --- through the fused kernels -------------------------------------------------------------------


@pytest.fixture
def used(place: Place, monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Attach the kernels to the place; return a set of those that run from now on."""
    names: set[str] = set()

    def noting(name: str, kernel: Any) -> Any:
        @wraps(kernel)
        def call(*args: Any, **settings: Any) -> Any:
            result = kernel(*args, **settings)
            if result is not NotImplemented:
                names.add(name)
            return result

        return call

    if isinstance(place.backend, FakeDevice):
        if compiler() is None:
            pytest.skip("there is no C++ compiler (g++) to emulate a device with")
        emulate(monkeypatch)
        place.backend.kernels.update({name: noting(name, KERNELS[name]) for name in KERNELS})
    return names


@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW"])
def test_kernels_skip_and_divide_as_the_formulas_do(
    name: str, place: Place, used: set[str]
) -> None:
    values = []
    for is_here in (True, False):
        model, x = make("mlp")
        t = LABELS
        if is_here:
            model.to(place.name)
            x, t = place.put(x, t)
        optimizer, scaler = OPTIMIZERS[name]().setup(model), GradScaler(2.0**20)
        for _ in range(12):
            step(model, optimizer, scaler, x, t)
        assert 0 < optimizer.t < 12
        values.append([optimizer.t, *[as_numpy(p) for p in model.params()]])
    for found, wanted in zip(*values, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=0, atol=2e-3)
    if place.name == "fake":
        wanted = {"gradients.scale", "gradients.adapt_scale", f"optimizer.{name.lower()}"}
        assert wanted <= used
        assert ("gradients.adam_factor" in used) == (name != "SGD")
