"""The book's stage 5 (steps 52 to 60), as a reader meets it: through `import dezero`.

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
import dezero.functions_conv as C
import dezero.layers as L
from dezero import DataLoader, Model, Variable, datasets, optimizers
from dezero.models import MLP, VGG16
from dezero.utils import array_allclose, get_conv_outsize, get_deconv_outsize, pair


def value(x: Any) -> Any:
    assert x is not None
    return x.data


# --- the GPU (step 52) ---------------------------------------------------------------------------


@pytest.mark.skipif(dezero.cuda.gpu_enable, reason="there is a GPU")
def test_step_52_without_a_gpu_everything_says_what_is_missing() -> None:
    def loader_on_gpu() -> Any:
        return DataLoader(datasets.Spiral(), 30, gpu=True)

    loader = DataLoader(datasets.Spiral(), 30)
    calls = [
        lambda: dezero.cuda.as_cupy(np.ones(3)),
        Variable(np.ones(3)).to_gpu,
        MLP((3, 2)).to_gpu,
        loader.to_gpu,
        loader_on_gpu,
    ]
    for call in calls:
        with pytest.raises((LookupError, RuntimeError), match=r"dezero-cuda|CUDA"):
            call()
    # And a program that asks first, as the book's do, runs.
    model = MLP((3, 2))
    if dezero.cuda.gpu_enable:
        model.to_gpu()
    x, _ = next(loader)
    assert dezero.cuda.get_array_module(model(x)) is np
    assert type(dezero.cuda.as_numpy(model(x))) is np.ndarray


# --- files, dropout (steps 53 and 54) ------------------------------------------------------------


def test_step_53_training_goes_on_from_a_file(tmp_path: Path) -> None:
    def train(model: Any, epochs: int) -> float:
        optimizer = optimizers.SGD(1.0).setup(model)
        loss: Any = None
        for _ in range(epochs):
            for x, t in DataLoader(datasets.Spiral(), 30):
                loss = F.softmax_cross_entropy(model(x), t)
                model.cleargrads()
                loss.backward()
                optimizer.update()
        return float(loss)

    path = tmp_path / "my_mlp.npz"
    np.random.seed(0)
    model = MLP((10, 3))
    params: dict[str, Any] = {}
    model._flatten_params(params)
    assert [*params] == ["l0/W", "l0/b", "l1/W", "l1/b"]
    train(model, 10)
    model.save_weights(path)
    state: Any = np.random.get_state()
    expected = train(model, 10)

    other = MLP((10, 3))
    other.load_weights(path)
    np.random.set_state(state)
    assert train(other, 10) == expected


def test_step_53_an_interrupted_save_leaves_no_broken_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = MLP((10, 3))
    model(np.ones((1, 2), np.float32))
    model.save_weights(tmp_path / "w.npz")
    before = (tmp_path / "w.npz").read_bytes()

    def interrupt(*args: Any, **settings: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(np.lib.format, "write_array", interrupt)
    value(model.l0.W)[:] = 0
    with pytest.raises(KeyboardInterrupt):
        model.save_weights(tmp_path / "w.npz")
    assert [path.name for path in tmp_path.iterdir()] == ["w.npz"]
    assert (tmp_path / "w.npz").read_bytes() == before


def test_step_54_dropout() -> None:
    np.random.seed(0)
    x = np.ones(5)
    seen = {float(element) for _ in range(20) for element in F.dropout(x).data}
    assert seen == {0.0, 2.0}
    with dezero.test_mode():
        assert not dezero.Config.train
        assert F.dropout(x).data.tolist() == [1.0] * 5
    assert dezero.Config.train


# --- images (steps 55 to 58) ---------------------------------------------------------------------


def test_step_55_sizes() -> None:
    assert get_conv_outsize(4, 3, 1, 1) == 4
    assert get_deconv_outsize(get_conv_outsize(9, 3, 2, 1), 3, 2, 1) == 9
    assert (pair(1), pair((1, 2))) == ((1, 1), (1, 2))


def test_step_56_windows_and_convolution() -> None:
    np.random.seed(0)
    assert C.im2col(np.random.rand(1, 3, 7, 7), 5, 1, 0, True).shape == (9, 75)
    x10 = Variable(np.random.rand(10, 3, 7, 7))
    col = C.im2col(x10, (5, 5), (1, 1), (0, 0), True)
    assert col.shape == (90, 75)
    assert C.col2im(col, x10.shape, 5, 1, 0, True).shape == x10.shape

    x, W = Variable(np.random.randn(1, 5, 15, 15)), Variable(np.random.randn(8, 5, 3, 3))
    y = C.conv2d_simple(x, W, None, 1, 1)
    y.backward()
    assert (y.shape, value(x.grad).shape) == ((1, 8, 15, 15), (1, 5, 15, 15))
    assert array_allclose(C.conv2d(x, W, None, 1, 1), y, rtol=1e-10)


def test_step_57_pooling_and_a_convolutional_network() -> None:
    np.random.seed(0)
    x = np.random.randn(2, 3, 6, 4)
    assert array_allclose(C.pooling(x, (2, 3), (2, 1), 1), C.pooling_simple(x, (2, 3), (2, 1), 1))
    assert C.average_pooling(x, 2, 2).shape == (2, 3, 3, 2)

    class Net(Model):
        def __init__(self) -> None:
            super().__init__()
            self.conv = L.Conv2d(4, 3, 1, 1)
            self.norm = L.BatchNorm()
            self.fc = L.Linear(10)

        def forward(self, x: Any) -> Any:
            h = C.pooling(F.relu(self.norm(self.conv(x))), 2, 2)
            return self.fc(F.flatten(h))

    digits = datasets.Digits(train=True, transform=lambda x: x.reshape(1, 8, 8) / np.float32(16))
    model = Net()
    optimizer = optimizers.Adam(0.01).setup(model)
    for _ in range(2):
        for x, t in DataLoader(digits, 50):
            loss = F.softmax_cross_entropy(model(x), t)
            model.cleargrads()
            loss.backward()
            optimizer.update()
    assert loss.dtype == np.float32
    test = datasets.Digits(train=False, transform=digits.transform)
    with dezero.test_mode(), dezero.no_grad():
        x, t = next(DataLoader(test, len(test)))
        assert float(F.accuracy(model(x), t)) > 0.9


def test_step_58_photographs_become_what_the_weights_want() -> None:
    image = np.zeros((224, 224, 3), np.uint8)
    image[..., 0] = 255  # red
    x = VGG16.preprocess(image)
    assert (x.shape, x.dtype) == ((3, 224, 224), np.float32)
    np.testing.assert_allclose(x[:, 0, 0], [-103.939, -116.779, 255 - 123.68], rtol=1e-5)


# --- sequences (steps 59 and 60) -----------------------------------------------------------------


class Net(Model):
    """A layer with a state, and one that makes a single number of what it gives."""

    def __init__(self, kind: Any) -> None:
        super().__init__()
        self.rnn = kind(100)
        self.fc = L.Linear(1)

    def reset_state(self) -> None:
        self.rnn.reset_state()

    def forward(self, x: Any) -> Any:
        return self.fc(self.rnn(x))


def losses(kind: Any, epochs: int, seed: int) -> list[float]:
    """Learn the noisy sine, cutting the graph after each 30 values; return each epoch's loss."""
    np.random.seed(seed)
    wave = datasets.SinCurve(train=True)
    model = Net(kind)
    optimizer = optimizers.Adam().setup(model)
    means = []
    for _ in range(epochs):
        model.reset_state()
        loss: Any = 0
        total = 0.0
        for count, (x, t) in enumerate(wave, start=1):
            loss += F.mean_squared_error(model(x[np.newaxis]), t[np.newaxis])
            if count % 30 == 0 or count == len(wave):
                model.cleargrads()
                loss.backward()
                loss.unchain_backward()
                optimizer.update()
                total += float(loss)
                loss = 0
        means.append(total / len(wave))
    return means


def test_step_59_the_chain_is_cut() -> None:
    rnn = L.RNN(4)
    first = rnn(np.ones((1, 1), np.float32))
    second = rnn(np.ones((1, 1), np.float32))
    loss = F.sum(second)
    loss.backward()
    loss.unchain_backward()
    assert first.creator is None and second.creator is None
    assert rnn.h is second
    rnn.cleargrads()
    F.sum(rnn(np.ones((1, 1), np.float32))).backward()
    assert value(rnn.h2h.W.grad).shape == (4, 4)
    x = Variable(np.array(2.0))
    y = x * x
    y.unchain()
    assert y.creator is None and x.grad is None


def test_step_60_lstm_learns_more_in_as_many_epochs() -> None:
    def mean_loss(kind: Any) -> float:
        return float(np.mean([losses(kind, 2, seed) for seed in (0, 1)]))

    assert mean_loss(L.LSTM) < 0.6 * mean_loss(L.RNN)
