"""Normalization: statistics, modes, second derivatives, memory, files."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dezero_core import Parameter, Variable, as_numpy, no_grad, test_mode
from dezero_core.gradient_check import check_grads
from dezero_core.testing import fake_device
from dezero_nn import (
    BatchNorm,
    GroupNorm,
    Layer,
    LayerNorm,
    Linear,
    Persistent,
    RMSNorm,
    Sequential,
    relu,
    summary,
)
from dezero_nn import functions as F

RNG = np.random.default_rng(0)


def gamma_and_beta(size: int, dtype: Any = np.float64) -> tuple[Any, Any]:
    return Parameter(np.ones(size, dtype)), Parameter(np.zeros(size, dtype))


# --- batch normalization -----------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(5, 3), (4, 3, 2), (2, 3, 4, 5)])
def test_running_statistics_are_those_of_the_book(shape: Any) -> None:
    mean, var = RNG.normal(size=3), RNG.uniform(1, 2, 3)
    before = mean.copy(), var.copy()
    x = RNG.normal(2, 3, size=shape)
    F.batch_norm(x, *gamma_and_beta(3), mean, var)
    rows = np.moveaxis(x, 1, -1).reshape(-1, 3)
    np.testing.assert_allclose(mean, 0.9 * before[0] + 0.1 * rows.mean(0), rtol=1e-12)
    # The running variance takes the unbiased estimate.
    np.testing.assert_allclose(var, 0.9 * before[1] + 0.1 * rows.var(0, ddof=1), rtol=1e-12)


def test_eps_is_that_of_the_book() -> None:
    x = np.array([[0.0], [2.0]])
    y = F.batch_norm(x, *gamma_and_beta(1))
    np.testing.assert_allclose(y.data, [[-1 / np.sqrt(1 + 2e-5)], [1 / np.sqrt(1 + 2e-5)]])


def test_an_offset_costs_no_precision() -> None:
    x = RNG.normal(size=(64, 4)).astype(np.float32)
    for norm in (lambda x: F.batch_norm(x, *gamma_and_beta(4, np.float32)), F.layer_norm):
        near, far = (norm(x.astype(np.float64) + offset).data for offset in (0, 2**20))
        np.testing.assert_allclose(far, near, atol=1e-8)
        shifted = (x + np.float32(64)).astype(np.float32)
        exact = norm(shifted.astype(np.float64)).data
        np.testing.assert_allclose(norm(shifted).data, exact, atol=1e-4)


def test_test_mode_uses_the_running_statistics_and_leaves_them() -> None:
    mean, var = np.array([1.0, 2.0]), np.array([4.0, 9.0])
    with test_mode():
        y = F.batch_norm(np.array([[3.0, 5.0]]), *gamma_and_beta(2), mean, var, eps=1e-12)
    np.testing.assert_allclose(y.data, [[1, 1]], rtol=1e-10)
    assert (mean.tolist(), var.tolist()) == ([1, 2], [4, 9])


def test_in_test_mode_it_is_differentiated_twice_and_statistics_may_change_after_it() -> None:
    mean, var = np.array([1.0, 2.0]), np.array([4.0, 9.0])
    x, (gamma, beta) = Variable(RNG.normal(size=(3, 2))), gamma_and_beta(2)
    with test_mode():
        y = F.batch_norm(x, gamma, beta, mean, var)
    kept = (1 / np.sqrt(var + 2e-5)).copy()
    F.batch_norm(x, gamma, beta, mean, var)  # training moves both
    (y**2).sum().backward(create_graph=True)
    assert x.grad is not None
    first = x.grad
    np.testing.assert_allclose(first.data, 2 * y.data * kept, rtol=1e-12)
    x.cleargrad()
    first.sum().backward()
    assert x.grad is not None
    np.testing.assert_allclose(x.grad.data, np.broadcast_to(2 * kept**2, (3, 2)), rtol=1e-12)


def test_a_batch_of_one_is_its_own_mean() -> None:
    mean, var = np.zeros(2), np.ones(2)
    gamma, beta = Parameter(np.ones(2)), Parameter(np.array([0.5, -0.5]))
    x = Variable(np.array([[3.0, 4.0]]))
    y = F.batch_norm(x, gamma, beta, mean, var)
    y.backward()
    assert y.data.tolist() == [[0.5, -0.5]]
    np.testing.assert_allclose(mean, [0.3, 0.4])
    np.testing.assert_allclose(var, [0.9, 0.9])  # of one element there is no unbiased estimate
    assert x.grad is not None and x.grad.data.tolist() == [[0, 0]]


@pytest.mark.parametrize("statistics", [(), (np.zeros(3), np.ones(3))])
@pytest.mark.parametrize("shape", [(0, 3), (0, 3, 4, 4), (2, 3, 0)])
def test_an_empty_batch_has_an_empty_result_and_changes_nothing(
    shape: Any, statistics: Any
) -> None:
    x, (gamma, beta) = Variable(np.ones(shape)), gamma_and_beta(3)
    before = copy.deepcopy(statistics)
    y = F.batch_norm(x, gamma, beta, *statistics)
    y.backward()
    assert y.shape == shape
    assert x.grad is not None and x.grad.shape == shape
    assert gamma.grad is not None and gamma.grad.data.tolist() == [0, 0, 0]
    np.testing.assert_array_equal(statistics, before)


def test_without_running_statistics_the_batch_counts_in_test_mode_too() -> None:
    x = RNG.normal(size=(4, 3))
    with test_mode():
        y = F.batch_norm(x, *gamma_and_beta(3))
    np.testing.assert_allclose(y.data.mean(0), 0, atol=1e-15)


@pytest.mark.parametrize("shape", [(3000, 64), (40, 8, 60, 60), (2, 3, 400, 500)])
def test_large_batches_are_computed_in_blocks_with_the_same_results(shape: Any) -> None:
    x = RNG.normal(1, 2, size=shape).astype(np.float32)
    gamma, beta = (RNG.uniform(0.5, 1, shape[1]).astype(np.float32) for _ in range(2))
    seed = Variable(RNG.normal(size=shape).astype(np.float32))
    axes = (0, *range(2, x.ndim))
    wide = (1, -1) + (1,) * (x.ndim - 2)

    def composed(x: Any, gamma: Any, beta: Any) -> Any:
        deviation = x - x.mean(axes, keepdims=True)
        var = (deviation**2).mean(axes, keepdims=True)
        return gamma.reshape(wide) * deviation / (var + 2e-5) ** 0.5 + beta.reshape(wide)

    results = []
    for function, dtype in ((F.batch_norm, np.float32), (composed, np.float64)):
        operands = [Variable(a.astype(dtype)) for a in (x, gamma, beta)]
        y = function(*operands)
        y.grad = seed
        y.backward()
        results.append([y.data, *(as_numpy(operand.grad) for operand in operands)])
    for found, wanted in zip(*results, strict=True):
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, wanted, rtol=1e-3, atol=2e-6 * np.abs(wanted).max())


def test_float16_is_summed_in_float32() -> None:
    x = RNG.normal(30, 1, size=(2000, 4)).astype(np.float16)
    y = F.batch_norm(x, *gamma_and_beta(4, np.float16))
    assert y.dtype == np.float16
    np.testing.assert_allclose(y.data.astype(float).mean(0), 0, atol=2e-2)
    assert F.layer_norm(x).dtype == np.float16


def test_integers_are_normalized_as_numbers() -> None:
    x = np.array([[1, 10], [3, 50]])
    y = F.batch_norm(x, *gamma_and_beta(2))
    np.testing.assert_allclose(y.data, [[-1, -1], [1, 1]], rtol=1e-4)
    np.testing.assert_allclose(F.layer_norm(x).data, [[-1, 1], [-1, 1]], rtol=1e-4)


def test_the_statistics_take_no_part_in_the_graph() -> None:
    mean, var = Persistent(np.zeros(2)), Persistent(np.ones(2))
    x = Variable(RNG.normal(size=(3, 2)))
    y = F.batch_norm(x, *gamma_and_beta(2), mean, var)  # type: ignore[arg-type]
    y.backward()
    assert mean.grad is None and mean.data.any()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((np.ones(3), np.ones(3), np.ones(3)), r"x is of shape \(N, C\) or .* got float64\[3\]"),
        ((np.ones((2, 3)), np.ones(2), np.ones(3)), r"gamma has one number for each of the 3"),
        ((np.ones((2, 3)), np.ones(3), np.ones((1, 3))), r"beta has .* got float64\[1, 3\]"),
        ((np.ones((2, 3)), *[np.ones(3)] * 2, np.ones(2), np.ones(3)), "mean has one number"),
        ((np.ones((2, 3)), *[np.ones(3)] * 4, 1.5), "decay is between 0 and 1, got 1.5"),
        ((np.ones((2, 3)), *[np.ones(3)] * 4, 0.9, 0.0), "eps must be positive, got 0.0"),
    ],
)
def test_batch_norm_says_what_does_not_fit(arguments: Any, message: str) -> None:
    with pytest.raises(ValueError, match=f"batch_norm: {message}"):
        F.batch_norm(*arguments)
    with pytest.raises(TypeError, match=r"both running statistics or none; got mean=float64\[3\]"):
        F.batch_norm(np.ones((2, 3)), np.ones(3), np.ones(3), np.ones(3))


# --- the others --------------------------------------------------------------------------------


def test_groups_of_one_and_of_all() -> None:
    x = RNG.normal(size=(2, 6, 3, 3))
    whole = F.group_norm(x, 1).data
    np.testing.assert_allclose(
        whole.reshape(2, -1), F.layer_norm(x.reshape(2, -1)).data, rtol=1e-12
    )
    instances = F.group_norm(x, 6).data
    np.testing.assert_allclose(instances.mean((2, 3)), 0, atol=1e-14)


def test_large_rows_are_computed_in_blocks_with_the_same_results() -> None:
    x = RNG.normal(size=(3000, 64))
    gamma, beta = RNG.normal(size=(2, 64))
    large, small = Variable(x), Variable(x[-5:])
    for variable in (large, small):
        (F.layer_norm(variable, gamma, beta) * 3).backward()
    np.testing.assert_allclose(
        F.layer_norm(large, gamma).data[-5:], F.layer_norm(small, gamma).data, rtol=1e-12
    )
    assert large.grad is not None and small.grad is not None
    np.testing.assert_allclose(large.grad.data[-5:], small.grad.data, rtol=1e-9, atol=1e-12)


def test_the_others_say_what_does_not_fit() -> None:
    x = np.ones((2, 6))
    with pytest.raises(ValueError, match=r"layer_norm: for x, .*, gamma is of shape \(6,\), got"):
        F.layer_norm(x, np.ones(5))
    with pytest.raises(ValueError, match=r"layer_norm: .* beta is of shape \(6,\)"):
        F.layer_norm(x, np.ones(6), np.ones(5))
    with pytest.raises(ValueError, match=r"rms_norm: x is of shape \(\.\.\., D\), got 1\.0"):
        F.rms_norm(1.0)
    with pytest.raises(ValueError, match="rms_norm: there are no features to normalize in x"):
        F.rms_norm(np.ones((2, 0)))
    with pytest.raises(ValueError, match="layer_norm: eps must be positive, got -1"):
        F.layer_norm(x, eps=-1)
    with pytest.raises(ValueError, match="group_norm: 4 groups do not divide the 6 channels"):
        F.group_norm(x, 4)
    with pytest.raises(ValueError, match="group_norm: 0 groups"):
        F.group_norm(x, 0)
    with pytest.raises(ValueError, match=r"group_norm: .* gamma is of shape \(6,\)"):
        F.group_norm(x, 2, np.ones(3))
    with pytest.raises(ValueError, match=r"group_norm: x is of shape"):
        F.group_norm(np.ones(6), 2)


# --- layers ------------------------------------------------------------------------------------

LAYERS = [BatchNorm, LayerNorm, RMSNorm, lambda **settings: GroupNorm(2, **settings)]


@pytest.mark.parametrize("make", LAYERS)
def test_layers_count_at_the_first_call_and_keep_float32(make: Any) -> None:
    x = RNG.normal(size=(5, 4)).astype(np.float32)
    lazy, eager = make(), make(size=4)
    assert lazy(x).dtype == np.float32
    np.testing.assert_array_equal(lazy(x).data, eager(x).data)
    assert {p.shape for p in lazy.params()} == {(4,)}
    assert {p.dtype for p in make(size=4, dtype=np.float64).params()} == {np.dtype(np.float64)}
    with pytest.raises(ValueError, match=r"gamma .*4"):
        lazy(np.ones((5, 6), np.float32))
    with pytest.raises(ValueError, match=r"the input is an array of shape .* not None"):
        make()(None)
    with pytest.raises(TypeError, match="floating-point type, got int64"):
        make(dtype=np.int64)
    with pytest.raises(ValueError, match="size must be at least 1, got 0"):
        make(size=0)
    with pytest.raises(TypeError, match=r"size must be an integer, got 2\.5"):
        make(size=2.5)


def test_layers_of_several_axes_and_of_groups() -> None:
    layer = LayerNorm(size=(2, 3))
    assert layer.gamma.shape == (2, 3)
    assert layer(np.ones((4, 2, 3))).shape == (4, 2, 3)
    refused = GroupNorm(2)
    with pytest.raises(ValueError, match=r"GroupNorm: 2 groups do not divide .* float64\[1, 3\]"):
        refused(np.ones((1, 3)))
    assert refused.gamma.data is None
    with pytest.raises(ValueError, match="GroupNorm: 3 groups do not divide 4 channels"):
        GroupNorm(3, size=4)
    with pytest.raises(ValueError, match="size must name at least one axis"):
        LayerNorm(size=())


def test_running_statistics_are_no_parameters_but_part_of_the_state() -> None:
    layer = BatchNorm(size=2)
    assert [path for path, _ in layer.namedparams()] == ["gamma", "beta"]
    assert list(layer.state_dict()) == ["avg_mean", "avg_var", "gamma", "beta"]
    layer(np.array([[1.0, 2.0], [3.0, 6.0]], np.float32))
    assert layer.avg_mean.data.tolist() == pytest.approx([0.2, 0.4])
    layer.freeze().unfreeze()
    assert not layer.avg_mean.requires_grad
    assert repr(BatchNorm(decay=0.5)) == "BatchNorm(decay=0.5)"


def test_state_goes_from_one_layer_to_another() -> None:
    x = RNG.normal(2, 3, size=(8, 3)).astype(np.float32)
    model = Sequential(Linear(4), BatchNorm(), relu)
    model(x)
    for twin in (
        model.copy(),
        pickle.loads(pickle.dumps(model)),
        Sequential(Linear(4), BatchNorm(), relu),
    ):
        twin.load_state_dict(model.state_dict())
        with test_mode():
            np.testing.assert_array_equal(twin(x).data, model(x).data)
        twin(x)  # moves its own statistics alone
        assert (twin.l1.avg_mean.data != model.l1.avg_mean.data).all()
    with pytest.raises(ValueError, match=r"missing: l1/avg_mean, float32\[4\]"):
        model.load_state_dict({k: v for k, v in model.state_dict().items() if "mean" not in k})


class Block(Layer):
    def __init__(self) -> None:
        self.conv = Linear(3)
        self.bn = BatchNorm()

    def forward(self, x: Any) -> Any:
        return self.bn(self.conv(x))


def test_files_of_the_released_package_are_loaded_and_theirs_would_load_ours(
    tmp_path: Path,
) -> None:
    """It keeps running statistics as parameters, and looks for each of them by its path."""
    rng = np.random.default_rng(1)
    theirs = {
        "conv/W": rng.normal(size=(2, 3)),  # which it saves as float64
        "conv/b": rng.normal(size=3).astype(np.float32),
        "bn/avg_mean": rng.normal(size=3).astype(np.float32),
        "bn/avg_var": rng.uniform(1, 2, size=3).astype(np.float32),
        "bn/gamma": rng.normal(size=3).astype(np.float32),
        "bn/beta": rng.normal(size=3).astype(np.float32),
    }
    np.savez_compressed(tmp_path / "theirs.npz", **theirs)
    block = Block()
    block.load_weights(tmp_path / "theirs.npz")
    np.testing.assert_array_equal(block.bn.avg_var.data, theirs["bn/avg_var"])
    x = rng.normal(size=(4, 2)).astype(np.float32)
    with test_mode():
        h = x @ theirs["conv/W"].astype(np.float32) + theirs["conv/b"]
        h = (h - theirs["bn/avg_mean"]) / np.sqrt(theirs["bn/avg_var"] + 2e-5)
        expected = theirs["bn/gamma"] * h + theirs["bn/beta"]
        np.testing.assert_allclose(block(x).data, expected, rtol=1e-4, atol=1e-6)
    block.save_weights(tmp_path / "ours.npz")
    with np.load(tmp_path / "ours.npz") as file:
        assert set(file.files) == set(theirs)


def test_persistent_values_are_found_in_containers_once_and_replaced() -> None:
    layer = Layer()
    layer.counts = [Persistent(np.zeros(2)), {"a": Persistent(np.ones(1))}]
    layer.same = layer.counts[0]
    assert list(layer.state_dict()) == ["same", "counts/1/a"]
    assert list(layer.params()) == []
    layer.same = None
    assert list(layer.state_dict()) == ["counts/0", "counts/1/a"]
    value = copy.deepcopy(layer.counts[0])
    assert type(value) is Persistent and not value.requires_grad


def test_layers_move_and_run_on_a_device_without_waiting() -> None:
    with fake_device() as device:
        x = device.asarray(RNG.normal(size=(3, 4, 2, 2)).astype(np.float32))
        for layer in (BatchNorm(), GroupNorm(2)):
            layer(x)
            with device.forbid():
                layer(x).sum().backward()
                with test_mode(), no_grad():
                    y = layer(x)
            assert isinstance(y.data, device.array_types)
        bn = BatchNorm()
        bn(x)
        assert isinstance(bn.avg_mean.data, device.array_types)
        bn.to_cpu()
        assert isinstance(bn.avg_mean.data, np.ndarray)


def test_summary_counts_no_statistics_and_changes_none() -> None:
    model = Sequential(Linear(3), BatchNorm(), LayerNorm(), RMSNorm(), GroupNorm(3))
    text = str(summary(model, (5, 2)))
    assert f"{3 * 3 + 6 + 6 + 3 + 6} parameters" in text
    assert model.l1.avg_mean.data is None


def test_a_network_with_batch_normalization_is_differentiated_twice() -> None:
    layer = BatchNorm(size=3, dtype=np.float64)
    W = RNG.normal(size=(2, 3))

    def loss(x: Any, W: Any) -> Any:
        return (F.sigmoid(layer(F.linear(x, W))) ** 2).sum()

    check_grads(loss, [RNG.normal(size=(4, 2)), W], order=2)
