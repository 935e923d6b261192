"""Groups of parameters, and what happens to gradients before an update."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dezero_core import Parameter, Variable
from dezero_core.testing import fake_device
from dezero_optim import (
    SGD,
    Adam,
    AdamW,
    ClipGrad,
    FreezeParam,
    MomentumSGD,
    Optimizer,
    WeightDecay,
)


def set_grads(source: Any, *grads: Any) -> None:
    for parameter, grad in zip(source.parameters, grads, strict=True):
        parameter.grad = None if grad is None else Variable(np.array(grad))


def data(source: Any) -> list[Any]:
    return [p.data.tolist() for p in source.parameters]


# --- groups --------------------------------------------------------------------------------------


def test_a_group_has_its_own_numbers_and_follows_the_optimizer_in_all_others(
    new_source: Any,
) -> None:
    source = new_source(np.zeros(1), np.zeros(1), np.zeros(1))
    optimizer = MomentumSGD(lr=0.5, momentum=0.0).setup(source)
    group = optimizer.add_group([source.parameters[1]], lr=0.25)
    other = optimizer.add_group([source.parameters[2]], momentum=0.5)
    set_grads(source, [1.0], [1.0], [1.0])
    optimizer.update()
    assert data(source) == [[-0.5], [-0.25], [-0.5]]
    optimizer.lr, group.lr = 1.0, 2.0
    optimizer.update()
    assert data(source) == [[-1.5], [-2.25], [-1.75]]
    assert (group.lr, other.momentum) == (2.0, 0.5)
    assert repr(other) == "ParameterGroup(1 parameters, momentum=0.5)"
    with pytest.raises(AttributeError, match="no 'lr' of its own; it has momentum"):
        _ = other.lr


def test_a_group_is_a_layer_or_parameters(new_source: Any) -> None:
    head = new_source(np.ones(2), np.ones(2))
    source = new_source(np.ones(2))
    source.parameters += head.parameters
    optimizer = AdamW(0.1, weight_decay=0.5).setup(source)
    group = optimizer.add_group(head, weight_decay=0)
    assert group.params == head.parameters
    set_grads(source, [0.0, 0.0], [0.0, 0.0], [0.0, 0.0])
    optimizer.update()
    assert data(source) == [[0.95, 0.95], [1, 1], [1, 1]]


def test_groups_that_make_no_sense_are_named(new_source: Any) -> None:
    source = new_source(np.ones(1))
    source.parameters[0].name = "W"
    with pytest.raises(RuntimeError, match=r"SGD\.add_group: there is no target"):
        SGD().add_group(source, lr=1)
    optimizer = SGD().setup(source)
    with pytest.raises(TypeError, match="SGD: a group has no hyperparameter 'beta1'; there is lr"):
        optimizer.add_group(source, beta1=0.5)
    with pytest.raises(ValueError, match=r"SGD: lr of a group must be .* got nan"):
        optimizer.add_group(source, lr=float("nan"))
    with pytest.raises(ValueError, match="a parameter does not belong to the target"):
        optimizer.add_group([Parameter(np.ones(1))], lr=1)
    with pytest.raises(TypeError, match="wanted are parameters, got <class 'int'>"):
        optimizer.add_group([3], lr=1)  # type: ignore[list-item]
    assert optimizer.groups == []
    group = optimizer.add_group(source, lr=1)
    with pytest.raises(ValueError, match="'W' is in another group already"):
        optimizer.add_group(source, lr=2)
    with pytest.raises(ValueError, match=r"lr of a group .* got -1"):
        group.lr = -1
    assert group.lr == 1
    optimizer.setup(source)
    assert optimizer.groups == []


def test_hyperparameters_are_checked_before_anything_changes(
    new_source: Any, give_grads: Any
) -> None:
    source = new_source(np.ones(3))
    optimizer = Adam().setup(source)
    give_grads(source, 0)
    for name, value in (("lr", float("nan")), ("lr", -0.1), ("beta1", 1.0), ("eps", float("inf"))):
        before = getattr(optimizer, name)
        setattr(optimizer, name, value)
        with pytest.raises(ValueError, match=rf"Adam: {name} must be a finite number"):
            optimizer.update()
        setattr(optimizer, name, before)
    optimizer.lr = "fast"  # type: ignore[assignment]
    with pytest.raises(TypeError, match="Adam: lr must be a number, got 'fast'"):
        optimizer.update()
    assert optimizer.t == 0
    assert data(source) == [[1, 1, 1]]


def test_an_optimizer_of_your_own_with_groups(new_source: Any) -> None:
    class Sign(Optimizer):
        hyperparameters = {"lr": 10.0}  # noqa: RUF012
        lr = 1.0

        def update_one(self, param: Parameter) -> None:
            assert param.grad is not None
            param.data -= self.settings_of(param).lr * np.sign(param.grad.data)

    source = new_source(np.ones(1), np.ones(1))
    optimizer = Sign().setup(source)
    optimizer.add_group([source.parameters[1]], lr=3)
    set_grads(source, [5.0], [5.0])
    optimizer.update()
    assert data(source) == [[0], [-2]]
    optimizer.lr = 11
    with pytest.raises(ValueError, match="less than 10, got 11"):
        optimizer.update()


# --- hooks ---------------------------------------------------------------------------------------


def test_weight_decay(new_source: Any) -> None:
    source = new_source(np.array([[2.0]]), np.array([2.0]), np.array([3.0]))
    optimizer = SGD(lr=1.0).setup(source)
    optimizer.add_hook(WeightDecay(0.25, where=lambda p: p.ndim > 1))
    set_grads(source, [[1.0]], [1.0], None)
    optimizer.update()
    assert data(source) == [[[0.5]], [1.0], [3.0]]
    everywhere = SGD(lr=1.0).setup(source)
    everywhere.add_hook(WeightDecay(0.5))
    set_grads(source, [[0.0]], [0.0], [0.0])
    everywhere.update()
    assert data(source) == [[[0.25]], [0.5], [1.5]]
    with pytest.raises(ValueError, match="WeightDecay: rate must be a finite number"):
        WeightDecay(-1)


def test_frozen_parameters_stay_and_do_not_count_in_the_norm(new_source: Any) -> None:
    source, layer = new_source(np.ones(1), np.ones(1)), new_source(np.ones(1))
    source.parameters += layer.parameters
    optimizer = SGD(lr=1.0).setup(source)
    optimizer.add_hook(FreezeParam(source.parameters[0], layer))
    optimizer.add_hook(ClipGrad(1.0))
    set_grads(source, [1e6], [4.0], [1e6])
    optimizer.update()
    assert data(source) == [[1], [0], [1]]
    assert source.parameters[0].grad is None
    with pytest.raises(TypeError, match="FreezeParam: wanted are parameters or layers"):
        FreezeParam(3)  # type: ignore[arg-type]


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_gradients_are_clipped_together(dtype: Any, new_source: Any) -> None:
    source = new_source(np.zeros(1, dtype), np.zeros((1, 1), dtype))
    optimizer = SGD(lr=1.0).setup(source)
    optimizer.add_hook(ClipGrad(2.5))
    for scale, expected in ((1.0, [[-1.5], [[-2.0]]]), (0.25, [[-0.75], [[-1.0]]])):
        for p in source.parameters:
            p.data = np.zeros_like(p.data)
        set_grads(source, np.array([3 * scale], dtype), np.array([[4 * scale]], dtype))
        optimizer.update()
        assert data(source) == expected
    with pytest.raises(ValueError, match="ClipGrad: max_norm must be a finite number"):
        ClipGrad(float("nan"))


def test_squares_too_large_for_the_dtype_are_no_obstacle(new_source: Any) -> None:
    source = new_source(np.zeros(2, np.float32))
    optimizer = SGD(lr=1.0).setup(source)
    optimizer.add_hook(ClipGrad(5.0))
    set_grads(source, np.array([3e30, -4e30], np.float32))
    optimizer.update()
    np.testing.assert_allclose(source.parameters[0].data, [-3, 4], rtol=1e-6)
    set_grads(source, np.zeros(2, np.float32))
    optimizer.update()
    np.testing.assert_allclose(source.parameters[0].data, [-3, 4], rtol=1e-6)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_gradients_that_are_not_finite_are_an_error(value: float, new_source: Any) -> None:
    source = new_source(np.ones(2), np.ones(3), np.ones(1))
    source.parameters[1].name = "l1/W"
    optimizer = Adam().setup(source)
    optimizer.add_hook(ClipGrad(1.0))
    set_grads(source, [1.0, 2.0], [1.0, value, 1.0], [value])
    with pytest.raises(
        FloatingPointError, match=r"those of parameter l1/W \(float64\[3\]\), number 2 \(float64"
    ):
        optimizer.update()
    assert optimizer.t == 0
    assert data(source) == [[1, 1], [1, 1, 1], [1]]
    assert set(optimizer.state_dict()) == {"t", "lr", "beta1", "beta2", "eps"}
    assert source.parameters[0].grad.data.tolist() == [1, 2]


def test_clipping_on_a_device_waits_once_or_never(new_source: Any) -> None:
    with fake_device() as device:
        for check in (True, False, None):
            source = new_source(*[device.asarray(np.zeros(1, np.float32)) for _ in range(2)])
            optimizer = SGD(lr=1.0).setup(source)
            optimizer.add_hook(ClipGrad(2.5, check=check))
            optimizer.add_hook(WeightDecay(0.1))
            for grads, expected in (((3, 4), [-1.5, -2]), ((0, 0), [-1.35, -1.8])):
                for p, g in zip(source.parameters, grads, strict=True):
                    p.grad = device.asarray(np.array([g], np.float32))
                device.reset()
                optimizer.update()
                assert device.transfers == 0
                assert device.syncs == (1 if check else 0)
                found = [device.to_numpy(p.data)[0] for p in source.parameters]
                np.testing.assert_allclose(found, expected, rtol=1e-6)


# --- forgotten cleargrads ------------------------------------------------------------------------


def loss_of(source: Any) -> Any:
    return sum((p * p).sum() for p in source.parameters)


@pytest.mark.parametrize("create_graph", [False, True])
def test_a_forgotten_cleargrads_is_warned_about_once(create_graph: bool, new_source: Any) -> None:
    source = new_source(np.ones(2), np.ones(3), np.ones(4))
    optimizer = SGD(lr=0.001).setup(source)
    loss_of(source).backward(create_graph=create_graph)
    optimizer.update()
    loss_of(source).backward(create_graph=create_graph)
    with pytest.warns(RuntimeWarning, match=r"SGD\.update: the gradients of the last update were"):
        optimizer.update()
    loss_of(source).backward(create_graph=create_graph)
    optimizer.update()


def test_no_warning_without_reason(new_source: Any) -> None:
    source = new_source(np.ones(2), np.ones(3), np.ones(4))

    def clear() -> None:
        for p in source.parameters:
            p.cleargrad()

    def train(step: Any) -> None:
        optimizer = SGD(lr=0.001).setup(source)
        clear()
        for _ in range(4):
            step()
            optimizer.update()

    kept = []

    def ordinary() -> None:
        clear()
        loss_of(source).backward()

    def accumulate() -> None:
        ordinary()
        loss_of(source).backward()
        loss_of(source).backward()

    def assign() -> None:
        for p in source.parameters:
            p.grad = Variable(np.ones(p.shape))

    def assign_none() -> None:
        for p in source.parameters:
            p.grad = None
        loss_of(source).backward()

    def zero() -> None:
        for p in source.parameters:
            if p.grad is not None:
                p.grad.data[...] = 0
        loss_of(source).backward()

    def hold() -> None:
        ordinary()
        kept[:] = [p.grad for p in source.parameters]

    def hold_after() -> None:
        kept[:] = [p.grad for p in source.parameters]
        ordinary()
        kept.clear()

    def again() -> None:
        if source.parameters[0].grad is None:
            ordinary()

    def adversary() -> None:
        # Another model's loss went through this one since its last update.
        loss_of(source).backward()
        loss_of(source).backward()
        ordinary()

    steps = (ordinary, accumulate, assign, assign_none, zero, hold, hold_after, again, adversary)
    for step in steps:
        train(step)


def test_gradients_added_to_more_than_once_are_warned_about(new_source: Any) -> None:
    source = new_source(np.ones(2), np.ones(3), np.ones(4))
    optimizer = SGD(lr=0.001).setup(source)
    loss_of(source).backward()
    optimizer.update()
    loss_of(source).backward()
    loss_of(source).backward()
    with pytest.warns(RuntimeWarning, match="never cleared"):
        optimizer.update()


def test_gradients_accumulate_over_parts_of_a_batch(new_source: Any) -> None:
    x = np.random.default_rng(0).normal(size=(8, 3))
    whole, parts = new_source(np.ones(3)), new_source(np.ones(3))
    for source, pieces in ((whole, [x]), (parts, np.split(x, 4))):
        (w,) = source.parameters
        optimizer = Adam().setup(source)
        for _ in range(3):
            w.cleargrad()
            for piece in pieces:
                (((piece * w).sum(axis=1) ** 2).mean() / len(pieces)).backward()
            optimizer.update()
    np.testing.assert_allclose(*[s.parameters[0].data for s in (whole, parts)], rtol=1e-12)
