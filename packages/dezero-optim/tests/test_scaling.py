"""Losses that are scaled: on the host, and on a device on which nothing waits."""

from __future__ import annotations

import copy
import pickle
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any, NamedTuple

import numpy as np
import pytest

from dezero_core import Parameter, Variable, as_numpy
from dezero_core.testing import fake_device
from dezero_optim import (
    LBFGS,
    SGD,
    AdaDelta,
    AdaGrad,
    Adam,
    AdamW,
    ClipGrad,
    GradScaler,
    MomentumSGD,
    Optimizer,
    RMSprop,
    WeightDecay,
)

OPTIMIZERS: dict[str, Callable[[], Any]] = {
    "SGD": lambda: SGD(0.1),
    "MomentumSGD": lambda: MomentumSGD(0.1),
    "nesterov": lambda: MomentumSGD(0.1, nesterov=True),
    "AdaGrad": AdaGrad,
    "AdaDelta": AdaDelta,
    "Adam": lambda: Adam(0.1),
    "AdamW": lambda: AdamW(0.1),
    "RMSprop": lambda: RMSprop(momentum=0.9, centered=True),
}


class Place(NamedTuple):
    """Where arrays lie, and a context in which nothing may wait there."""

    put: Callable[[Any], Any]
    quiet: Callable[[], AbstractContextManager[None]]
    device: Any


@pytest.fixture(params=["host", "device"])
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    if request.param == "host":
        yield Place(np.array, nullcontext, None)
        return
    with fake_device() as device:
        yield Place(device.asarray, device.forbid, device)


def new_model(new_named_source: Any, place: Place, dtype: Any = np.float32) -> Any:
    rng = np.random.default_rng(0)
    shapes = [(3, 2), (2,)]
    return new_named_source(*[place.put(rng.normal(size=s).astype(dtype)) for s in shapes])


def loss_of(model: Any, factor: float = 1.0) -> Variable:
    """Return a loss whose gradients are not finite where the factor is not."""
    W, b = model.parameters
    loss: Variable = ((W * W).sum() + (b * b * b).sum()) * factor
    return loss


def step(model: Any, scaler: GradScaler, optimizer: Any, factor: float = 1.0) -> None:
    for p in model.parameters:
        p.cleargrad()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of NumPy, where it overflows
        scaler.scale(loss_of(model, factor)).backward()
    scaler.step(optimizer)
    scaler.update()


def values(model: Any) -> list[Any]:
    return [as_numpy(p.data).copy() for p in model.parameters]


def assert_equal(found: Any, wanted: Any) -> None:
    for a, b in zip(found, wanted, strict=True):
        np.testing.assert_array_equal(a, b)


# --- what it does ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_without_overflow_it_changes_nothing_about_a_run(
    name: str, place: Place, new_named_source: Any
) -> None:
    models = [new_model(new_named_source, place) for _ in range(2)]
    optimizers = [OPTIMIZERS[name]().setup(model) for model in models]
    scaler = GradScaler(2.0**10)
    with place.quiet():
        for _ in range(4):
            step(models[0], scaler, optimizers[0])
            for p in models[1].parameters:
                p.cleargrad()
            loss_of(models[1]).backward()
            optimizers[1].update()
    # Adam's rate is computed on the device there.
    for a, b in zip(values(models[0]), values(models[1]), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=0)
    assert optimizers[0].t == 4
    if place.device is None:
        assert_equal(values(models[0]), values(models[1]))


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_an_update_that_overflows_is_as_if_it_had_not_been(
    name: str, place: Place, new_named_source: Any
) -> None:
    models = [new_model(new_named_source, place) for _ in range(2)]
    optimizers = [OPTIMIZERS[name]().setup(model) for model in models]
    scalers = [GradScaler(2.0**10) for _ in range(2)]
    with place.quiet():
        for factor in (np.inf, 1.0, np.nan, np.inf, 1.0):
            step(models[0], scalers[0], optimizers[0], factor)
        for _ in range(2):
            step(models[1], scalers[1], optimizers[1])
    for a, b in zip(values(models[0]), values(models[1]), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=0)
    assert optimizers[0].t == optimizers[1].t == 2
    states = [optimizer.state_dict() for optimizer in optimizers]
    assert states[0].keys() == states[1].keys()
    for key, wanted in states[1].items():
        np.testing.assert_allclose(states[0][key], wanted, rtol=1e-6, err_msg=key)
    assert scalers[0].loss_scale == 2.0**7


