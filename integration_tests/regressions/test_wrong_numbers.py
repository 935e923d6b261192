"""What DeZero 0.0.13 computed wrongly without a word."""

from __future__ import annotations

import itertools
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dezero_core import Parameter, Variable, no_grad
from dezero_core import functions as F
from dezero_core.gradient_check import check_grads
from dezero_core.testing import fake_device
from dezero_data import DataLoader, Spiral
from dezero_nn import MLP, BatchNorm, Linear, Model, Sequential, relu
from dezero_nn import functions as nn
from dezero_nn.layers import Conv2d, Deconv2d, Layer
from dezero_optim import SGD


def gradient(x: Variable) -> Any:
    assert x.grad is not None
    return x.grad.data


# --- dtypes and shapes ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "shape"),
    [
        (lambda: Linear(3), (2, 5)),
        (lambda: Conv2d(3, 3), (2, 5, 6, 6)),
        (lambda: Deconv2d(3, 3), (2, 5, 6, 6)),
    ],
)
def test_weights_are_float32_and_not_float64_under_numpy_2(make: Any, shape: Any) -> None:
    layer = make()
    x = Variable(np.ones(shape, np.float32))
    y = layer(x)
    F.sum(y).backward()
    SGD(0.1).setup(layer).update()
    assert [p.dtype for p in layer.params()] == [np.float32] * 2
    assert y.dtype == x.grad.dtype == layer.W.grad.dtype == np.float32


def test_matmul_of_3d_arrays_is_matmul_and_not_dot() -> None:
    a = Variable(np.random.default_rng(0).normal(size=(4, 2, 3)))
    b = Variable(np.random.default_rng(1).normal(size=(4, 3, 5)))
    y = F.matmul(a, b)
    assert y.shape == (4, 2, 5)  # and not (4, 2, 4, 5)
    np.testing.assert_array_equal(y.data, a.data @ b.data)
    check_grads(F.matmul, (a.data, b.data), order=2)


# --- derivatives ---------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(5, 3), (2, 3, 2, 2)])
def test_double_backprop_of_batch_normalization_is_right(shape: Any) -> None:
    rng = np.random.default_rng(0)
    weights = rng.normal(size=shape)

    def f(x: Any, gamma: Any, beta: Any) -> Any:
        # Weighted: the plain sum of what is normalized does not depend on x.
        return F.sum(weights * nn.batch_norm(x, gamma, beta, np.zeros(3), np.ones(3)) ** 2)

    check_grads(f, (rng.normal(size=shape), rng.normal(size=3), rng.normal(size=3)), order=2)


def test_the_gradient_of_max_with_ties_adds_up_to_one() -> None:
    x = Variable(np.array([1.0, 1.0, 0.0]))
    F.max(x).backward()
    assert gradient(x).tolist() == [0.5, 0.5, 0.0]  # and not [1, 1, 0]


def test_max_pooling_of_negative_numbers_is_not_the_zero_of_the_padding() -> None:
    x = Variable(-np.arange(1.0, 10.0).reshape(1, 1, 3, 3))
    for pooling in (nn.pooling, nn.pooling_simple):
        y = pooling(x, 3, stride=2, pad=1)
        assert y.data.tolist() == [[[[-1.0, -2.0], [-4.0, -5.0]]]]


# --- losses --------------------------------------------------------------------------------------


def test_sigmoid_cross_entropy_is_finite_at_a_float32_logit_of_50() -> None:
    x = Variable(np.array([50, -50, 50], np.float32))
    loss = nn.sigmoid_cross_entropy(x, np.array([1, 0, 0]))
    loss.backward()
    assert float(loss) == pytest.approx(50 / 3)
    np.testing.assert_allclose(gradient(x), [0, 0, 1 / 3], atol=1e-7)


def test_binary_cross_entropy_is_not_clipped_at_0_999() -> None:
    p = Variable(np.array([0.9999]))
    loss = nn.binary_cross_entropy(p, np.array([1]))
    loss.backward()
    assert float(loss) == pytest.approx(-np.log(0.9999))
    assert gradient(p).tolist() == pytest.approx([-1 / 0.9999])


# --- state ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("change", ["step", "scale", "view"])
def test_a_change_of_saved_data_before_backward_is_an_error(change: str) -> None:
    x = Variable(np.array([1.0, 2.0]), "x")
    view = Variable(x.data[:1])
    y = F.sum(x * x)
    if change == "step":
        x.data -= 0.5
    elif change == "scale":
        x.data *= 2.0
    else:
        view.data += 1.0
    with pytest.raises(RuntimeError, match=r"named 'x'\) was changed in place after multiply"):
        y.backward()
    assert x.grad is None


