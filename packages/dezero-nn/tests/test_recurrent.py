"""Recurrent networks: the book's steps 59 and 60, state, truncation, PyTorch's numbers, errors."""

from __future__ import annotations

import copy
import pickle
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dezero_core import Variable, no_grad, using_config
from dezero_core.testing import fake_device
from dezero_nn import functions as F
from dezero_nn.layers import GRU, LSTM, RNN, Bidirectional, Layer, LayerList, Linear, reset_states
from dezero_nn.models import Model, Sequential

KINDS: list[type[Any]] = [RNN, LSTM, GRU]


def random(*shape: int, seed: int = 0) -> Any:
    return np.random.default_rng(seed).normal(size=shape)


def gradients(layer: Layer) -> dict[str, Any]:
    return {path: p.grad.data for path, p in layer.namedparams() if p.grad is not None}


def assert_same(actual: dict[str, Any], expected: dict[str, Any], **tolerance: float) -> None:
    assert list(actual) == list(expected)
    for path, array in actual.items():
        np.testing.assert_allclose(array, expected[path], err_msg=path, **tolerance)


# --- the book's steps 59 and 60 ------------------------------------------------------------------


class Net(Model):
    def __init__(self, recurrent: Layer) -> None:
        self.rnn = recurrent
        self.fc = Linear(1)

    def forward(self, x: Any) -> Variable:
        return self.fc(self.rnn(x))


def descend(model: Layer, lr: float) -> None:
    for p in model.params():
        if p.grad is not None:
            p.data -= lr * p.grad.data


def train_on_sine(model: Net, epochs: int) -> list[float]:
    """Train on the book's sine curve with truncated back-propagation through time."""
    wave = np.sin(np.linspace(0, 8 * np.pi, 200))[:, None]
    means = []
    for _ in range(epochs):
        model.rnn.reset_state()
        total: Any = 0
        losses = []
        for t in range(len(wave) - 1):
            total = total + F.mean_squared_error(model(wave[t : t + 1]), wave[t + 1 : t + 2])
            if (t + 1) % 30 == 0:
                model.cleargrads()
                total = total / 30
                total.backward()
                total.unchain_backward()
                descend(model, 0.1)
                losses.append(float(total))
                total = 0
        means.append(float(np.mean(losses)))
    return means


@pytest.mark.parametrize("kind", KINDS)
def test_it_learns_the_next_value_of_a_sine(kind: Any) -> None:
    np.random.seed(0)
    means = train_on_sine(Net(kind(20)), epochs=25)
    assert means[-1] < 0.15 * means[0]


def test_names_of_parameters_are_those_of_the_released_weight_files() -> None:
    shapes = {path: p.shape for path, p in RNN(4, 3).namedparams()}
    assert shapes == {"x2h/W": (3, 4), "x2h/b": (4,), "h2h/W": (4, 4)}
    paths = [path for path, _ in LSTM(4, 3).namedparams()]
    inputs = [f"x2{gate}/{name}" for gate in "fiou" for name in "Wb"]
    assert paths == inputs + [f"h2{gate}/W" for gate in "fiou"]


def test_weights_go_to_a_layer_that_was_never_called(tmp_path: Path) -> None:
    x = random(6, 2, 3).astype(np.float32)
    for kind in KINDS:
        layer, other = kind(4), kind(4)
        y = layer(x)
        layer.save_weights(tmp_path / "weights.npz")
        other.load_weights(tmp_path / "weights.npz")
        np.testing.assert_array_equal(other(x).data, y.data)