def test_gradients_that_vanish_in_half_precision_are_kept(
    place: Place, new_named_source: Any
) -> None:
    model = new_named_source(place.put(np.ones(2, np.float16)))
    (W,) = model.parameters
    optimizer = SGD(1e6).setup(model)
    (W.astype(np.float32) * 1e-8).sum().backward()
    assert as_numpy(W.grad).tolist() == [0, 0]
    W.cleargrad()
    scaler = GradScaler()
    with place.quiet():
        scaler.scale((W.astype(np.float32) * 1e-8).sum()).backward()
        scaler.step(optimizer)
        scaler.update()
    assert W.grad.dtype == np.float32
    np.testing.assert_allclose(as_numpy(W.grad), 1e-8, rtol=1e-3)
    np.testing.assert_allclose(as_numpy(W), 0.99, rtol=1e-3)
    master = optimizer.state_dict()["state/layers/0/W/master"]
    assert master.dtype == np.float32
    np.testing.assert_allclose(master, 0.99, rtol=1e-5)


def test_the_scale_shrinks_at_once_and_grows_after_a_time(
    place: Place, new_named_source: Any
) -> None:
    model = new_model(new_named_source, place)
    optimizer = SGD(0.0).setup(model)
    scaler = GradScaler(8.0, growth_factor=4.0, backoff_factor=0.25, growth_interval=2)
    seen = []
    for factor in (1.0, 1.0, 1.0, np.inf, 1.0, np.nan, 1.0, 1.0):
        step(model, scaler, optimizer, factor)
        seen.append(scaler.loss_scale)
    assert seen == [8, 32, 32, 8, 8, 2, 2, 8]


def test_the_scale_stays_finite(place: Place, new_named_source: Any) -> None:
    model = new_named_source(place.put(np.zeros(1, np.float32)))
    optimizer = SGD(0.1).setup(model)
    scaler = GradScaler(2.0**119, growth_factor=2.0**6, growth_interval=1)
    for _ in range(2):
        model.parameters[0].cleargrad()
        scaler.scale((model.parameters[0] * 0.0).sum()).backward()
        scaler.step(optimizer)
        scaler.update()
    assert scaler.loss_scale == 2.0**120
    other = GradScaler()
    other.load_state_dict(scaler.state_dict())
    assert other.loss_scale == 2.0**120


def test_what_kernels_decline_is_computed_the_general_way(new_named_source: Any) -> None:
    asked: list[str] = []

    def declining(name: str) -> Callable[..., Any]:
        def kernel(*_: Any) -> Any:
            asked.append(name)
            return NotImplemented

        return kernel

    names = {f"gradients.{name}" for name in ("scale", "adapt_scale", "adam_factor")}
    found = []
    for kernels in (set(), names):
        with fake_device() as device:
            device.kernels.update({name: declining(name) for name in kernels})
            place = Place(device.asarray, device.forbid, device)
            model = new_model(new_named_source, place)
            optimizer, scaler = Adam(0.1).setup(model), GradScaler(8.0, growth_interval=2)
            with place.quiet():
                for factor in (1.0, np.inf, 1.0, 1.0):
                    step(model, scaler, optimizer, factor)
            found.append((values(model), scaler.loss_scale, optimizer.t))
    assert set(asked) == names
    assert_equal(found[0][0], found[1][0])
    assert found[0][1:] == found[1][1:] == (8.0, 3)


def test_hooks_see_gradients_that_are_divided(place: Place, new_named_source: Any) -> None:
    model = new_model(new_named_source, place)
    optimizer = SGD(0.1).setup(model)
    seen: list[Any] = []
    optimizer.add_hook(WeightDecay(0.1))
    optimizer.add_hook(ClipGrad(0.5))
    optimizer.add_hook(lambda params: seen.extend(p.grad.data.copy() for p in params))
    with place.quiet():
        step(model, GradScaler(), optimizer)
    norm = np.sqrt(sum((as_numpy(g) ** 2).sum() for g in seen))
    np.testing.assert_allclose(norm, 0.5, rtol=1e-5)


def test_gradients_of_several_batches_add_up(place: Place, new_named_source: Any) -> None:
    model = new_model(new_named_source, place)
    optimizer, scaler = SGD(0.1).setup(model), GradScaler()
    with place.quiet():
        for _ in range(3):
            scaler.scale(loss_of(model, 1 / 3)).backward()
        scaler.step(optimizer)
        scaler.update()
    twin = new_model(new_named_source, place)
    loss_of(twin).backward()
    SGD(0.1).setup(twin).update()
    for a, b in zip(values(model), values(twin), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6)


