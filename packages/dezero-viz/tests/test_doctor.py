"""Each check of the doctor sees a model that is sick in that way; a healthy one gets no finding."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from dezero_core import Parameter, Variable, no_grad, primitive, test_mode
from dezero_core import functions as F
from dezero_core.details import layer_call
from dezero_core.testing import fake_device
from dezero_viz import Diagnosis, Finding, diagnose

N, D, C = 32, 20, 5


# --- a small library of layers, since this package knows none ------------------------------------


@primitive
def relu(xp: Any, x: Any) -> Any:
    return xp.maximum(x, 0)


@primitive
def sigmoid(xp: Any, x: Any) -> Any:
    return 1 / (1 + xp.exp(-x))


@primitive
def softmax(xp: Any, x: Any) -> Any:
    y = xp.exp(x - x.max(axis=1, keepdims=True))
    return y / y.sum(axis=1, keepdims=True)


@primitive
def log_softmax(xp: Any, x: Any) -> Any:
    y = x - x.max(axis=1, keepdims=True)
    return y - xp.log(xp.exp(y).sum(axis=1, keepdims=True))


relu.defvjp(lambda xp, gy, y: gy * (y > 0))
sigmoid.defvjp(lambda xp, gy, y: gy * y * (1 - y))
softmax.defvjp(lambda xp, gy, y: y * gy - y * (y * gy).sum(axis=1, keepdims=True))
log_softmax.defvjp(lambda xp, gy, y: gy - xp.exp(y) * gy.sum(axis=1, keepdims=True))


class Net:
    """Fully connected layers: the parameters l0/W, l0/b, l1/W, ..."""

    def __init__(
        self,
        sizes: tuple[int, ...] = (D, 64, C),
        activation: Callable[[Any], Variable] = relu,
        scale: float = 1.0,
        last: Callable[[Any], Variable] | None = None,
    ) -> None:
        rng = np.random.default_rng(0)
        self.activation, self.last = activation, last
        self.layers = [
            (
                Parameter(rng.normal(0, scale / n**0.5, (n, m)).astype(np.float32)),
                Parameter(np.zeros(m, np.float32)),
            )
            for n, m in itertools.pairwise(sizes)
        ]

    def namedparams(self) -> Iterator[tuple[str, Parameter]]:
        for i, (W, b) in enumerate(self.layers):
            yield f"l{i}/W", W
            yield f"l{i}/b", b

    def params(self) -> Iterator[Parameter]:
        return (parameter for _, parameter in self.namedparams())

    def __call__(self, x: Any) -> Variable:
        for i, (W, b) in enumerate(self.layers):
            x = x @ W + b
            if i < len(self.layers) - 1:
                x = self.activation(x)
        return x if self.last is None else self.last(x)


def cross_entropy(y: Variable, t: Any) -> Variable:
    return -log_softmax(y)[np.arange(len(t)), t].mean()


def squared_error(y: Variable, t: Any) -> Variable:
    return ((y - t) ** 2).mean()


@pytest.fixture
def batch() -> tuple[Any, Any]:
    rng = np.random.default_rng(1)
    return rng.normal(size=(N, D)).astype(np.float32), rng.integers(0, C, N)


def examined(model: Any, loss: Any, batch: Any, **options: Any) -> Diagnosis:
    return diagnose(model, loss, batch, show=False, **{"steps": 0, **options})


def only(report: Diagnosis) -> Finding:
    assert len(report.findings) == 1, str(report)
    return report.findings[0]


def finding(report: Diagnosis, check: str) -> Finding:
    found = [f for f in report.findings if f.check == check]
    assert len(found) == 1, str(report)
    return found[0]


# --- the healthy ---------------------------------------------------------------------------------


@pytest.mark.parametrize("lr", [0.5, 1e-3])
@pytest.mark.parametrize("activation", [relu, sigmoid, F.tanh], ids=["relu", "sigmoid", "tanh"])
def test_a_healthy_classifier(activation: Any, lr: float, batch: Any) -> None:
    report = examined(Net(activation=activation), cross_entropy, batch, lr=lr, steps=100)
    assert report.findings == (), str(report)
    assert report.ok
    assert report.facts["loss"].endswith("guessing gives ln 5 = 1.609")
    assert set(report.facts) == {
        *("input", "target", "output", "loss", "gradient norm", "update / weight"),
        "learning the batch by heart",
    }


def test_a_healthy_regression_and_pixels_from_0_to_1() -> None:
    rng = np.random.default_rng(2)
    x = rng.random((N, D)).astype(np.float32)
    t = np.sin(x.sum(axis=1, keepdims=True))
    assert examined(Net((D, 100, 1)), squared_error, (x, t), steps=100).ok


def test_a_linear_model_need_not_learn_noise_by_heart() -> None:
    rng = np.random.default_rng(3)
    report = examined(
        Net((2, 1)), squared_error, (rng.normal(size=(N, 2)), rng.normal(size=(N, 1))), steps=100
    )
    assert report.ok
    reason = "not tried: 3 weights are few for 32 targets"
    assert report.facts["learning the batch by heart"] == reason


def test_what_is_frozen_or_begins_at_zero_is_no_fault(batch: Any) -> None:
    model = Net((D, 64, 32, C))
    model.layers[0][0].requires_grad = False
    model.layers[2][0].data[...] = 0  # so that nothing before it has a gradient at first
    assert examined(model, cross_entropy, batch, steps=100, lr=0.1).ok


def test_labels_that_the_loss_ignores_are_no_fault(batch: Any) -> None:
    def loss(y: Variable, t: Any) -> Variable:
        counts = (t != -1).astype(np.float32)
        losses = -log_softmax(y)[np.arange(len(t)), np.where(t == -1, 0, t)]
        return (losses * counts).sum() / counts.sum()

    x, t = batch
    t[::4] = -1
    assert examined(Net(), loss, (x, t)).ok


def test_a_model_on_a_device(batch: Any) -> None:
    with fake_device() as device:
        model = Net()
        for p in model.params():
            p.data = device.asarray(p.data)
        x, t = (device.asarray(array) for array in batch)

        def loss(y: Variable, t: Any) -> Variable:
            return -(log_softmax(y) * device.asarray(np.eye(C, dtype=np.float32))[t]).sum() / N

        healthy = examined(model, loss, (x, t), steps=100, lr=0.1)
        model.layers[0][1].data -= 100
        sick = examined(model, loss, (x, t))
    assert healthy.findings == (), str(healthy)
    assert finding(sick, "dead units").severity == "error"


# --- nothing changes -----------------------------------------------------------------------------


def test_model_gradients_and_random_states_stay_as_they_were(batch: Any) -> None:
    class Noisy(Net):
        calls = 0

        def __call__(self, x: Any) -> Variable:
            self.calls += 1
            noise = np.random.normal(size=x.shape) * random.random()
            return super().__call__(x + noise.astype(np.float32))

    class Optimizer:
        lr = 0.1
        t = 3

        def setup(self, target: Any) -> None:
            self.target = target

        def update(self) -> None:
            self.t += 1
            for p in self.target.params():
                p.data = p.data - self.lr * p.grad.data

    model, optimizer = Noisy(), Optimizer()
    optimizer.setup(model)
    cross_entropy(model(batch[0]), batch[1]).backward()
    before = [(p.data, p.data.copy(), p.grad, p.grad.data.copy()) for p in model.params()]
    np.random.seed(5)
    random.seed(5)
    x = Variable(batch[0])

    def loss(y: Variable, t: Any) -> Variable:
        return cross_entropy(y, t) + 1e-4 * sum((p**2).sum() for p in model.params())

    with no_grad(), test_mode():
        report = examined(model, loss, (x, batch[1]), optimizer=optimizer, steps=20)
    assert report.facts["gradient norm"] != "0"
    assert "update / weight" in report.facts
    for p, (data, values, grad, gradient) in zip(model.params(), before, strict=True):
        assert p.data is data and p.grad is grad
        np.testing.assert_array_equal(p.data, values)
        np.testing.assert_array_equal(p.grad.data, gradient)
    assert x.grad is None
    assert model.calls == 1 and optimizer.t == 3 and optimizer.target is model
    drawn = np.random.random(), random.random()
    np.random.seed(5)
    random.seed(5)
    assert drawn == (np.random.random(), random.random())


def test_random_states_are_restored_after_an_error_too(batch: Any) -> None:
    def model_fails(x: Any) -> Variable:
        np.random.random()
        raise KeyboardInterrupt

    np.random.seed(5)
    model = Net(last=model_fails)
    with pytest.raises(KeyboardInterrupt):
        examined(model, cross_entropy, batch)
    drawn = np.random.random()
    np.random.seed(5)
    assert drawn == np.random.random()


# --- the batch -----------------------------------------------------------------------------------


@pytest.mark.parametrize("factor", [255.0, 1e-4])
def test_inputs_that_are_not_normalized(batch: Any, factor: float) -> None:
    found = finding(examined(Net(), cross_entropy, (batch[0] * factor, batch[1])), "inputs")
    assert (found.severity, found.what) == ("warning", "the inputs are not normalized")
    assert found.where == "the input" and "spread" in found.evidence


def test_pixels_of_bytes() -> None:
    x = np.random.default_rng(0).integers(0, 256, (N, D), np.uint8)
    found = finding(examined(Net(), cross_entropy, (x, np.arange(N) % C)), "inputs")
    assert found.what == "the inputs are not normalized"
    assert "divide by 255" in found.advice


def test_a_feature_that_is_far_larger(batch: Any) -> None:
    x, t = batch
    x *= 0.01
    x[:, 7] *= 300
    found = only(examined(Net(scale=0.5), cross_entropy, (x, t)))
    assert found.what == "one feature of the inputs is far larger than the others"
    assert found.where == "the input, column 7"


def test_inputs_that_are_all_the_same(batch: Any) -> None:
    x, t = batch
    x[:] = x[0]
    found = finding(examined(Net(), cross_entropy, (x, t)), "inputs")
    assert found.what == "all examples of the batch are the same"


def test_inputs_that_are_not_finite(batch: Any) -> None:
    x, t = batch
    x[3, 4] = np.nan
    report = examined(Net(), cross_entropy, (x, t))
    assert finding(report, "inputs").evidence.endswith("the first at [3, 4]")
    assert report.findings[0].severity == "error"


def test_labels_that_are_out_of_range(batch: Any) -> None:
    x, t = batch
    t[:] = np.arange(N) % C + 1
    found = only(examined(Net(), cross_entropy, (x, t)))
    assert (found.check, found.severity) == ("labels", "error")
    assert found.evidence == "6 of 32, such as 5 at [4]; for 5 classes they go from 0 to 4"
    assert found.advice == "They seem to be counted from 1: subtract 1."


def test_labels_that_wrap_around_without_an_error(batch: Any) -> None:
    x, t = batch
    t[9] = -2
    found = only(examined(Net(), cross_entropy, (x, t)))
    assert found.evidence.startswith("1 of 32, such as -2 at [9]")


def test_labels_that_are_no_integers_and_one_hot_rows(batch: Any) -> None:
    x, t = batch
    found = only(examined(Net(), cross_entropy, (x, t.astype(float))))
    assert found.what == "the loss raises an error"
    assert found.advice == "Labels are integers: t.astype(int)."

    def strict(y: Variable, t: Any) -> Variable:
        if t.ndim != 1:
            raise ValueError("labels have the shape (N,)")
        return cross_entropy(y, t)

    found = only(examined(Net(), strict, (x, np.eye(C, dtype=int)[t])))
    assert "argmax" in found.advice and found.evidence.startswith("ValueError: labels have")


def test_labels_that_are_all_the_same(batch: Any) -> None:
    found = only(examined(Net(), cross_entropy, (batch[0], np.full(N, 3))))
    assert (found.severity, found.evidence) == ("warning", "32 times 3")


def test_targets_that_are_not_finite(batch: Any) -> None:
    t = np.zeros((N, 1))
    t[2] = np.inf
    report = examined(Net((D, 9, 1)), squared_error, (batch[0], t))
    assert finding(report, "labels").evidence == "1 of 32 values"


def test_predictions_in_a_column_against_targets_in_a_row(batch: Any) -> None:
    t = np.random.default_rng(0).normal(size=N)
    found = only(examined(Net((D, 9, 1)), squared_error, (batch[0], t)))
    assert (found.check, found.severity) == ("shapes", "error")
    assert found.evidence == "predictions (32, 1) and targets (32,) are broadcast to (32, 32)"
    assert found.advice == "Give both one shape: t.reshape(32, 1)."

    def strict(y: Variable, t: Any) -> Variable:
        raise ValueError("the shapes differ")

    found = only(examined(Net((D, 9, 1)), strict, (batch[0], t)))
    assert found.evidence.endswith("which the loss refuses")


# --- the loss ------------------------------------------------------------------------------------


def test_a_first_loss_far_above_ln_c(batch: Any) -> None:
    found = finding(examined(Net(scale=9.0), cross_entropy, batch), "initial loss")
    assert (found.severity, found.what) == (
        "warning",
        "the loss is far above that of guessing",
    )
    assert "ln 5 = 1.609" in found.evidence


def test_a_model_that_knows_too_much(batch: Any) -> None:
    x, t = batch
    x[:, :C] = 20 * np.eye(C)[t]
    model = Net((D, C))
    model.layers[0][0].data[:C] = np.eye(C)
    found = finding(examined(model, cross_entropy, (x, t)), "initial loss")
    assert (found.severity, found.what) == ("note", "the loss is far below that of guessing")


def test_a_loss_that_is_a_sum(batch: Any) -> None:
    @primitive
    def softmax_cross_entropy(xp: Any, x: Any, t: Any) -> Any:
        y = x - x.max(axis=1, keepdims=True)
        return xp.log(xp.exp(y).sum(axis=1)) - y[xp.arange(len(t)), t]

    softmax_cross_entropy.defvjp(
        lambda xp, gy, x, t: (softmax.on(xp, x) - np.eye(C)[t]) * gy.reshape(-1, 1), None
    )
    found = only(examined(Net(), lambda y, t: softmax_cross_entropy(y, t).sum(), batch))
    assert (found.severity, found.what) == ("note", "the loss is a sum over the batch")
    assert examined(Net(), lambda y, t: softmax_cross_entropy(y, t).mean(), batch).ok


@pytest.mark.parametrize(
    "last",
    [softmax, lambda x: softmax(x).reshape(-1, C), lambda x: F.exp(x) / F.exp(x).sum(1, True)],
    ids=["softmax", "seen through a reshape", "by its values"],
)
def test_softmax_applied_twice(batch: Any, last: Any) -> None:
    found = only(examined(Net(last=last), cross_entropy, batch))
    assert (found.check, found.severity) == ("softmax twice", "error")
    assert "was given probabilities" in found.evidence
    assert found.where.startswith(("softmax after l1", "the model's output"))


def test_a_softmax_inside_the_model_is_no_fault(batch: Any) -> None:
    class Attentive(Net):
        def __call__(self, x: Any) -> Variable:
            return super().__call__(x * (1 + softmax(x @ self.layers[0][0])[:, :1]))

    assert examined(Attentive(), cross_entropy, batch).ok


# --- the network ---------------------------------------------------------------------------------


def test_a_result_that_is_not_finite(batch: Any) -> None:
    report = examined(Net(last=lambda x: F.log(x - x)), cross_entropy, batch, steps=10)
    found = finding(report, "not finite")
    assert (found.severity, found.what) == ("error", "a result is not finite")
    assert found.where.startswith("log after l1")
    assert found.evidence == "its operands go from 0 to 0"
    reason = "not tried: the loss is no positive number"
    assert report.facts["learning the batch by heart"] == reason


def test_a_gradient_that_is_not_finite(batch: Any) -> None:
    report = examined(Net(last=lambda x: x + F.sqrt(x * 0)), cross_entropy, batch)
    found = finding(report, "not finite")
    assert found.what == "gradients are not finite"
    assert "l0/W, l0/b, l1/W, l1/b" in found.where


def test_a_parameter_that_is_not_finite(batch: Any) -> None:
    model = Net()
    model.layers[1][1].data[0] = np.nan
    found = finding(examined(model, cross_entropy, batch), "not finite")
    assert (found.what, found.where) == ("parameters are not finite", "l1/b")


def test_parameters_that_get_no_gradient(batch: Any) -> None:
    class Cut(Net):
        def activation_of(self, x: Any) -> Any:
            return x

        def __call__(self, x: Any) -> Variable:
            (W0, b0), (W1, b1) = self.layers
            return relu(x @ W0 + b0).detach() @ W1 + b1

    found = only(examined(Cut(), cross_entropy, batch))
    assert (found.severity, found.where) == ("warning", "l0/W, l0/b")
    assert found.evidence == "2 of 4 parameters have no part in the loss"


def test_no_parameter_gets_a_gradient(batch: Any) -> None:
    found = only(examined(Net(last=lambda x: x.detach()), cross_entropy, batch, steps=5))
    assert (found.severity, found.what) == ("error", "no parameter gets a gradient")


def test_a_model_without_parameters(batch: Any) -> None:
    found = only(examined(Net((D,)), lambda y, t: F.mean(y), batch))
    assert found.what == "the model has no parameters"


def test_gradients_that_stay_zero(batch: Any) -> None:
    model = Net((D, 64, 64, C))
    for i in (1, 2):
        model.layers[i][0].data[...] = 0  # neither gets a gradient through the other
    report = examined(model, cross_entropy, batch, steps=10)
    found = finding(report, "no gradient")
    assert found.what == "the gradients of parameters are all zero"
    assert found.where == "l0/W, l0/b, l1/W, l1/b and 1 more"


@pytest.mark.parametrize(("share", "severity"), [(0.7, "warning"), (1.0, "error")])
def test_dead_units(batch: Any, share: float, severity: str) -> None:
    model = Net((D, 100, C))
    model.layers[0][1].data[: int(100 * share)] = -100
    found = finding(examined(model, cross_entropy, batch), "dead units")
    assert found.severity == severity
    assert found.what == f"{share:.0%} of the units are dead"
    assert found.where.startswith("relu after l0")
    assert found.evidence.startswith(f"{int(100 * share)} of 100 units")


def test_dead_units_of_a_relu_that_is_a_maximum(batch: Any) -> None:
    model = Net(activation=lambda x: F.maximum(x, 0))
    assert examined(model, cross_entropy, batch).ok
    model.layers[0][1].data[...] = -100
    found = finding(examined(model, cross_entropy, batch), "dead units")
    assert found.where.startswith("maximum after l0")


@pytest.mark.parametrize("activation", [sigmoid, F.tanh], ids=["sigmoid", "tanh"])
def test_saturated_units(batch: Any, activation: Any) -> None:
    report = examined(Net((D, 64, 8, C), activation, scale=12.0), cross_entropy, batch)
    places = {f.where.partition(" (")[0] for f in report.findings if f.check == "saturation"}
    name = "sigmoid" if activation is sigmoid else "tanh"
    assert places == {f"{name} after l0", f"{name} after l1"}


def test_an_answer_may_be_sure(batch: Any) -> None:
    model = Net((D, 16, 1), F.tanh, last=lambda x: sigmoid(x * 1000))
    t = (batch[1] % 2).reshape(N, 1)
    checks = {f.check for f in examined(model, squared_error, (batch[0], t)).findings}
    assert "saturation" not in checks


def test_gradients_that_vanish(batch: Any) -> None:
    model = Net((D, *[20] * 10, C), sigmoid)
    found = only(examined(model, cross_entropy, batch))
    assert found.what == "the gradients vanish on the way back"
    assert found.where == "from l10/W to l0/W"


def test_gradients_that_explode(batch: Any) -> None:
    model = Net((D, *[100] * 6, 1), F.tanh, scale=1.0)
    for W, _ in model.layers[1:]:
        W.data *= 1.5
    model.activation = lambda x: x * 6 - F.sin(x * 5)
    report = examined(model, squared_error, (batch[0], np.zeros((N, 1)) + batch[0][:, :1]))
    found = [f.what for f in report.findings if f.check == "gradient sizes"]
    assert "the gradients are very large" in found


def test_gradients_that_explode_on_the_way_back(batch: Any) -> None:
    model = Net((D, 20, 20, C), lambda x: F.sin(x * 1000))
    report = examined(model, cross_entropy, batch)
    found = [f for f in report.findings if f.what == "the gradients explode on the way back"]
    assert [f.where for f in found] == ["from l2/W to l0/W"]


def test_gradients_that_are_next_to_nothing(batch: Any) -> None:
    report = examined(Net(), lambda y, t: cross_entropy(y, t) * 1e-9, batch)
    assert finding(report, "gradient sizes").what == "the gradients are next to nothing"


def test_updates_beside_the_weights(batch: Any) -> None:
    found = only(examined(Net(), cross_entropy, batch, lr=100.0))
    assert found.what == "updates are too large beside the weights"
    found = only(examined(Net(), cross_entropy, batch, lr=1e-9))
    assert found.what == "updates are too small to matter"


def test_the_first_update_of_an_optimizer_is_tried(batch: Any) -> None:
    class Signs:
        def setup(self, target: Any) -> None:
            self.target = target

        def update(self) -> None:
            for p in self.target.params():
                p.data -= 3.0 * np.sign(p.grad.data)

    found = only(examined(Net(), cross_entropy, batch, optimizer=Signs()))
    assert found.what == "updates are too large beside the weights"

    class Closure(Signs):
        def update(self, closure: Any) -> None: ...  # type: ignore[override]

    report = examined(Net(), cross_entropy, batch, optimizer=Closure())
    assert report.ok and "update / weight" not in report.facts

    class Clipped(Signs):
        def update(self) -> None:
            for p in self.target.params():
                p.grad.data *= 1e-3
            raise FloatingPointError("the gradients are not finite")

    clipped = examined(Net(), cross_entropy, batch, optimizer=Clipped())
    assert "update / weight" not in clipped.facts
    assert clipped.facts["gradient norm"] == report.facts["gradient norm"]

    class Plain:
        lr = 100.0

    assert not examined(Net(), cross_entropy, batch, optimizer=Plain()).ok


def test_a_model_that_cannot_learn_one_batch_by_heart(batch: Any) -> None:
    class Deaf(Net):
        def __call__(self, x: Any) -> Variable:
            noise = np.random.default_rng(0).permutation(len(x))
            return super().__call__(np.ones_like(x)) + 0 * x[noise][:, :C]

    found = only(examined(Deaf((D, 400, C)), cross_entropy, batch, steps=40))
    assert found.what == "the model cannot learn one batch by heart"
    assert "in 120 steps of Adam on the same 32 examples" in found.evidence


def test_a_model_that_runs_out_of_time_is_not_judged(batch: Any) -> None:
    report = examined(Net(last=lambda x: x * 1e-3), cross_entropy, batch, steps=10**6, seconds=0.05)
    assert report.ok
    assert report.facts["learning the batch by heart"].endswith("out of time, not decided")


@pytest.mark.parametrize(("seconds", "passes"), [(1e-6, 2), (60.0, 4)])
def test_how_often_a_slow_model_is_called(batch: Any, seconds: float, passes: int) -> None:
    calls = []

    class Counted(Net):
        def __call__(self, x: Any) -> Variable:
            calls.append(len(x))
            return super().__call__(x) * 1e-3

    examined(Counted(), cross_entropy, batch, steps=1, seconds=seconds)
    # One to look, and one after the first update with each step size, as far as there is time.
    assert calls == [32] * passes


def test_gradients_behind_weights_of_zero_are_looked_at_again(batch: Any) -> None:
    model = Net()
    last = list(model.params())[-2]
    last.data = np.zeros_like(last.data)
    assert examined(model, cross_entropy, batch, steps=1, seconds=1e-6).ok
    assert finding(examined(model, cross_entropy, batch, steps=0), "no gradient")


# --- the report ----------------------------------------------------------------------------------


def test_the_report_is_printed(batch: Any, capsys: pytest.CaptureFixture[str]) -> None:
    report = diagnose(Net(last=softmax), cross_entropy, (batch[0] * 255, batch[1]), steps=0)
    text = capsys.readouterr().out
    assert text == f"{report}\n"
    lines = text.splitlines()
    assert lines[0] == "Net on a batch of 32: 1 error, 1 warning"
    assert lines[2] == "✗ error: softmax is applied twice"
    assert lines[3].split() == ["where", "softmax", "after", "l1", *lines[3].split()[4:]]
    assert "    input                        float32[32, 20]" in lines
    assert max(map(len, lines)) <= 96


def test_the_report_in_a_notebook_is_escaped() -> None:
    report = Diagnosis(
        "<Net>", (Finding("c", "note", "a < b", "<l0>", "&", "<b>"),), {"<loss>": "<1>"}
    )
    html = report._repr_html_()
    assert "<Net>" not in html and "&lt;Net&gt;" in html
    assert "a &lt; b" in html and "&lt;l0&gt;" in html and "&lt;loss&gt;" in html
    assert html.count("<details") == html.count("</details>") == 2
    assert html.count("<div") == html.count("</div>")


def test_places_are_named_by_layers_where_those_are_recorded(batch: Any) -> None:
    class Layer:
        def namedlayers(self) -> Iterator[tuple[str, Any]]:
            yield "", self

        def __call__(self, x: Any) -> Variable:
            with layer_call(self):
                return relu(x)

    class Outer(Net):
        def __init__(self) -> None:
            super().__init__()
            self.inner = Layer()
            self.activation = self.inner

        def namedlayers(self) -> Iterator[tuple[str, Any]]:
            yield from (("", self), ("block/act", self.inner))

        def __call__(self, x: Any) -> Variable:
            with layer_call(self):
                return super().__call__(x)

    model = Outer()
    model.layers[0][1].data[...] = -100
    found = finding(examined(model, cross_entropy, batch), "dead units")
    assert found.where.startswith("relu in block/act")


def test_models_without_paths_and_several_inputs() -> None:
    class Sum:
        def __init__(self) -> None:
            self.w = Parameter(np.ones((D, 1)))

        def params(self) -> Iterator[Parameter]:
            yield self.w

        def reset_state(self) -> None:
            self.was_reset = True

        def __call__(self, a: Any, b: Any) -> tuple[Variable, int]:
            assert self.was_reset
            return (a + b) @ self.w.detach(), 1

    x = np.random.default_rng(0).normal(size=(N, D))
    report = examined(Sum(), lambda y, t: ((y[0] - t) ** 2).mean(), (x, x, x[:, :1]))
    assert only(report).where == "parameter 0"
    assert report.facts["input"] == "float64[32, 20], float64[32, 20]"


# --- what is wrong with the call -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"model": 3}, TypeError, "a model is callable and has params"),
        ({"model": abs}, TypeError, "a model is callable and has params"),
        ({"loss_fn": 3}, TypeError, "loss_fn is called with output and target"),
        ({"batch": np.ones(3)}, TypeError, r"a batch is a tuple \(x, t\)"),
        ({"batch": (np.ones(3),)}, ValueError, "one input or several and a target"),
        ({"lr": -1.0}, ValueError, "lr is a step size above 0"),
        ({"steps": -1}, ValueError, "steps is a number of steps"),
        ({"seconds": 0}, ValueError, "seconds is a time above 0"),
        ({"seconds": "10"}, TypeError, "seconds is a number, got '10'"),
        ({"lr": "small"}, TypeError, "lr is a number, got 'small'"),
        (
            {"optimizer": dict},
            TypeError,
            r"a class, dict; dict\(\.\.\.\) makes an opt",
        ),
    ],
)
def test_calls_that_cannot_be(
    batch: Any, changes: dict[str, Any], error: type[Exception], message: str
) -> None:
    arguments = {"model": Net(), "loss_fn": cross_entropy, "batch": batch, **changes}
    with pytest.raises(error, match=message):
        diagnose(show=False, **arguments)


def test_errors_in_the_model_and_losses_that_are_none(batch: Any) -> None:
    found = only(examined(Net((D + 1, C)), cross_entropy, batch))
    assert found.what == "the model raises an error"
    assert found.where == "the model, given float32[32, 20]"
    assert "matmul" in found.evidence
    losses = {"float32[32, 5], a Variable": lambda y, t: y, "3.0, a float": lambda y, t: 3.0}
    for what, loss in losses.items():
        found = only(examined(Net(), loss, batch))
        assert f"a Variable with one element; this is {what}" in found.evidence
