"""Drawings of the models that the book and this project build."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dezero_nn as nn
from dezero_core import Variable
from dezero_core.graph import record_details
from dezero_viz import _engines, get_dot_graph

X = np.zeros((1, 3, 32, 32), np.float32)


def parsed(dot: str) -> tuple[dict[str, list[str]], list[str]]:
    """Return the labels of the nodes in each frame, by the frame's, and those of all nodes."""
    found: dict[str, Any] = json.loads(_engines.render(dot, "dot_json"))
    things = {thing["_gvid"]: thing for thing in found["objects"]}
    frames = {
        thing["label"]: [things[key]["label"] for key in thing["nodes"]]
        for thing in things.values()
        if "nodes" in thing
    }
    return frames, [thing["label"] for thing in things.values() if "nodes" not in thing]


def first_lines(labels: list[str]) -> Iterator[str]:
    return (label.split("\\n")[0] for label in labels)


def test_vgg16_has_a_frame_for_each_layer(tmp_path: Path) -> None:
    picture = nn.VGG16().plot(X, to_file=tmp_path / "vgg16.dot")
    frames, labels = parsed(picture.path.read_text())
    assert len(frames) == 16
    assert sorted(frames["conv1_1 (Conv2d)"]) == [
        "(1, 64, 32, 32) float32",
        "conv1_1/W: (64, 3, 3, 3) float32",
        "conv1_1/b: (64,) float32",
        "conv2d",
    ]
    assert "fc8 (Linear)" in frames
    assert labels.count("conv2d") == 13 and labels.count("linear") == 3
    assert "x: (1, 3, 32, 32) float32" in labels


def test_resnet50_folds_the_blocks_of_its_stages(tmp_path: Path) -> None:
    picture = nn.ResNet50().plot(X, to_file=tmp_path / "resnet50.dot")
    frames, labels = parsed(picture.path.read_text())
    assert len(labels) <= 200
    assert "4 × _Bottleneck: res4/b2 … res4/b5" in [*first_lines(labels)]
    assert "res4/b1 (_Bottleneck)" in frames and "res4/b2 (_Bottleneck)" not in frames


class BetterRNN(nn.Model):
    """The book's step 60."""

    def __init__(self, hidden_size: int, out_size: int) -> None:
        self.rnn = nn.LSTM(hidden_size)
        self.fc = nn.Linear(out_size)

    def forward(self, x: Any) -> Any:
        return self.fc(self.rnn(x))


def test_thirty_steps_of_an_lstm_are_one_step_and_twenty_nine() -> None:
    model = BetterRNN(8, 1)
    loss: Any = 0
    with record_details():
        for _ in range(30):
            loss = loss + nn.mean_squared_error(model(np.ones((4, 1))), np.zeros((4, 1)))
    frames, labels = parsed(get_dot_graph(loss, names=model.namedparams()))
    assert set(frames) == {"rnn (LSTM)", "fc (Linear)"}
    assert len(labels) < 40
    assert "29 × linear" in [*first_lines(frames["fc (Linear)"])]
    assert sum(line.startswith("29 × ") for line in first_lines(frames["rnn (LSTM)"])) == 1
    assert "29 × (mean_squared_error, add)" in [*first_lines(labels)]


def test_the_gradient_of_a_network_is_drawn_by_layer_too() -> None:
    model = nn.MLP((10, 3))
    with record_details():
        y = model(Variable(np.ones((4, 5), np.float32), "x"))
        (y * y).sum().backward(create_graph=True)
    frames, _ = parsed(get_dot_graph(model.l0.W.grad, names=model.namedparams(), verbose=False))
    assert {"gradient", "l0 (Linear)", "l1 (Linear)"} == set(frames)


@pytest.mark.parametrize("names", [False, True])
def test_frames_without_a_record(names: bool) -> None:
    model = nn.MLP((10, 3))
    y = model(Variable(np.ones((4, 5), np.float32), "x"))
    frames, _ = parsed(get_dot_graph(y, names=model.namedparams() if names else ()))
    assert set(frames) == ({"l0", "l1"} if names else set())