# --- steps and sequences -------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("in_size", [1, 3])
def test_steps_and_whole_sequences_agree(kind: Any, in_size: int) -> None:
    layer = kind(5, dtype=np.float64)
    x = Variable(random(7, 4, in_size))
    layer(x)
    results = []
    for run in (lambda: layer(x), lambda: [layer(x[t]) for t in range(7)]):
        layer.reset_state()
        layer.cleargrads()
        x.cleargrad()
        hs = run()
        weights = random(7, 4, 5, seed=1)
        total: Any = sum((h * w).sum() for h, w in zip(hs, weights, strict=True))
        (total + (layer.h * layer.h).sum()).backward()
        assert x.grad is not None
        results.append({"x": x.grad.data, "h": layer.h.data, **gradients(layer)})
    assert_same(results[0], results[1], rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_state_goes_on_from_call_to_call(kind: Any) -> None:
    layer = kind(5, dtype=np.float64)
    x = random(7, 4, 3)
    hs = layer(x).data
    layer.reset_state()
    first, step, last = layer(x[:3]), layer(x[3]), layer(x[4:])
    parts = [first.data, step.data[None], last.data]
    np.testing.assert_allclose(np.concatenate(parts), hs, rtol=1e-12, atol=1e-14)
    np.testing.assert_array_equal(layer.h.data, last.data[-1])


@pytest.mark.parametrize("kind", KINDS)
def test_truncated_gradients_are_those_of_a_sequence_with_a_constant_state(kind: Any) -> None:
    layer = kind(5, 3, dtype=np.float64)
    x = random(6, 4, 3)
    for t in range(3):
        y = layer(x[t])
    y.sum().unchain_backward()
    h, c = layer.h.data.copy(), layer.c.data.copy() if kind is LSTM else None
    loss: Any = sum((layer(x[t]) ** 2).sum() for t in range(3, 6))
    layer.cleargrads()
    loss.backward()
    truncated = gradients(layer)
    layer.reset_state()
    layer.h = Variable(h)
    if c is not None:
        layer.c = Variable(c)
    layer.cleargrads()
    (layer(x[3:]) ** 2).sum().backward()
    assert_same(truncated, gradients(layer), rtol=1e-10, atol=1e-12)


def weight_changes() -> dict[str, Callable[[Any, str], None]]:
    def assign(layer: Any, name: str) -> None:
        weights = getattr(layer, name).W
        weights.data = weights.data * 2

    def in_place(layer: Any, name: str) -> None:
        getattr(layer, name).W.data *= 2

    def other_layer(layer: Any, name: str) -> None:
        setattr(layer, name, Linear(4, in_size=3, dtype=np.float64))

    def inside_and_cut(layer: Any, name: str) -> None:
        getattr(layer, name).W.data[0] = 7
        layer.h.unchain_backward()

    return {f.__name__: f for f in (assign, in_place, other_layer, inside_and_cut)}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("change", weight_changes())
@pytest.mark.parametrize("recorded", [True, False])
def test_changed_weights_are_seen_at_the_next_step(kind: Any, change: str, recorded: bool) -> None:
    x = random(2, 3)
    layer, fresh = kind(4, 3, dtype=np.float64), kind(4, 3, dtype=np.float64)
    with using_config("enable_backprop", recorded):
        layer(x)
    if change == "inside_and_cut" and not recorded:
        layer.reset_state()
        layer.h = Variable(np.zeros((2, 4)))
        if kind is LSTM:
            layer.c = Variable(np.zeros((2, 4)))
    weight_changes()[change](layer, {RNN: "x2h", LSTM: "x2u", GRU: "x2n"}[kind])
    fresh.load_state_dict(layer.state_dict())
    fresh.h = layer.h
    if kind is LSTM:
        fresh.c = layer.c
    np.testing.assert_array_equal(layer(x).data, fresh(x).data)


def test_frozen_and_thawed_parameters_in_the_middle_of_a_sequence() -> None:
    layer = LSTM(4, 3)
    x = random(2, 3).astype(np.float32)
    layer(x)
    layer.x2f.freeze()
    layer.reset_state()
    layer(x)
    (layer(x) ** 2).sum().backward()
    assert layer.x2f.W.grad is None
    assert layer.x2i.W.grad is not None
    layer.unfreeze()
    (layer(x) ** 2).sum().backward()
    assert layer.x2f.W.grad is not None


def test_without_recording_nothing_is_kept_for_gradients() -> None:
    layer = LSTM(4, 3)
    x = random(2, 3).astype(np.float32)
    for _ in range(2):
        with no_grad():
            layer(x)
        assert layer.h is not None and not layer.h.requires_grad
    (layer(x) ** 2).sum().backward()
    assert layer.h2f.W.grad is not None


@pytest.mark.parametrize("kind", KINDS)
def test_copies_are_on_their_own(kind: Any) -> None:
    layer = kind(4, 3)
    x = random(2, 3).astype(np.float32)
    layer(x)
    for other in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        for p in other.params():
            p.data = p.data * 0
        assert np.abs(layer(x).data).max() > 0
        other.reset_state()
        assert np.abs(other(x).data).max() == 0


@pytest.mark.parametrize("kind", KINDS)
def test_float32_stays_and_float64_inputs_are_taken(kind: Any) -> None:
    layer = kind(4)
    x = random(5, 2, 3)
    assert layer(x.astype(np.float32)).dtype == np.float32
    layer.reset_state()
    (layer(x) ** 2).sum().backward()
    assert layer.h.dtype == np.float64
    assert all(p.grad is not None and p.grad.dtype == np.float32 for p in layer.params())


@pytest.mark.parametrize("kind", KINDS)
def test_layers_run_on_a_device(kind: Any) -> None:
    layer = kind(4, 3, dtype=np.float64)
    x = random(5, 2, 3)
    expected = layer(x).data
    layer.reset_state()
    with fake_device() as device:
        for p in layer.params():
            p.data = device.asarray(p.data)
        on_device = device.asarray(x)
        hs = layer(on_device)
        np.testing.assert_allclose(device.to_numpy(hs.data), expected, rtol=1e-12)
        layer.reset_state()
        for t in range(5):
            y = layer(on_device[t])
        (y**2).sum().backward()
        np.testing.assert_allclose(device.to_numpy(y.data), expected[-1], rtol=1e-12)


# --- larger networks -----------------------------------------------------------------------------


@pytest.mark.parametrize("whole", [True, False])
def test_outputs_and_gradients_are_blocks_of_memory(whole: bool) -> None:
    layer, x = LSTM(5, 3), np.ones((4, 6, 3), np.float32)
    for _ in range(2):  # with a state of the layer's own, too
        hs: Any = [layer(x)] if whole else [layer(step) for step in x]
    sum((h * h).sum() for h in hs).backward()
    assert layer.h is not None
    arrays = [
        layer.h.data,
        hs[0].data,
        *[p.grad.data for p in layer.params() if p.grad is not None],
    ]
    assert len(arrays) == 14
    assert all(array.flags.c_contiguous for array in arrays)


def test_stacks_are_sequential_models() -> None:
    model = Sequential(LSTM(6), GRU(5), Linear(2))
    x = random(7, 4, 3).astype(np.float32)
    whole = model(x).data
    reset_states(model)
    steps = [model(x[t]).data for t in range(7)]
    np.testing.assert_allclose(np.stack(steps), whole, rtol=1e-5, atol=1e-6)
    reset_states(model)
    assert model[0].h is None and model[0].c is None and model[1].h is None


def test_bidirectional_outputs_have_seen_all_steps() -> None:
    layer = Bidirectional(GRU(4, dtype=np.float64), GRU(4, dtype=np.float64))
    x = random(5, 2, 3)
    y = layer(x).data
    alone = GRU(4, 3, dtype=np.float64)
    alone.load_state_dict(layer.backwards.state_dict())
    np.testing.assert_array_equal(y[:, :, 4:], alone(x[::-1].copy()).data[::-1])
    changed = x.copy()
    changed[4] += 1
    assert not np.allclose(layer(changed).data[0], y[0])
    np.testing.assert_array_equal(layer(changed).data[:4, :, :4], y[:4, :, :4])


def test_a_decoder_starts_from_the_state_of_an_encoder() -> None:
    encoder, decoder = LSTM(4, dtype=np.float64), LSTM(4, dtype=np.float64)
    x = random(5, 2, 3)
    encoder(x)
    decoder.h, decoder.c = encoder.h, encoder.c
    (decoder(x) ** 2).sum().backward()
    assert set(gradients(encoder)) == set(gradients(decoder))


def test_long_sequences_need_no_recursion() -> None:
    layer = RNN(2, 1)
    for _ in range(3000):
        y = layer(np.ones((1, 1), np.float32))
    y.backward()
    assert layer.x2h.W.grad is not None


# --- PyTorch's numbers ---------------------------------------------------------------------------


def stacked(weights: Any, order: str, ours: str) -> Any:
    """Return PyTorch's (G H, I) as our (G, I, H), the gates in our order."""
    blocks = np.split(weights.detach().numpy(), len(order))
    return np.stack([blocks[order.index(gate)].T for gate in ours])


@pytest.mark.parametrize("in_size", [1, 3])
@pytest.mark.parametrize("kind", ["tanh", "relu", "lstm", "gru"])
def test_values_and_gradients_are_those_of_torch(kind: str, in_size: int) -> None:
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    T, N, H = 6, 4, 5
    x = torch.randn(T, N, in_size, dtype=torch.float64, requires_grad=True)
    states = [torch.randn(1, N, H, dtype=torch.float64, requires_grad=True) for _ in range(2)]
    make, order, ours = {
        "tanh": (torch.nn.RNN, "h", "h"),
        "relu": (torch.nn.RNN, "h", "h"),
        "lstm": (torch.nn.LSTM, "ifuo", "fiou"),
        "gru": (torch.nn.GRU, "rzn", "rzn"),
    }[kind]
    settings = {"nonlinearity": kind} if make is torch.nn.RNN else {}
    net = make(in_size, H, dtype=torch.float64, **settings)
    ys, last = net(x, tuple(states) if kind == "lstm" else states[0])
    lasts = list(last) if kind == "lstm" else [last]
    seeds = [torch.randn_like(y) for y in (ys, *lasts)]
    torch.autograd.backward([ys, *lasts], seeds)

    def both(name: str) -> tuple[Any, Any]:
        p = getattr(net, name + "_l0")
        return stacked(p, order, ours), stacked(p.grad, order, ours)

    (Wx, gWx), (Wh, gWh) = both("weight_ih"), both("weight_hh")
    (b, gb), (b_hh, gb_hh) = [both(name) for name in ("bias_ih", "bias_hh")]
    operands: dict[str, tuple[Any, Any]] = {"x": (x.detach().numpy(), x.grad.numpy())}
    if kind == "gru":
        bias = b + np.concatenate([b_hh[:2], b_hh[2:] * 0])
        operands |= {"Wx": (Wx, gWx), "Wh": (Wh, gWh), "b": (bias, gb), "bh": (b_hh[2], gb_hh[2])}
    elif kind == "lstm":
        operands |= {"Wx": (Wx, gWx), "Wh": (Wh, gWh), "b": (b + b_hh, gb)}
    else:
        operands |= {"Wx": (Wx[0], gWx[0]), "Wh": (Wh[0], gWh[0]), "b": ((b + b_hh)[0], gb[0])}
    for name, state in zip("hc" if kind == "lstm" else "h", states, strict=False):
        operands[name] = (state.detach().numpy()[0], state.grad.numpy()[0])

    variables = {name: Variable(np.array(value)) for name, (value, _) in operands.items()}
    function = getattr(F, kind) if kind in ("lstm", "gru") else F.rnn
    more = {} if kind in ("lstm", "gru") else {"activation": kind}
    results = function(*variables.values(), **more)
    for ours_y, theirs in zip(results, (ys, *[y[0] for y in lasts]), strict=True):
        np.testing.assert_allclose(ours_y.data, theirs.detach().numpy(), rtol=1e-10, atol=1e-12)
    pairs = zip(results, (seeds[0], *[s[0] for s in seeds[1:]]), strict=True)
    total: Any = sum((y * seed.numpy()).sum() for y, seed in pairs)
    total.backward()
    for name, variable in variables.items():
        assert variable.grad is not None
        np.testing.assert_allclose(
            variable.grad.data, operands[name][1], rtol=1e-9, atol=1e-11, err_msg=name
        )


# --- saturation ----------------------------------------------------------------------------------


def test_saturated_gates_are_quiet_and_finite() -> None:
    x = Variable(np.array([[[1e30]], [[-1e30]], [[1e4]]], np.float32))
    for function, gates in ((F.lstm, 4), (F.gru, 3)):
        Wx, Wh = Variable(np.ones((gates, 1, 2), np.float32)), np.ones((gates, 2, 2), np.float32)
        hs, *_ = function(x, Wx, Wh)
        hs.backward()
        assert np.isfinite(hs.data).all()
        assert Wx.grad is not None and np.isfinite(Wx.grad.data).all()


# --- bad input -----------------------------------------------------------------------------------


def expect(message: str) -> Any:
    return pytest.raises(ValueError, match=re.escape(message))


def test_shapes_that_do_not_fit_are_named() -> None:
    x, Wx, Wh = np.ones((5, 2, 3)), np.ones((4, 3, 6)), np.ones((4, 6, 6))
    with expect("lstm: x has the shape (T, N, in_size), not float64[2, 3]"):
        F.lstm(x[0], Wx, Wh)
    with expect("lstm_cell: x has the shape (N, in_size), not float64[5, 2, 3]"):
        F.lstm_cell(x, Wx, Wh)
    with expect("lstm: Wx has the shape (4, in_size, hidden_size), not float64[3, 3, 6]"):
        F.lstm(x, Wx[:3], Wh)
    with expect("lstm: beside 6 hidden units in Wx, Wh has the shape [4, 6, 6]"):
        F.lstm(x, Wx, Wx)
    with expect("lstm: beside 6 hidden units in Wx, b has the shape [4, 6], not float64[24]"):
        F.lstm(x, Wx, Wh, np.ones(24))
    with expect("lstm: x has 2 features, the weights take 3"):
        F.lstm(x[:, :, :2], Wx, Wh)
    with expect("lstm: h has the shape (N, hidden_size), here [2, 6], not float64[1, 6]"):
        F.lstm(x, Wx, Wh, None, np.ones((1, 6)))
    with expect("x has no steps"):
        F.lstm(x[:0], Wx, Wh)
    with expect("gru: Wx has the shape (3, in_size, hidden_size)"):
        F.gru(x, Wx, Wh)
    with expect("gru: bh has the shape [6]"):
        F.gru(x, Wx[:3], Wh[:3], None, np.ones(3))
    with expect("rnn: x has 3 features, Wx takes 6"):
        F.rnn(x, Wh[0], Wh[0])
    with expect("activation is 'tanh' or 'relu', not 'sine'"):
        F.rnn(x, Wx[0], Wh[0], activation="sine")  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", KINDS)
def test_layers_name_what_does_not_fit(kind: Any) -> None:
    layer = kind(4, 3)
    name = kind.__name__
    with expect(f"{name}: the input is one step, of shape (N, in_size), or a whole sequence"):
        layer(np.ones(3))
    layer(np.ones((2, 3)))
    with expect(f"{name}: the state is that of 2 sequences, the input is float64[5, 3]"):
        layer(np.ones((5, 3)))
    layer.reset_state()
    assert layer(np.ones((5, 3))).shape == (5, 4)
    layer.reset_state()
    with pytest.raises(ValueError, match="x has 2 features"):
        layer(np.ones((5, 2)))
    with pytest.raises((TypeError, ValueError)):
        kind(0)


def test_bidirectional_takes_two_recurrent_layers_and_whole_sequences() -> None:
    with pytest.raises(TypeError, match="is no recurrent layer"):
        Bidirectional(Linear(3), GRU(3))  # type: ignore[arg-type]
    layer = GRU(3)
    with pytest.raises(ValueError, match="a layer of its own"):
        Bidirectional(layer, layer)
    with expect("Bidirectional: the input is a whole sequence"):
        Bidirectional(layer, GRU(3))(np.ones((2, 3)))


def test_reset_states_reaches_layers_in_lists() -> None:
    model = LayerList([LSTM(3), Linear(2)])
    model[0](np.ones((2, 3)))
    reset_states(model)
    assert model[0].h is None
