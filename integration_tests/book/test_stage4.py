"""The book's stage 4, networks (steps 37 to 51), as a reader meets it: through `import dezero`.

In the contract's order. What the scripts of `examples/steps` show, long trainings among it, is
tested in test_steps_37_60.py; packages test the details of theirs.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dezero
import dezero.functions as F
import dezero.layers as L
from dezero import DataLoader, Dataset, Model, Parameter, Variable, datasets, optimizers, transforms
from dezero.models import MLP

MNIST_FOLDER = Path(__file__).parents[3] / "shared" / "data" / "mnist"


def value(x: Any) -> Any:
    assert x is not None
    return x.data


# --- tensors (steps 37 to 41) --------------------------------------------------------------------


def test_step_37_elements_are_added_one_by_one_integers_too() -> None:
    x = Variable(np.array([[1, 2, 3], [4, 5, 6]]))
    c = Variable(np.array([[10, 20, 30], [40, 50, 60]]))
    F.sum(x + c).backward()
    for variable in (x, c):
        assert value(variable.grad).tolist() == [[1, 1, 1], [1, 1, 1]]
        assert variable.grad is not None and variable.grad.dtype == variable.dtype


def test_steps_38_and_39_shapes_and_sums() -> None:
    x = Variable(np.array([[1, 2, 3], [4, 5, 6]]))
    for y in (
        F.reshape(x, (6,)),
        x.reshape(6),
        x.reshape([6]),
        x.reshape((2, 3)),
        x.T,
        F.transpose(x),
    ):
        x.cleargrad()
        y.backward(retain_grad=True)
        assert value(x.grad).tolist() == [[1, 1, 1], [1, 1, 1]]
    assert repr(F.sum(x, axis=0)) == "variable([5 7 9])"
    assert F.sum(Variable(np.ones((2, 3, 4, 5))), keepdims=True).shape == (1, 1, 1, 1)


def test_step_40_sums_undo_broadcasting() -> None:
    x = np.array([[1, 2, 3], [4, 5, 6]])
    assert F.sum_to(x, (1, 3)).data.tolist() == [[5, 7, 9]]
    assert F.sum_to(x, (2, 1)).data.tolist() == [[6], [15]]
    x0, x1 = Variable(np.array([1, 2, 3])), Variable(np.array([10]))
    y = x0 + x1
    y.backward()
    assert y.data.tolist() == [11, 12, 13]
    assert (value(x0.grad).tolist(), value(x1.grad).tolist()) == ([1, 1, 1], [3])


def test_step_41_products_of_matrices() -> None:
    x, W = Variable(np.random.randn(2, 3)), Variable(np.random.randn(3, 4))
    F.matmul(x, W).backward()
    assert (value(x.grad).shape, value(W.grad).shape) == ((2, 3), (3, 4))


# --- learning (steps 42 to 46) -------------------------------------------------------------------


@pytest.mark.parametrize("name", ["mean_squared_error", "mean_squared_error_simple"])
def test_step_42_linear_regression(name: str) -> None:
    np.random.seed(0)
    x = Variable(np.random.rand(100, 1))
    y = Variable(5 + 2 * x.data + np.random.rand(100, 1))
    W, b = Variable(np.zeros((1, 1))), Variable(np.zeros(1))
    for _ in range(100):
        loss = getattr(F, name)(y, F.matmul(x, W) + b)
        W.cleargrad()
        b.cleargrad()
        loss.backward()
        W.data -= 0.1 * value(W.grad)
        b.data -= 0.1 * value(b.grad)
    assert repr(W) == "variable([[2.11807369]])"
    assert repr(b) == "variable([5.46608905])"


class TwoLayers(Model):
    """Two fully connected layers with a sigmoid between them."""

    def __init__(self, hidden_size: int, out_size: int) -> None:
        super().__init__()
        self.l1 = L.Linear(hidden_size)
        self.l2 = L.Linear(out_size)

    def forward(self, x: Any) -> Any:
        return self.l2(F.sigmoid(self.l1(x)))


def test_step_44_a_layer_collects_its_parameters() -> None:
    layer = dezero.Layer()
    layer.p1 = Parameter(np.array(1))
    layer.p2 = Parameter(np.array(2))
    layer.p3 = Variable(np.array(3))
    layer.p4 = "test"
    assert [int(p) for p in layer.params()] == [1, 2]
    assert not isinstance(layer.p1 * layer.p2, Parameter)


def test_step_45_a_model_is_drawn(tmp_path: Path) -> None:
    model = TwoLayers(100, 10)
    model.plot(Variable(np.random.randn(5, 10), name="x"), to_file=tmp_path / "model.svg")
    picture = (tmp_path / "model.svg").read_text("utf-8")
    for label in ("x: (5, 10) float64", "l1/W: (10, 100) float32", "l2/b: (10,) float32"):
        assert label in picture
    assert MLP((10, 20, 30, 40, 1))(np.ones((2, 3), np.float32)).shape == (2, 1)


def test_step_46_hooks_see_the_gradients_first() -> None:
    np.random.seed(0)
    model = MLP((4, 1))
    optimizer = optimizers.SGD(0.1).setup(model)
    model(np.ones((2, 3), np.float32))
    optimizer.add_hook(optimizers.WeightDecay(1e-2))
    optimizer.add_hook(optimizers.ClipGrad(1e-3))
    optimizer.add_hook(optimizers.FreezeParam(model.l0))
    before = model.state_dict()
    F.sum(model(np.ones((2, 3), np.float32)) * 100).backward()
    optimizer.update()
    after = model.state_dict()
    moved = {path: np.linalg.norm(after[path] - before[path]) for path in before}
    assert moved["l0/W"] == moved["l0/b"] == 0
    assert 0 < np.hypot(moved["l1/W"], moved["l1/b"]) <= 1.001e-4


# --- classification (steps 47 to 51) -------------------------------------------------------------


def test_step_47_classification() -> None:
    np.random.seed(0)
    model = MLP((10, 3))
    y = model(np.array([[0.2, -0.4]]))
    np.testing.assert_allclose(y.data, [[-0.61505778, -0.42790161, 0.31733289]], atol=5e-9)
    np.testing.assert_allclose(F.softmax(y).data, [[0.21068638, 0.25404893, 0.53526469]], atol=1e-8)
    x = np.array([[0.2, -0.4], [0.3, 0.5], [1.3, -3.2], [2.1, 0.3]])
    t = np.array([2, 0, 1, 0])
    for loss in (F.softmax_cross_entropy, F.softmax_cross_entropy_simple):
        assert float(loss(model(x), t)) == pytest.approx(1.49674425, abs=5e-9)


def test_step_49_data_that_is_too_large_is_loaded_item_by_item(tmp_path: Path) -> None:
    for i in range(4):
        np.save(tmp_path / f"data_{i}.npy", np.full((2, 2), i, np.uint8))

    class BigData(Dataset):
        def __getitem__(self, index: Any) -> Any:
            return self.transform(np.load(tmp_path / f"data_{index}.npy")), index % 2

        def __len__(self) -> int:
            return 4

    change = transforms.Compose(
        [transforms.ToFloat(), transforms.Flatten(), transforms.Normalize(1, 2)]
    )
    loader = DataLoader(BigData(train=True, transform=change), 3, shuffle=False)
    (x, t), (rest, _) = loader
    assert (x.dtype, x.shape, rest.shape) == (np.float32, (3, 4), (1, 4))
    assert x[:, 0].tolist() == [-0.5, 0.0, 0.5] and t is not None and t.tolist() == [0, 1, 0]


@pytest.mark.skipif(not MNIST_FOLDER.is_dir(), reason="needs MNIST's files; no download")
def test_step_51_mnist() -> None:
    raw = datasets.MNIST(train=True, transform=None, root=MNIST_FOLDER)
    train = datasets.MNIST(train=True, root=MNIST_FOLDER)
    test = datasets.MNIST(train=False, root=MNIST_FOLDER)
    assert (len(train), len(test)) == (60000, 10000)
    assert (raw[0][0].shape, raw[0][0].dtype, raw[0][1]) == ((1, 28, 28), np.uint8, 5)
    assert (train[0][0].shape, train[0][0].dtype) == ((784,), np.float32)
    assert (train[0][0].min(), train[0][0].max()) == (0.0, 1.0)
