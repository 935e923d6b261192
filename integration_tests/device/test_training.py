"""Training loops on a device: optimizers, hooks, schedules, averages, loaders, checkpoints."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dezero_nn.functions as F
import dezero_optim
from dezero_core import Variable, as_numpy, grad, hvp, no_grad, value_and_grad
from dezero_core.functions import tanh
from dezero_core.testing import FakeDevice
from dezero_data import ArrayDataset, DataLoader, SeqDataLoader, SinCurve, TokenLoader
from dezero_nn import MLP, BatchNorm, Checkpoint, Dropout, Linear, Sequential, layers, relu, sigmoid
from dezero_optim import (
    SGD,
    AdaDelta,
    AdaGrad,
    Adam,
    AdamW,
    ClipGrad,
    CosineDecay,
    ExponentialDecay,
    ExponentialMovingAverage,
    FreezeParam,
    LinearWarmup,
    MomentumSGD,
    OneCycle,
    ReduceOnPlateau,
    RMSprop,
    StepDecay,
    WeightDecay,
)

from .conftest import Place

X = np.random.default_rng(0).normal(size=(12, 4)).astype(np.float32)
T = np.random.default_rng(1).integers(0, 3, 12)

OPTIMIZERS: dict[str, Callable[[], Any]] = {
    "SGD": lambda: SGD(0.1),
    "MomentumSGD": lambda: MomentumSGD(0.1),
    "MomentumSGD nesterov": lambda: MomentumSGD(0.1, nesterov=True),
    "AdaGrad": AdaGrad,
    "AdaDelta": AdaDelta,
    "Adam": Adam,
    "AdamW": AdamW,
    "RMSprop": RMSprop,
    "RMSprop centered": lambda: RMSprop(momentum=0.9, centered=True),
}
# They ask for the loss, and decide by it: they wait by their nature.
WAITING = {"LBFGS", "Newton"}
HOOKS: dict[str, Callable[[Any], Any]] = {
    "WeightDecay": lambda model: WeightDecay(1e-2),
    "ClipGrad": lambda model: ClipGrad(0.1),
    "FreezeParam": lambda model: FreezeParam(model.l0),
}
SCHEDULES: dict[str, Callable[[], Any]] = {
    "CosineDecay": lambda: CosineDecay(10),
    "ExponentialDecay": lambda: ExponentialDecay(0.9),
    "LinearWarmup": lambda: LinearWarmup(3),
    "OneCycle": lambda: OneCycle(10),
    "StepDecay": lambda: StepDecay(2),
}


def network() -> Any:
    np.random.seed(0)
    # Of a bias before normalization the gradient is 0 but for rounding, which Adam would make much
    # of, in either direction.
    first = Linear(5, in_size=4, nobias=True)
    return Sequential(first, BatchNorm(size=5), relu, Linear(3, in_size=5))


def step(model: Any, optimizer: Any, x: Any, t: Any) -> Any:
    loss = F.softmax_cross_entropy(model(x), t)
    model.cleargrads()
    loss.backward()
    optimizer.update()
    return loss


def compare(place: Place, prepare: Callable[[Any], Any], n_steps: int = 4) -> None:
    """Train a network here and on the host; nothing may move or wait here."""
    model = network().to(place.name)
    train = prepare(model)
    x, t = place.put(X, T)
    with place.quiet():
        found = [train(x, t) for _ in range(n_steps)]
    twin = network()
    train = prepare(twin)
    wanted = [train(X, T) for _ in range(n_steps)]
    for loss, expected in zip(found, wanted, strict=True):
        place.assert_same(loss, expected, "loss")
    for path, array in twin.state_dict().items():
        place.assert_same(model.state_dict()[path], array, path)


def test_all_optimizers_are_here() -> None:
    public = {name: getattr(dezero_optim, name) for name in dezero_optim.__all__}
    kinds = {name for name, kind in public.items() if hasattr(kind, "setup")}
    schedules = {name for name in kinds if issubclass(public[name], dezero_optim.Schedule)}
    named = {name.split()[0] for name in OPTIMIZERS}
    assert kinds - schedules - {"Optimizer"} == named | WAITING
    assert schedules - {"Schedule", "ReduceOnPlateau"} == set(SCHEDULES)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimizer(name: str, place: Place) -> None:
    def prepare(model: Any) -> Any:
        optimizer = OPTIMIZERS[name]().setup(model)
        return lambda x, t: step(model, optimizer, x, t)

    compare(place, prepare)


@pytest.mark.parametrize("name", HOOKS)
def test_hook(name: str, place: Place) -> None:
    def prepare(model: Any) -> Any:
        optimizer = SGD(0.1).setup(model)
        optimizer.add_hook(HOOKS[name](model))
        return lambda x, t: step(model, optimizer, x, t)

    compare(place, prepare)


@pytest.mark.parametrize("name", SCHEDULES)
def test_schedule(name: str, place: Place) -> None:
    def prepare(model: Any) -> Any:
        optimizer = MomentumSGD(0.1).setup(model)
        schedule = SCHEDULES[name]().setup(optimizer)

        def train(x: Any, t: Any) -> Any:
            loss = step(model, optimizer, x, t)
            schedule.update()
            return loss

        return train

    compare(place, prepare)


def test_a_schedule_that_looks_at_the_loss_waits_once_for_it(place: Place) -> None:
    model = network().to(place.name)
    optimizer = SGD(0.1).setup(model)
    schedule = ReduceOnPlateau(patience=0).setup(optimizer)
    x, t = place.put(X, T)
    loss = step(model, optimizer, x, t)
    _ = place.traffic
    schedule.update(float(loss))
    assert len(place.traffic) <= 1


def test_an_average_of_the_parameters(place: Place) -> None:
    def prepare(model: Any) -> Any:
        optimizer = SGD(0.1).setup(model)
        average = ExponentialMovingAverage(model, decay=0.9)

        def train(x: Any, t: Any) -> Any:
            step(model, optimizer, x, t)
            average.update()
            with average.applied():
                return F.softmax_cross_entropy(model(x), t)

        return train

    compare(place, prepare)


def test_gradients_that_add_up(place: Place) -> None:
    def prepare(model: Any) -> Any:
        optimizer = Adam().setup(model)

        def train(x: Any, t: Any) -> Any:
            model.cleargrads()
            for part in (slice(0, 6), slice(6, 12)):
                loss = F.softmax_cross_entropy(model(x[part]), t[part]) / 2
                loss.backward()
            optimizer.update()
            return loss

        return train

    compare(place, prepare)


def test_half_precision_with_a_master(place: Place) -> None:
    model = network().to(place.name)
    for p in model.params():
        p.data = p.data.astype(np.float16)
    optimizer = Adam().setup(model)
    x, t = place.put(X.astype(np.float16), T)
    with place.quiet():
        step(model, optimizer, x, t)
        loss = step(model, optimizer, x, t)
    assert loss.dtype == np.float16
    assert np.isfinite(float(loss))


@pytest.mark.parametrize("kind", ["LBFGS", "Newton"])
def test_an_optimizer_that_waits_moves_nothing(kind: str, place: Place) -> None:
    model = Linear(1, in_size=4).to(place.name)
    optimizer = getattr(dezero_optim, kind)(**({"damping": 1e-3} if kind == "Newton" else {}))
    optimizer.setup(model)
    x, t = place.put(X, X[:, :1].copy())
    _ = place.traffic
    losses = [optimizer.update(lambda: F.mean_squared_error(model(x), t)) for _ in range(3)]
    assert losses[-1] < losses[0]
    assert not [event for event in place.traffic if event.kind == "transfer"]


# --- states that follow -----------------------------------------------------------------------


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_state_follows_its_parameters(name: str, place: Place) -> None:
    """Two steps on the host, two on the device, one on the host are five on the host."""
    model, twin = network(), network()
    optimizers = [OPTIMIZERS[name]().setup(m) for m in (model, twin)]
    wanted = [float(step(twin, optimizers[1], X, T)) for _ in range(5)]
    found = [float(step(model, optimizers[0], X, T)) for _ in range(2)]
    model.to(place.name)
    assert optimizers[0].to(place.name) is optimizers[0]
    x, t = place.put(X, T)
    with place.quiet():
        losses = [step(model, optimizers[0], x, t) for _ in range(2)]
    found += [float(loss) for loss in losses]
    # The second time without being told.
    model.to_cpu()
    found.append(float(step(model, optimizers[0], X, T)))
    np.testing.assert_allclose(found, wanted, rtol=10 * place.rtol)
    for key, value in optimizers[0].state_dict().items():
        if hasattr(value, "shape"):
            place.assert_same(value, optimizers[1].state_dict()[key], key)


def test_a_run_saved_on_a_device_goes_on_on_the_host(place: Place, tmp_path: Path) -> None:
    def run_parts() -> tuple[Any, Any, Any, Checkpoint]:
        model = network()
        optimizer = Adam().setup(model)
        average = ExponentialMovingAverage(model, decay=0.5)
        parts = {"model": model, "optimizer": optimizer, "average": average}
        return model, optimizer, average, Checkpoint(**parts)

    model, optimizer, average, checkpoint = run_parts()
    model.to(place.name)
    x, t = place.put(X, T)
    for _ in range(2):
        step(model, optimizer, x, t)
        average.update()
    checkpoint.save(tmp_path / "run.npz", epoch=2)
    wanted = step(model, optimizer, x, t)

    twin, optimizer, average, checkpoint = run_parts()
    assert checkpoint.load(tmp_path / "run.npz") == {"epoch": 2}
    assert all(isinstance(p.data, np.ndarray) for p in twin.params())
    place.assert_same(step(twin, optimizer, X, T), as_numpy(wanted), "loss")
    average.update()

    third, optimizer, average, checkpoint = run_parts()
    third.to(place.name)
    checkpoint.load(tmp_path / "run.npz")
    assert all(place.holds(p) for p in third.params())
    place.assert_same(step(third, optimizer, x, t), as_numpy(wanted), "loss")


# --- from the data set to the figures ------------------------------------------------------------


@pytest.mark.parametrize("options", [{}, {"prefetch": 2}, {"num_workers": 1}])
def test_an_epoch_moves_each_batch_once(options: dict[str, Any], place: Place) -> None:
    """The book's loop (step 50), with sums that stay on the device until the epoch is over."""
    data = ArrayDataset(X, T)
    loader = DataLoader(data, 4, device=place.name, **options)
    model = network().to(place.name)
    optimizer = Adam().setup(model)
    optimizer.add_hook(ClipGrad(1.0))
    _ = place.traffic
    total_loss: Any = 0.0
    total_accuracy: Any = 0.0
    for x, t in loader:
        y = model(x)
        loss = F.softmax_cross_entropy(y, t)
        total_loss = total_loss + loss.data * len(t)
        total_accuracy = total_accuracy + F.accuracy(y, t).data * len(t)
        model.cleargrads()
        loss.backward()
        optimizer.update()
    if isinstance(place.backend, FakeDevice):
        events = place.traffic
        assert [event.kind for event in events] == ["transfer"] * 6
    assert float(total_loss) / len(X) > 0
    assert 0 <= float(total_accuracy) / len(X) <= 1
    loader.to_cpu()