def test_weights_of_the_wrong_shape_are_refused(tmp_path: Path) -> None:
    Sequential(Linear(3, in_size=4), Linear(2, in_size=3)).save_weights(tmp_path / "w.npz")
    model = Sequential(Linear(3, in_size=4), Linear(5, in_size=3))
    before = model.state_dict()
    with pytest.raises(ValueError, match=r"l1/W.*\[3, 2\].*\[3, 5\]") as caught:
        model.load_weights(tmp_path / "w.npz")
    assert "l1/b" in str(caught.value)  # all that does not fit, and not the first alone
    after = model.state_dict()
    assert all(np.array_equal(before[path], after[path]) for path in before)


def test_a_list_of_layers_contributes_its_parameters() -> None:
    class Tower(Model):
        def __init__(self) -> None:
            self.blocks = [Linear(4), Linear(4)]
            self.heads = {"left": Linear(1), "right": Linear(1)}
            self.pair = (Parameter(np.zeros(1)), Parameter(np.ones(1)))

        def forward(self, x: Any) -> Any:
            for block in self.blocks:
                x = relu(block(x))
            return [head(x) for head in self.heads.values()]

    tower = Tower()
    tower(np.ones((2, 3), np.float32))
    tower.blocks.append(Linear(7))
    assert len(list(tower.params())) == 12
    assert [path for path, _ in tower.namedparams()][:3] == [
        "blocks/0/W",
        "blocks/0/b",
        "blocks/1/W",
    ]


def test_the_order_of_parameters_is_the_same_for_every_hash_seed() -> None:
    program = (
        "from dezero_nn import MLP, Sequential, BatchNorm\n"
        "model = Sequential(MLP((3, 4, 5)), BatchNorm(), MLP((6, 7)))\n"
        "model.extra, model.another = MLP((2,)), MLP((2,))\n"
        "print([path for path, _ in model.namedparams()])"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={"PYTHONHASHSEED": str(seed)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in (1, 2)
    }
    assert len(found) == 1
    assert "l0/l0/W" in found.pop()


def test_no_grad_stays_in_its_thread() -> None:
    inside, done = threading.Event(), threading.Event()

    def other() -> None:
        with no_grad():
            inside.set()
            assert done.wait(10)

    thread = threading.Thread(target=other)
    thread.start()
    try:
        assert inside.wait(10)
        x = Variable(np.array(3.0))
        (x * x).backward()
        assert gradient(x) == 6.0
    finally:
        done.set()
        thread.join()


def test_a_loader_begins_anew_after_a_break() -> None:
    pairs = [(np.float32(i), i) for i in range(10)]
    loader = DataLoader(pairs, 3, shuffle=False)
    for _ in loader:
        break
    assert [t.tolist() for _, t in loader] == [[0, 1, 2], [3, 4, 5], [6, 7, 8], [9]]
    for _, t in itertools.islice(loader, 2):
        assert t is not None
    shuffled = DataLoader(pairs, 3)
    next(iter(shuffled))
    assert sorted(label for _, t in shuffled for label in t.tolist()) == list(range(10))


def test_saving_weights_leaves_the_model_on_its_device(tmp_path: Path) -> None:
    with fake_device() as device:
        model = MLP((3, 2))
        x = device.asarray(np.ones((2, 4), np.float32))
        for parameter in model.params():
            if parameter.data is not None:
                parameter.data = device.asarray(parameter.data)
        y = model(x)
        arrays = [parameter.data for parameter in model.params()]
        model.save_weights(tmp_path / "w.npz")
        assert all(p.data is array for p, array in zip(model.params(), arrays, strict=True))
        model.load_weights(tmp_path / "w.npz")
        assert all(isinstance(p.data, device.array_types) for p in model.params())
        np.testing.assert_array_equal(device.to_numpy(model(x).data), device.to_numpy(y.data))


def test_making_a_spiral_leaves_numpys_generator_alone() -> None:
    np.random.seed(7)
    expected = np.random.rand(3)
    np.random.seed(7)
    Spiral(train=True)
    Spiral(train=False)
    np.testing.assert_array_equal(np.random.rand(3), expected)


def test_running_statistics_are_saved_and_are_no_parameters(tmp_path: Path) -> None:
    class Net(Layer):
        def __init__(self) -> None:
            self.norm = BatchNorm()

        def forward(self, x: Any) -> Any:
            return self.norm(x)

    net = Net()
    net(np.random.default_rng(0).normal(2.0, size=(20, 3)).astype(np.float32))
    assert sorted(path for path, _ in net.namedparams()) == ["norm/beta", "norm/gamma"]
    net.save_weights(tmp_path / "w.npz")
    other = Net()
    other.load_weights(tmp_path / "w.npz")
    np.testing.assert_array_equal(other.norm.avg_mean.data, net.norm.avg_mean.data)
    assert abs(net.norm.avg_mean.data).max() > 0.1
