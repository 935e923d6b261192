"""Training steps of an LSTM on waves: step by step, and over whole sequences."""

from __future__ import annotations

from itertools import cycle
from typing import Any

from harness.workload import Call, Comparison

__all__ = ["LSTM_SEQUENCE", "LSTM_STEPS"]

_STEPS, _BATCH, _HIDDEN, _LR = 29, 30, 100, 0.001
_GATES = "fiou"


class LSTMTraining(Comparison):
    """A step of training LSTM(100) and Linear(1) to continue 30 waves over 29 steps, with Adam.

    Args:
        name: As `Comparison`, and so are `title` and `reach`.
        title: See above.
        reach: See above.
        whole: Whether a sequence goes through the layer in one call, or step by step.
    """

    # PyTorch adds Adam's epsilon after the bias correction, the book before it.
    tolerance = 1e-2

    def __init__(self, name: str, title: str, *, reach: float, whole: bool) -> None:
        self.name = name
        self.title = title
        self.reach = reach
        self._whole = whole

    def ours(self) -> Call:
        import dezero_nn.functions as F
        from dezero_nn import Linear
        from dezero_nn.layers import LSTM, LayerList
        from dezero_optim import Adam

        lstm, linear = LSTM(_HIDDEN, 1), Linear(1, in_size=_HIDDEN)
        _set(lstm, linear)
        model = LayerList([lstm, linear])
        optimizer = Adam(_LR).setup(model)
        batches = cycle(_waves())

        def call() -> tuple[object, ...]:
            x, t = next(batches)
            lstm.reset_state()
            if self._whole:
                y = linear(lstm(x))
                loss = F.mean_squared_error(y.reshape(-1, 1), t.reshape(-1, 1))
            else:
                loss = _mean(
                    [F.mean_squared_error(linear(lstm(x[i])), t[i]) for i in range(len(x))]
                )
            model.cleargrads()
            loss.backward()
            optimizer.update()
            return (loss,)

        return call

    def torch(self) -> Call:
        import torch
        from torch import nn
        from torch.nn import functional as F

        weights = _weights()
        lstm: Any = nn.LSTM(1, _HIDDEN) if self._whole else nn.LSTMCell(1, _HIDDEN)
        suffix = "_l0" if self._whole else ""
        linear = nn.Linear(_HIDDEN, 1)
        with torch.no_grad():
            for kind in ("x2", "h2"):
                parts = [torch.from_numpy(weights[kind + gate].T) for gate in "ifuo"]
                name = "weight_ih" if kind == "x2" else "weight_hh"
                getattr(lstm, name + suffix).copy_(torch.cat(parts))
            linear.weight.copy_(torch.from_numpy(weights["linear"].T))
            for bias in ("bias_ih", "bias_hh"):
                getattr(lstm, bias + suffix).zero_()
            linear.bias.zero_()
        # It has two biases where one would do; with both, it would learn twice as fast.
        getattr(lstm, "bias_hh" + suffix).requires_grad_(False)
        parameters = [p for p in (*lstm.parameters(), *linear.parameters()) if p.requires_grad]
        optimizer = torch.optim.Adam(parameters, lr=_LR)
        batches = cycle([(torch.from_numpy(x), torch.from_numpy(t)) for x, t in _waves()])

        def call() -> tuple[object, ...]:
            x, t = next(batches)
            if self._whole:
                loss = F.mse_loss(linear(lstm(x)[0]), t)
            else:
                state, losses = None, []
                for x_i, t_i in zip(x, t, strict=True):
                    state = lstm(x_i, state)
                    losses.append(F.mse_loss(linear(state[0]), t_i))
                loss = _mean(losses)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            return (loss.detach(),)

        return call

    def released(self) -> Call:
        import dezero.functions as F
        from dezero.layers import LSTM, Linear
        from dezero.models import Model
        from dezero.optimizers import Adam

        model = Model()
        model.lstm, model.linear = lstm, linear = LSTM(_HIDDEN, 1), Linear(1, in_size=_HIDDEN)
        _set(lstm, linear)
        optimizer = Adam(_LR).setup(model)
        batches = cycle(_waves())

        def call() -> tuple[object, ...]:
            x, t = next(batches)
            lstm.reset_state()
            loss = _mean([F.mean_squared_error(linear(lstm(x[i])), t[i]) for i in range(len(x))])
            model.cleargrads()
            loss.backward()
            optimizer.update()
            return (loss.data,)

        return call


def _waves() -> list[tuple[Any, Any]]:
    """Return 10 batches of sines of random phases and, as targets, their next values."""
    import numpy as np

    phases = np.random.default_rng(0).uniform(0, 2 * np.pi, (10, 1, _BATCH, 1))
    steps = np.arange(_STEPS + 1).reshape(1, -1, 1, 1)
    waves = np.sin(phases + 0.25 * steps).astype(np.float32)
    return list(zip(waves[:, :-1], waves[:, 1:], strict=True))


def _weights() -> dict[str, Any]:
    import numpy as np

    rng = np.random.default_rng(1)

    def draw(n_in: int, n_out: int) -> Any:
        return (rng.standard_normal((n_in, n_out)) * np.sqrt(1 / n_in)).astype(np.float32)

    weights = {"x2" + gate: draw(1, _HIDDEN) for gate in _GATES}
    weights |= {"h2" + gate: draw(_HIDDEN, _HIDDEN) for gate in _GATES}
    return weights | {"linear": draw(_HIDDEN, 1)}


def _set(lstm: Any, linear: Any) -> None:
    """Give the layers of either DeZero these weights."""
    for name, array in _weights().items():
        (linear if name == "linear" else getattr(lstm, name)).W.data = array


def _mean(losses: list[Any]) -> Any:
    total = losses[0]
    for loss in losses[1:]:
        total = total + loss
    return total / len(losses)


LSTM_STEPS = LSTMTraining(
    "lstm-steps",
    "LSTM(100) step by step, 29 steps, Adam, batch 30",
    reach=0.5,
    whole=False,
)

LSTM_SEQUENCE = LSTMTraining(
    "lstm-sequence",
    "LSTM(100) over sequences, 29 steps, Adam, batch 30",
    reach=1.5,
    whole=True,
)