def test_sequences_truncated(place: Place) -> None:
    """The book's step 60: an LSTM over a sine curve, cut every few steps."""
    loader = SeqDataLoader(SinCurve(train=True), batch_size=4, device=place.name)
    rnn, linear = layers.LSTM(6), Linear(1)
    model = layers.LayerList([rnn, linear]).to(place.name)
    optimizer = Adam().setup(model)
    batches = [next(loader) for _ in range(6)]

    def train(batches: Any) -> None:
        loss: Any = 0
        for x, t in batches:
            loss = loss + F.mean_squared_error(linear(rnn(x)), t)
        model.cleargrads()
        loss.backward()
        loss.unchain_backward()
        optimizer.update()

    train(batches[:3])
    _ = place.traffic
    with place.quiet():
        train(batches[3:])


def test_tokens(place: Place) -> None:
    loader = TokenLoader(np.arange(200) % 5, 4, 6, device=place.name)
    model = layers.LayerList([layers.Embedding(5, 8), layers.GRU(8), Linear(5)]).to(place.name)
    optimizer = Adam().setup(model)

    def train(x: Any, t: Any) -> Any:
        embedding, gru, linear = model
        y = linear(gru(embedding(x)))
        loss = F.softmax_cross_entropy(y.reshape(-1, 5), t.reshape(-1))
        model.cleargrads()
        loss.backward()
        loss.unchain_backward()
        optimizer.update()
        return loss

    batches = [next(loader) for _ in range(3)]
    train(*batches[0])
    with place.quiet():
        train(*batches[1])
        loss = train(*batches[2])
    assert place.holds(loss)


