"""Updates make no arrays after the first; what half precision and devices add."""

from __future__ import annotations

import tracemalloc
import warnings
from typing import Any

import numpy as np
import pytest

from dezero_core import Variable, as_numpy
from dezero_core.testing import fake_device
from dezero_optim import (
    SGD,
    AdaDelta,
    AdaGrad,
    Adam,
    AdamW,
    ClipGrad,
    ExponentialMovingAverage,
    MomentumSGD,
    RMSprop,
    WeightDecay,
)

MAKERS = [
    SGD,
    MomentumSGD,
    lambda lr: MomentumSGD(lr, nesterov=True),
    AdaGrad,
    lambda lr: AdaDelta(lr=lr),
    RMSprop,
    lambda lr: RMSprop(lr, momentum=0.5, centered=True),
    Adam,
    AdamW,
]


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_nothing_is_allocated_after_the_first_update(
    make: Any, dtype: Any, new_source: Any, give_grads: Any
) -> None:
    source = new_source(np.ones((400, 500), dtype), np.ones(300, dtype))
    optimizer = make(0.01).setup(source)
    if dtype == np.float32:
        optimizer.add_hook(WeightDecay(1e-4))
        optimizer.add_hook(ClipGrad(1.0))
    give_grads(source, 0)
    identities = [id(p.data) for p in source.parameters]
    optimizer.update()
    state = [id(a) for p in source.parameters for a in optimizer.state_of(p).values()]
    tracemalloc.start()
    try:
        optimizer.update()
        before, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        for _ in range(3):
            optimizer.update()
        after, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # Views of blocks take a hundred bytes each. A block itself would take 128 kB at least.
    assert peak - before < 8000
    assert after - before < 4000
    assert identities == [id(p.data) for p in source.parameters]
    assert state == [id(a) for p in source.parameters for a in optimizer.state_of(p).values()]


def test_an_average_allocates_no_array_after_its_second_update(new_source: Any) -> None:
    source = new_source(np.ones((400, 500), np.float32))
    average = ExponentialMovingAverage(source)
    average.update()
    average.update()
    tracemalloc.start()
    try:
        average.update()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 20_000


@pytest.mark.parametrize("make", MAKERS)
def test_half_precision_follows_single_precision(
    make: Any, new_source: Any, give_grads: Any
) -> None:
    half, single = new_source(np.ones(50, np.float16)), new_source(np.ones(50, np.float32))
    optimizers = [make(1e-3).setup(source) for source in (half, single)]
    for step in range(40):
        (grad,) = give_grads(half, step)
        single.parameters[0].grad = Variable(grad.astype(np.float32))
        for optimizer in optimizers:
            optimizer.update()
    (p,), (q,) = half.parameters, single.parameters
    assert p.dtype == np.float16
    np.testing.assert_array_equal(p.data, q.data.astype(np.float16))
    master = optimizers[0].state_of(p)["master"]
    assert master.dtype == np.float32
    np.testing.assert_array_equal(master, q.data)


def test_small_steps_add_up_in_half_precision(new_source: Any) -> None:
    source = new_source(np.ones(3, np.float16))
    optimizer = SGD(lr=1e-4).setup(source)
    source.parameters[0].grad = Variable(np.ones(3, np.float16))
    optimizer.update()
    assert (source.parameters[0].data == 1).all()  # 1 - 1e-4 is 1, to half precision
    for _ in range(99):
        optimizer.update()
    np.testing.assert_allclose(source.parameters[0].data, 0.99, rtol=1e-3)