def test_of_two_optimizers_only_the_one_that_overflows_is_skipped(
    place: Place, new_named_source: Any
) -> None:
    models = [new_model(new_named_source, place) for _ in range(2)]
    before = values(models[0]), values(models[1])
    optimizers = [Adam().setup(model) for model in models]
    scaler = GradScaler(4.0)
    with place.quiet(), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        for model, factor in zip(models, (np.inf, 1.0), strict=True):
            scaler.scale(loss_of(model, factor)).backward()
        for optimizer in optimizers:
            scaler.step(optimizer)
        scaler.update()
    assert_equal(values(models[0]), before[0])
    assert all((a != b).all() for a, b in zip(values(models[1]), before[1], strict=True))
    assert scaler.loss_scale == 2
    assert [optimizer.t for optimizer in optimizers] == [0, 1]


def test_unscale_shows_gradients_before_the_step(place: Place, new_named_source: Any) -> None:
    model = new_model(new_named_source, place)
    W, _ = model.parameters
    optimizer, scaler = SGD(0.1).setup(model), GradScaler()
    wanted = values(model)[0] * 0.8
    with place.quiet():
        scaler.scale(loss_of(model)).backward()
        scaler.unscale(optimizer)
        gradient = W.grad.data.copy()
        scaler.step(optimizer)
        scaler.update()
    np.testing.assert_allclose(as_numpy(gradient), values(model)[0] / 0.8 * 2, rtol=1e-5)
    np.testing.assert_allclose(values(model)[0], wanted, rtol=1e-5)


class Sign(Optimizer):
    def update_one(self, param: Parameter) -> None:
        param.data = param.data - 0.1 * (param.grad.data > 0)  # type: ignore[union-attr]


class Shrinking(SGD):
    def update_one(self, param: Parameter) -> None:
        super().update_one(param)
        param.data *= 0.5


@pytest.mark.parametrize("kind", [Sign, Shrinking])
def test_an_optimizer_that_does_what_nobody_could_put_back_waits_once(
    kind: Any, place: Place, new_named_source: Any
) -> None:
    model = new_model(new_named_source, place)
    before = values(model)
    optimizer, scaler = kind().setup(model), GradScaler(4.0)
    if place.device is not None:
        place.device.reset()
    step(model, scaler, optimizer, np.inf)
    assert_equal(values(model), before)
    assert optimizer.t == 0
    if place.device is not None:
        kinds = [event.kind for event in place.device.traffic]
        assert kinds.count("sync") == 1


def test_disabled_it_does_nothing_but_update(place: Place, new_named_source: Any) -> None:
    model = new_model(new_named_source, place)
    loss = loss_of(model)
    optimizer, scaler = SGD(0.1).setup(model), GradScaler(enabled=False)
    assert scaler.scale(loss) is loss
    loss.backward()
    scaler.unscale(optimizer)
    scaler.step(optimizer)
    scaler.update()
    scaler.step(optimizer)
    assert optimizer.t == 2
    assert scaler.loss_scale == 2.0**16


def test_an_update_without_the_scaler_counts_on(place: Place, new_named_source: Any) -> None:
    model = new_model(new_named_source, place)
    optimizer = Adam().setup(model)
    scaler = GradScaler()
    step(model, scaler, optimizer, np.inf)
    step(model, scaler, optimizer)
    optimizer.update()
    assert optimizer.t == 2
    if place.device is None:
        assert pickle.loads(pickle.dumps(optimizer)).t == 2


# --- on the host alone ---------------------------------------------------------------------------


def test_gradients_that_never_become_finite_are_an_error_on_the_host(new_named_source: Any) -> None:
    model = new_model(new_named_source, Place(np.array, nullcontext, None))
    optimizer, scaler = SGD(0.1).setup(model), GradScaler(2.0**-19)
    step(model, scaler, optimizer, np.nan)
    with pytest.raises(FloatingPointError, match=r"not the scale that makes them so\. dezero_core"):
        step(model, scaler, optimizer, np.nan)


# --- wrong use -----------------------------------------------------------------------------------


