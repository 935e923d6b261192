"""Drawings, diagnoses and reports of models on a device: they read values by copies alone.

A number that is waited for is one that somebody forgot to fetch. So nothing waits here, but for the
loss, which `diagnose` asks for; whatever comes down is an array, and each kind of picture says how
many.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dezero_core import AnomalyError, Variable, detect_anomaly, profile
from dezero_core import functions as F
from dezero_core.graph import build_graph, record_details
from dezero_core.testing import FakeDevice
from dezero_nn import BatchNorm, Conv2d, Linear, Model, relu, softmax_cross_entropy, summary
from dezero_optim import SGD
from dezero_viz import (
    Monitor,
    diagnose,
    explore,
    get_dot_graph,
    grad_cam,
    layer_outputs,
    plot_confusion_matrix,
    plot_curves,
    plot_decision_boundary,
    plot_derivatives,
    plot_feature_maps,
    plot_filters,
    plot_graph,
    plot_histograms,
    plot_images,
    plot_paths,
    plot_sequence,
    to_html,
)

from .conftest import Place

X = np.random.default_rng(0).normal(size=(6, 1, 8, 8)).astype(np.float32)
LABELS = np.array([0, 1, 2, 0, 1, 2])
POINTS = np.random.default_rng(1).normal(size=(6, 2)).astype(np.float32)


class Net(Model):
    """A convolution and two layers, small enough to be looked into."""

    def __init__(self) -> None:
        self.conv = Conv2d(4, 3, pad=1, nobias=True)
        self.norm = BatchNorm()
        self.scores = Linear(3)

    def forward(self, x: Any) -> Any:
        return self.scores(F.mean(relu(self.norm(self.conv(x))), axis=(2, 3)))


@pytest.fixture
def model(place: Place) -> Any:
    """A network on the device, and a batch."""
    np.random.seed(0)
    model = Net().to(place.name)
    x, t = place.put(X, LABELS)
    model(x)
    _ = place.traffic
    return model, x, t


def crossed(place: Place) -> tuple[int, int]:
    """Return how many arrays came down or went up, and how often the host waited."""
    kinds = [event.kind for event in place.traffic]
    return kinds.count("transfer"), kinds.count("sync")


def assert_crossed(place: Place, transfers: int, syncs: int = 0) -> None:
    if isinstance(place.backend, FakeDevice):
        assert crossed(place) == (transfers, syncs)


def test_what_a_summary_and_a_graph_tell_is_no_value(
    model: Any, place: Place, tmp_path: Path
) -> None:
    net, x, t = model
    with place.quiet():
        assert "(6, 3)" in str(summary(net, X.shape))
        with record_details():
            loss = softmax_cross_entropy(net(x), t)
        graph = build_graph(loss)
        assert len(graph.operations) > 5
        assert "float32" in get_dot_graph(loss, verbose=True)
        plot_graph(loss, to_file=tmp_path / "graph.svg")
        net.plot(x, to_file=tmp_path / "model.svg")
        gx = Variable(x)
        net(gx).sum().backward(create_graph=True)
        plot_graph(gx.grad, to_file=tmp_path / "gradient.dot", max_nodes=40)
    assert (tmp_path / "model.svg").read_text(encoding="utf-8").rstrip().endswith("</svg>")


def test_explore_copies_each_value_that_it_shows(model: Any, place: Place, tmp_path: Path) -> None:
    net, x, t = model
    with place.quiet(), record_details(keep_values=True):
        loss = softmax_cross_entropy(net(x), t)
        loss.backward(retain_grad=True)
    explore(loss, tmp_path / "page.html")
    if isinstance(place.backend, FakeDevice):
        # The values and the gradients of all variables.
        assert crossed(place) == (2 * len(build_graph(loss).variables), 0)


def test_layers_and_heat_maps(model: Any, place: Place) -> None:
    net, x, _ = model
    outputs = layer_outputs(net, x)
    assert all(isinstance(array, np.ndarray) for array in outputs.values())
    assert_crossed(place, len(outputs))
    cam = grad_cam(net, x, "conv", 1)
    assert cam.shape == (6, 8, 8)
    # Scores, maps and slopes come down; which class is asked for goes up.
    assert_crossed(place, 4)
    host = Net()
    host.load_state_dict(net.state_dict())
    np.testing.assert_allclose(cam, grad_cam(host, X, "conv", 1), rtol=1e-2, atol=1e-4)


PLOTS: dict[str, tuple[Callable[..., Any], tuple[Any, ...], int]] = {
    "confusion matrix": (plot_confusion_matrix, (np.eye(3), LABELS[:3]), 2),
    # The numbers come down, and go up again as they are drawn; three curves come down.
    "derivatives": (lambda x: plot_derivatives(F.tanh, x, 2), (np.linspace(-1, 1, 9),), 5),
    "feature maps": (plot_feature_maps, (X[0],), 1),
    "filters": (plot_filters, (X,), 1),
    "histograms": (lambda x, t: plot_histograms({"x": Variable(x), "t": t}), (X, LABELS), 2),
    "images": (plot_images, (X, LABELS), 2),
    "paths": (lambda x: plot_paths(lambda x0, x1: x0**2 + x1**2, x), (POINTS,), 1),
    "sequence": (plot_sequence, (POINTS[:, 0], POINTS[:, 1]), 2),
    # The points, their classes and the scores come down; a grid goes up.
    "boundary": (
        lambda x, t: plot_decision_boundary(lambda points: points, x, t, resolution=20),
        (POINTS, LABELS % 2),
        4,
    ),
}


@pytest.mark.parametrize("name", PLOTS)
def test_plots(name: str, place: Place) -> None:
    draw, arrays, transfers = PLOTS[name]
    moved = [place.backend.asarray(array) for array in arrays]
    _ = place.traffic
    figure = draw(*moved)
    assert_crossed(place, transfers)
    wanted = draw(*arrays)
    for ours, theirs in zip(figure.axes, wanted.axes, strict=True):
        assert ours.get_title() == theirs.get_title()
        for line, other in zip(ours.get_lines(), theirs.get_lines(), strict=True):
            np.testing.assert_allclose(line.get_xydata(), other.get_xydata(), rtol=1e-5, atol=1e-6)


def test_a_diagnosis(model: Any, place: Place) -> None:
    net, x, t = model
    batch = x[:5], t[:5]  # few enough to be learned by so few weights
    report = diagnose(net, softmax_cross_entropy, batch, optimizer=SGD(0.1), steps=3, show=False)
    assert "learning the batch by heart  loss 1." in str(report)
    # Arrays that are looked at come down. What decides is waited for: the loss, and that of nine
    # steps; whether five gradients are 0; two sizes of each of two weight matrices.
    assert_crossed(place, 19, 1 + 9 + 5 + 4)


def test_training_that_is_watched(model: Any, place: Place, tmp_path: Path) -> None:
    net, x, t = model
    optimizer = SGD(0.1).setup(net)
    with Monitor(show=False) as monitor:
        for _ in monitor.epochs(2):
            with place.quiet():
                for _ in range(5):
                    loss = softmax_cross_entropy(net(x), t)
                    net.cleargrads()
                    loss.backward()
                    optimizer.update()
                    monitor.log(loss=loss)
    # All losses of an epoch come down together.
    assert_crossed(place, 2)
    assert plot_curves({"loss": [loss, loss]}).axes
    assert_crossed(place, 0, 2)


def test_what_a_notebook_shows_comes_down(model: Any, place: Place) -> None:
    _, x, _ = model
    assert "on " + place.name in to_html(Variable(x))
    assert_crossed(place, 1)


def test_a_profile_waits_at_its_end_alone(model: Any, place: Place) -> None:
    net, x, t = model
    with profile() as found, place.quiet():
        softmax_cross_entropy(net(x), t).backward()
    assert "conv2d" in str(found)


def test_looking_for_what_is_not_finite_waits_for_one_number_at_a_time(
    model: Any, place: Place
) -> None:
    net, x, _ = model
    with detect_anomaly(check_changes=False):
        F.sum(net(x) * 2.0)
    # Seven operations, one of which, normalization, has three results: an answer for each.
    assert_crossed(place, 0, 6 + 3)
    with detect_anomaly(), pytest.raises(AnomalyError, match="log: the result is not finite"):
        F.log(net(x) * 0.0 - 1.0)