def test_what_others_write_into_a_half_precision_parameter_counts(new_source: Any) -> None:
    source = new_source(np.ones(3, np.float16))
    optimizer = SGD(lr=0.5).setup(source)
    (w,) = source.parameters
    w.grad = Variable(np.ones(3, np.float16))
    optimizer.update()
    w.data[1] = 8
    optimizer.update()
    assert w.data.tolist() == [0, 7.5, 0]
    w.data = np.full(3, 4, np.float16)
    optimizer.update()
    assert w.data.tolist() == [3.5, 3.5, 3.5]


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_updates_run_on_a_device_and_state_follows_the_parameter(
    make: Any, dtype: Any, new_source: Any, give_grads: Any
) -> None:
    host, moving = new_source(np.ones((2, 3), dtype)), new_source(np.ones((2, 3), dtype))
    optimizers = [make(0.1).setup(host), make(0.1).setup(moving)]
    (w,) = moving.parameters
    with fake_device() as device:
        for step in range(5):
            (grad,) = give_grads(host, step)
            on_device = step in (2, 3)  # and back to the host in the end
            if step == 2:
                w.data = device.asarray(w.data)
            elif step == 4:
                w.data = device.to_numpy(w.data)
            w.grad = Variable(device.asarray(grad) if on_device else grad)
            optimizers[0].update()
            if step == 3:
                with device.forbid():
                    optimizers[1].update()
            else:
                optimizers[1].update()
            if step == 3:
                assert type(w.data) is device.array_types[0]
        tolerance = 1e-3 if dtype == np.float16 else 1e-6
        np.testing.assert_allclose(as_numpy(w), host.parameters[0].data, rtol=tolerance)


def test_a_kernel_updates_all_parameters_that_are_alike_at_once(
    new_source: Any, give_grads: Any
) -> None:
    arrays = [np.ones((2, 3), np.float32), np.ones(4, np.float32), np.ones(5, np.float16)]
    host = new_source(*arrays, np.ones(2, np.float32))
    here = Adam(0.1).setup(host)
    here.add_group(host.parameters[3:], lr=0.5)
    calls: list[tuple[int, list[str]]] = []

    def kernel(xp: Any, numbers: Any, params: Any, grads: Any, states: Any) -> Any:
        # Each as a call of its own would do it, so that results can be compared.
        calls.append((len(params), [str(kind[0].dtype) for kind in states]))
        beta1, beta2, rate, eps = numbers
        for p, g, sum_g, sum_g2, *master in zip(params, grads, *states, strict=True):
            sum_g[...] = sum_g * beta1 + g
            sum_g2[...] = sum_g2 * beta2 + g * g
            wide = master[0] if master else p
            wide -= rate * sum_g / (xp.sqrt(sum_g2) + eps)
            p[...] = wide.astype(p.dtype)

    with fake_device() as device:
        device.kernels["optimizer.adam"] = kernel
        there = new_source(*[device.asarray(array) for array in [p.data for p in host.parameters]])
        optimizer = Adam(0.1).setup(there)
        optimizer.add_group(there.parameters[3:], lr=0.5)
        for step in range(3):
            for p, grad in zip(there.parameters, give_grads(host, step), strict=True):
                p.grad = Variable(device.asarray(grad))
            here.update()
            with device.forbid():
                optimizer.update()
        for p, expected in zip(there.parameters, host.parameters, strict=True):
            tolerance = 1e-3 if p.dtype == np.float16 else 1e-5
            np.testing.assert_allclose(as_numpy(p), expected.data, rtol=tolerance)
    alike = (2, ["float32", "float32"])
    assert calls == [alike, (1, ["float32"] * 3), (1, ["float32"] * 2)] * 3


def test_what_a_kernel_declines_or_does_not_know_is_updated_one_by_one(new_source: Any) -> None:
    class Halved(SGD):
        def update_one(self, param: Any) -> None:
            param.data -= 0.5 * param.grad.data

    offered: list[str] = []

    def kernel(xp: Any, numbers: Any, params: Any, grads: Any, states: Any) -> Any:
        offered.append("asked")
        return NotImplemented

    with fake_device() as device:
        device.kernels["optimizer.sgd"] = kernel
        for optimizer, expected in ((SGD(0.25), 0.75), (Halved(0.25), 0.5)):
            source = new_source(device.asarray(np.ones(2)))
            source.parameters[0].grad = Variable(device.asarray(np.ones(2)))
            optimizer.setup(source).update()
            assert as_numpy(source.parameters[0]).tolist() == [expected] * 2
    assert offered == ["asked"]