def test_wrong_use_is_named(new_named_source: Any) -> None:
    model = new_model(new_named_source, Place(np.array, nullcontext, None))
    optimizer, scaler = SGD(0.1).setup(model), GradScaler()
    with pytest.raises(TypeError, match=r"GradScaler\.scale: wanted is a loss, a Variable, got"):
        scaler.scale(1.0)  # type: ignore[arg-type]
    with pytest.raises(RuntimeError, match="no loss was scaled since the last update"):
        scaler.step(optimizer)
    with pytest.raises(RuntimeError, match="no step since the last update"):
        scaler.update()
    scaler.scale(loss_of(model)).backward()
    scaler.unscale(optimizer)
    with pytest.raises(RuntimeError, match=r"unscale: the gradients .+ were divided already"):
        scaler.unscale(optimizer)
    scaler.step(optimizer)
    with pytest.raises(RuntimeError, match="step: it was called already"):
        scaler.step(optimizer)
    with pytest.raises(RuntimeError, match="were divided already"):
        scaler.unscale(optimizer)
    scaler.update()
    with pytest.raises(TypeError, match=r"GradScaler.step: wanted is an optimizer .+ got .+LBFGS"):
        scaler.step(LBFGS())  # type: ignore[arg-type]
    scaler.scale(loss_of(model))
    with pytest.raises(RuntimeError, match=r"GradScaler.unscale: there is no target; call setup"):
        scaler.step(SGD(0.1))


def test_without_gradients_the_optimizer_warns(new_named_source: Any) -> None:
    model = new_model(new_named_source, Place(np.array, nullcontext, None))
    optimizer, scaler = SGD(0.1).setup(model), GradScaler()
    scaler.scale(loss_of(model))
    with pytest.warns(RuntimeWarning, match="no parameter has a gradient"):
        scaler.step(optimizer)
    scaler.update()
    assert scaler.loss_scale == 2.0**16


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"init_scale": 0.0}, "init_scale must be larger than 0"),
        ({"init_scale": float("inf")}, "init_scale must be a finite number"),
        ({"growth_factor": 1.0}, "growth_factor must be larger than 1"),
        ({"backoff_factor": 1.0}, "backoff_factor must be a finite number, .+ less than 1"),
        ({"growth_interval": 0}, "growth_interval must be at least 1"),
    ],
)
def test_settings_are_checked(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"GradScaler: {message}"):
        GradScaler(**settings)


def test_it_shows_itself() -> None:
    assert repr(GradScaler(4.0)) == (
        "GradScaler(init_scale=4.0, growth_factor=2.0, backoff_factor=0.5, growth_interval=2000, "
        "enabled=True)"
    )


# --- saving and resuming --------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_a_run_goes_on_bit_for_bit(dtype: Any, place: Place, new_named_source: Any) -> None:
    factors = (np.inf, 1.0, 1.0, np.nan, 1.0, 1.0)
    model = new_model(new_named_source, place, dtype)
    optimizer, scaler = Adam(0.1).setup(model), GradScaler(2.0**8, growth_interval=2)
    for factor in factors[:3]:
        step(model, scaler, optimizer, factor)
    saved = values(model), optimizer.state_dict(), scaler.state_dict()
    assert saved[1]["t"] == 2 and saved[2]["scale"] == 2.0**8
    for factor in factors[3:]:
        step(model, scaler, optimizer, factor)

    twin = new_model(new_named_source, place, dtype)
    for p, array in zip(twin.parameters, saved[0], strict=True):
        p.data = place.put(array)
    resumed, other = Adam().setup(twin), GradScaler()
    resumed.load_state_dict(saved[1])
    other.load_state_dict(copy.deepcopy(saved[2]))
    for factor in factors[3:]:
        step(twin, other, resumed, factor)
    assert_equal(values(twin), values(model))
    assert other.state_dict() == scaler.state_dict()
    wanted = optimizer.state_dict()
    for key, value in resumed.state_dict().items():
        np.testing.assert_array_equal(value, wanted[key], err_msg=key)


def test_a_state_that_does_not_fit_changes_nothing() -> None:
    scaler = GradScaler(4.0)
    state = scaler.state_dict()
    assert state == {
        "scale": 4.0,
        "good_updates": 0,
        "growth_factor": 2.0,
        "backoff_factor": 0.5,
        "growth_interval": 2000,
    }
    for changes, message in (
        ({"scale": "x"}, "no number, at least 0: scale"),
        ({"more": 1}, "unexpected: more"),
        ({"growth_factor": 0.5}, "growth_factor must be larger than 1"),
    ):
        with pytest.raises(ValueError, match=f"(?s)GradScaler.load_state_dict.+{message}"):
            scaler.load_state_dict({**state, **changes})
    del state["good_updates"]
    with pytest.raises(ValueError, match="missing: good_updates"):
        scaler.load_state_dict(state)
    assert scaler.loss_scale == 4.0