def test_dropout_draws_on_the_device(place: Place) -> None:
    model = Sequential(Linear(50, in_size=4), Dropout(0.5)).to(place.name)
    x = place.put(X)
    with place.quiet():
        y = model(x)
    assert 0.3 < float((as_numpy(y) == 0).mean()) < 0.7


def test_a_penalty_on_the_gradient(place: Place) -> None:
    """Gradients of gradients, as WGAN-GP trains with, stay on the device."""
    np.random.seed(0)
    model = MLP((6, 1), activation=tanh).to(place.name)
    x = place.put(X)
    model(x)

    def train(model: Any, x: Any) -> Any:
        inputs = Variable(x)
        model(inputs).sum().backward(create_graph=True)
        penalty = ((inputs.grad**2).sum(axis=1) - 1.0) ** 2
        model.cleargrads()
        penalty.mean().backward()
        return model.l0.W.grad

    with place.quiet():
        found = train(model, x)
    place.assert_same(found, train(model.copy().to("cpu"), X), "W")


def test_a_generator_and_a_discriminator(place: Place) -> None:
    """The two steps of a GAN: deconvolutions, leaky ReLU, a loss on scores."""
    np.random.seed(0)
    generator = Sequential(
        *(Linear(4 * 16), relu, lambda x: x.reshape(-1, 4, 4, 4), BatchNorm()),
        *(layers.Deconv2d(1, 4, stride=2, pad=1), sigmoid),
    )
    discriminator = Sequential(
        *(layers.Conv2d(4, 4, stride=2, pad=1), F.leaky_relu),
        *(lambda x: x.reshape(len(x), -1), Linear(1)),
    )
    noise = np.random.default_rng(0).normal(size=(6, 3)).astype(np.float32)
    real = np.random.default_rng(1).uniform(size=(6, 1, 8, 8)).astype(np.float32)
    with no_grad():
        discriminator(generator(noise))
    twins = generator.copy(), discriminator.copy()

    def run(generator: Any, discriminator: Any, real: Any, noise: Any) -> list[Any]:
        optimizers = Adam(1e-3).setup(generator), Adam(1e-3).setup(discriminator)
        losses = []
        for _ in range(2):
            fake = generator(noise)
            scores = discriminator(fake)
            as_real = F.sigmoid_cross_entropy(scores, scores.data * 0 + 1)
            generator.cleargrads()
            as_real.backward()
            optimizers[0].update()
            scores = discriminator(real), discriminator(fake.detach())
            loss = F.sigmoid_cross_entropy(scores[0], scores[0].data * 0 + 1)
            loss = loss + F.sigmoid_cross_entropy(scores[1], scores[1].data * 0)
            discriminator.cleargrads()
            loss.backward()
            optimizers[1].update()
            losses += [as_real, loss]
        return losses

    for twin in twins:
        twin.to(place.name)
    moved = place.put(real, noise)
    with place.quiet():
        found = run(*twins, *moved)
    for loss, wanted in zip(found, run(generator, discriminator, real, noise), strict=True):
        place.assert_same(loss, wanted, "loss")


def test_transforms_of_functions(place: Place) -> None:
    def f(x: Any) -> Any:
        return (tanh(x) ** 2).sum()

    x = np.array([0.1, 0.2, -0.3])
    v = np.array([1.0, 0.0, 2.0])
    moved, along = place.put(x, v)
    with place.quiet():
        found = [grad(f)(moved), hvp(f, moved, along), value_and_grad(f)(moved)[1]]
    for result, wanted in zip(found, [grad(f)(x), hvp(f, x, v), grad(f)(x)], strict=True):
        result, wanted = (part[1] if isinstance(part, tuple) else part for part in (result, wanted))
        assert place.holds(result)
        place.assert_same(result, wanted, "a derivative")