class Doubled:
    """A step of one's own, which comes first among the bases of a class."""

    def _step(self, xp: Any, numbers: Any, p: Any, g: Any, work: Any, *state: Any) -> None:
        p -= 2 * numbers[0] * g


class DoubledSGD(Doubled, SGD):
    pass


class DoubledMomentum(MomentumSGD):
    _step = Doubled._step


class AsDoubled(DoubledSGD):
    pass


class Renamed(Doubled, SGD):
    _kernel = "doubled"


def test_a_step_of_ones_own_is_not_left_to_the_kernel_of_another(new_source: Any) -> None:
    def kernel(xp: Any, numbers: Any, params: Any, grads: Any, states: Any) -> Any:
        for p, g in zip(params, grads, strict=True):
            p -= 4 * numbers[0] * g

    kinds = {SGD: 0.0, DoubledSGD: 0.5, DoubledMomentum: 0.5, AsDoubled: 0.5, Renamed: 0.0}
    with fake_device() as device:
        names = "sgd", "momentum_sgd", "doubled"
        device.kernels.update({f"optimizer.{name}": kernel for name in names})
        for kind, expected in kinds.items():
            source = new_source(device.asarray(np.ones(2)))
            source.parameters[0].grad = Variable(device.asarray(np.ones(2)))
            kind(0.25).setup(source).update()
            assert as_numpy(source.parameters[0]).tolist() == [expected] * 2, kind


def test_a_kernel_changes_parameters_in_place_and_a_backward_pass_finds_out(
    new_source: Any,
) -> None:
    def kernel(xp: Any, numbers: Any, params: Any, grads: Any, states: Any) -> Any:
        for p, g in zip(params, grads, strict=True):
            p -= numbers[0] * g

    with fake_device() as device:
        device.kernels["optimizer.sgd"] = kernel
        source = new_source(device.asarray(np.array([1.0, 2.0])))
        (w,) = source.parameters
        loss = (w * w).sum()
        w.grad = Variable(device.asarray(np.ones(2)))
        SGD(0.5).setup(source).update()
        assert as_numpy(w).tolist() == [0.5, 1.5]
        with pytest.raises(RuntimeError, match="changed in place"):
            loss.backward()


def test_a_gradient_on_another_device_is_an_error(new_source: Any) -> None:
    with fake_device() as device:
        source = new_source(np.ones(3, np.float32))
        optimizer = SGD().setup(source)
        source.parameters[0].grad = Variable(np.ones(3, np.float32))
        # Past the check of the parameter's own.
        source.parameters[0].grad.data = device.asarray(np.ones(3, np.float32))
        with pytest.raises(TypeError):
            optimizer.update()


@pytest.mark.parametrize("make", MAKERS)
def test_empty_parameters_and_gradients_of_any_layout(make: Any, new_source: Any) -> None:
    rng = np.random.default_rng(0)
    grad = rng.normal(size=(300, 500)).astype(np.float32)
    sources = [new_source(np.ones((300, 500), np.float32), np.ones((0, 3))) for _ in range(2)]
    for source, g in zip(sources, (grad, np.asfortranarray(grad)), strict=True):
        optimizer = make(0.01).setup(source)
        for _ in range(2):
            for p, array in zip(source.parameters, (g, np.ones((0, 3))), strict=True):
                p.grad = Variable(array)
            optimizer.update()
    np.testing.assert_array_equal(*[s.parameters[0].data for s in sources])


def test_hooks_and_averages_compose_without_warnings(new_source: Any, give_grads: Any) -> None:
    source = new_source(np.ones((2, 2), np.float32))
    optimizer = AdamW().setup(source)
    optimizer.add_hook(WeightDecay(1e-4))
    optimizer.add_hook(ClipGrad(1.0))
    average = ExponentialMovingAverage(source)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for step in range(3):
            give_grads(source, step)
            optimizer.update()
            average.update()
    assert source.parameters[0].dtype == np.float32
