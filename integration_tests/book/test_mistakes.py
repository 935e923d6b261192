"""The usual mistakes in programs of the book: each is told with what to do instead."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import dezero
import dezero.functions as F
import dezero.layers as L
from dezero import Variable, optimizers
from dezero.models import MLP, Sequential

X = np.array([[0.2, -0.4], [0.3, 0.5]], dtype=np.float32)
ONE_HOT = np.array([[0, 0, 1], [1, 0, 0]])


def test_step_9_a_number_instead_of_an_array() -> None:
    wanted = r"^<class 'float'> is not supported: Variable takes an array .* numpy\.array$"
    with pytest.raises(TypeError, match=wanted):
        Variable(1.0)
    with pytest.raises(TypeError, match=r"<class 'list'> is not supported.*numpy\.array"):
        Variable([1.0, 2.0])
    with pytest.raises(TypeError, match=r"<class '.*Variable'> is not supported.*take its \.data"):
        Variable(Variable(np.array(1.0)))


def test_step_14_gradients_that_were_not_cleared() -> None:
    model = MLP((3,))
    optimizer = optimizers.SGD(lr=0.1).setup(model)
    for i in range(2):
        model(X).sum().backward()
        if i == 0:
            optimizer.update()
    with pytest.warns(RuntimeWarning, match=r"never cleared.*call model\.cleargrads\(\) before"):
        optimizer.update()


def test_step_18_backward_where_nothing_was_recorded() -> None:
    x = Variable(np.array(2.0))
    with dezero.no_grad():
        y = x**2
    with pytest.raises(RuntimeError, match=r"backward: .*no_grad"):
        y.backward()


def test_step_28_an_array_changed_between_forward_and_backward() -> None:
    x = Variable(np.array([1.0, 2.0]))
    y = (x**2).sum()
    x.data += 1.0
    with pytest.raises(RuntimeError, match=r"changed"):
        y.backward()


def test_step_42_a_loss_that_would_be_broadcast() -> None:
    with pytest.raises(ValueError, match=r"float64\[4, 1\] and float64\[4\].*reshape one of them"):
        F.mean_squared_error(Variable(np.ones((4, 1))), np.ones(4))


def test_step_44_a_model_called_without_an_input() -> None:
    model = MLP((10, 3))
    with pytest.raises(TypeError, match=r"MLP\.forward\(\) missing 1 .* argument: 'x'"):
        model()
    with pytest.raises(TypeError, match=r"the input is an array of shape .*, not None"):
        model(None)
    with pytest.raises(TypeError, match=r"missing 1 .* argument: 'x'"):
        Sequential(L.Linear(3))()


def test_step_44_an_input_of_another_size() -> None:
    model = MLP((10, 3))
    model(X)
    with pytest.raises(ValueError, match=r"linear: x has 5 features, W takes 2"):
        model(np.ones((4, 5), np.float32))


def test_step_44_a_layer_without_forward() -> None:
    class Empty(dezero.Layer):
        pass

    with pytest.raises(NotImplementedError, match=r"Empty has no method forward"):
        Empty()(X)


def test_step_46_an_update_without_setup() -> None:
    with pytest.raises(RuntimeError, match=r"SGD\.update: there is no target; call setup\(model\)"):
        optimizers.SGD().update()
    with pytest.raises(TypeError, match=r"SGD\.setup: wanted is a model .* got <class 'float'>"):
        optimizers.SGD().setup(0.1)  # type: ignore[type-var]


def test_step_46_an_update_before_backward() -> None:
    model = MLP((3,))
    optimizer = optimizers.Adam().setup(model)
    model(X)
    before = [p.data.copy() for p in model.params()]
    with pytest.warns(RuntimeWarning, match=r"Adam\.update: no parameter has a gradient.*backward"):
        optimizer.update()
    assert all(np.array_equal(p.data, b) for p, b in zip(model.params(), before, strict=True))


def test_step_47_assigning_an_element() -> None:
    x = Variable(np.arange(3.0))
    with pytest.raises(TypeError, match=r"F\.where\(mask, value, x\).*x\.data\[\.\.\.\] = value"):
        x[0] = 5.0  # type: ignore[index]
    assert x.data.tolist() == [0.0, 1.0, 2.0]
    # What it says works.
    y = F.where(np.array([True, False, False]), 5.0, x)
    y.backward()
    assert y.data.tolist() == [5.0, 1.0, 2.0]
    assert x.grad is not None and x.grad.data.tolist() == [0.0, 1.0, 1.0]
    x.data[0] = 5.0
    assert x.data.tolist() == [5.0, 1.0, 2.0]


@pytest.mark.parametrize(
    "call", [F.softmax_cross_entropy, F.softmax_cross_entropy_simple, F.accuracy]
)
def test_step_47_rows_instead_of_labels(call: Callable[..., object]) -> None:
    y = MLP((3,))(X)
    with pytest.raises(ValueError, match=r"labels have the shape \(N,\).*take argmax\(axis=1\)"):
        call(y, ONE_HOT)
    assert np.isfinite(float(call(y, ONE_HOT.argmax(axis=1))))  # type: ignore[arg-type]


@pytest.mark.parametrize("call", [F.softmax_cross_entropy_simple, F.accuracy])
def test_step_47_rows_of_floats_instead_of_labels(call: Callable[..., object]) -> None:
    with pytest.raises(TypeError, match=r"array of integers, got float64\[2, 3\].*argmax"):
        call(MLP((3,))(X), ONE_HOT.astype(float))


def test_step_47_rows_of_floats_are_probabilities() -> None:
    y = MLP((3,))(X)
    loss = F.softmax_cross_entropy(y, ONE_HOT.astype(np.float32))
    assert np.isclose(float(loss), float(F.softmax_cross_entropy(y, np.array([2, 0]))))


def test_step_47_labels_that_there_are_no_scores_for() -> None:
    with pytest.raises(ValueError, match=r"label 3 at position 1 .* labels go from 0 to 2"):
        F.softmax_cross_entropy(MLP((3,))(X), np.array([0, 3]))


def test_step_51_mnist_without_a_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        for name in ("http_proxy", "https_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{nobody.getsockname()[1]}")
            monkeypatch.setenv(name.upper(), f"http://127.0.0.1:{nobody.getsockname()[1]}")
        monkeypatch.setenv("DEZERO_HOME", str(tmp_path))
        with pytest.raises(OSError, match=r"cannot get train-images-idx3-ubyte\.gz") as caught:
            dezero.datasets.MNIST(train=True)
    help_given = "\n".join([str(caught.value), *caught.value.__notes__])
    assert f"put the file at {tmp_path / 'train-images-idx3-ubyte.gz'}" in help_given
    assert "MNIST(root=folder)" in help_given


def test_step_52_the_gpu_where_there_is_none() -> None:
    if dezero.cuda.gpu_enable:
        pytest.skip("this machine has a GPU that works")
    loader = dezero.DataLoader(dezero.datasets.Spiral(), 30)
    model = MLP((3,))
    model(X)
    calls = (Variable(X).to_gpu, model.to_gpu, loader.to_gpu, lambda: dezero.cuda.as_cupy(X))
    for call in calls:
        with pytest.raises((LookupError, RuntimeError), match=r"pip install|driver|device"):
            call()


def test_step_53_weights_of_another_model(tmp_path: Path) -> None:
    model = MLP((4, 3))
    model(X)
    model.save_weights(tmp_path / "model.npz")
    other = MLP((5, 3))
    other(X)
    with pytest.raises(ValueError, match=r"l0/W, float32\[2, 4\] in .*, float32\[2, 5\] in"):
        other.load_weights(tmp_path / "model.npz")
