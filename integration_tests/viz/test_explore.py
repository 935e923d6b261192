"""The page to look around in, of networks as people build them."""

from __future__ import annotations

import importlib
import pkgutil
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import dezero_nn
from dezero_core import Variable
from dezero_core.graph import record_details
from dezero_core.primitive import Primitive
from dezero_nn import RNN, VGG16, Linear, Model, mean_squared_error, softmax_cross_entropy
from dezero_viz import explore
from dezero_viz.explorer._rules import RULES

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")


@pytest.fixture
def opened(tmp_path: Path) -> Callable[[Path], str]:
    """What a browser makes of a page: the text of its document, after the scripts ran."""
    if CHROMIUM is None:
        pytest.skip("there is no Chromium here")

    def opened(path: Path) -> str:
        options = ("--headless=new", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=4000")
        command = [CHROMIUM, *options, f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom"]
        run = subprocess.run([*command, path.as_uri()], capture_output=True, text=True, timeout=90)
        return run.stdout

    return opened


def rows(dom: str) -> list[str]:
    """The rows of the outline, as text."""
    found = re.findall(r'<li role="treeitem".*?</li>', dom, re.DOTALL)
    return [re.sub(r"<[^>]+>", "", row).strip("·▸▾ ") for row in found]


def test_each_operation_of_the_networks_has_words() -> None:
    names = set()
    for module in pkgutil.walk_packages(dezero_nn.__path__, "dezero_nn."):
        values = vars(importlib.import_module(module.name)).values()
        names |= {value.name for value in values if isinstance(value, Primitive)}
    assert len(names) > 40
    assert names - set(RULES) == set()


def test_vgg16(tmp_path: Path, opened: Callable[[Path], str]) -> None:
    model = VGG16()
    image = Variable(np.random.default_rng(0).normal(size=(1, 3, 64, 64)).astype("f4"), "image")
    with record_details():
        loss = softmax_cross_entropy(model(image), np.array([3]))
    loss.backward()
    shown = rows(opened(explore(loss, tmp_path / "vgg16.html", model=model).path))
    assert shown[:3] == [
        "image (1, 3, 64, 64) float32",
        "conv1_1 conv2d (1, 64, 64, 64) float32",
        "relu (1, 64, 64, 64) float32",
    ]
    layers = [row for row in shown if re.match(r"conv\d_\d|fc\d", row)]
    assert len(layers) == 16
    assert shown[-1] == "softmax_cross_entropy () float32"


def test_a_thousand_steps_of_a_recurrent_network(
    tmp_path: Path, opened: Callable[[Path], str]
) -> None:
    class Net(Model):
        def __init__(self) -> None:
            self.rnn = RNN(8)
            self.fc = Linear(1)

        def forward(self, x: Variable) -> Variable:
            return self.fc(self.rnn(x))

    model = Net()
    xs = np.random.default_rng(0).normal(size=(1000, 1, 3)).astype("f4")
    loss = Variable(np.array(0, "f4"))
    with record_details():
        for x in xs:
            loss = loss + mean_squared_error(model(Variable(x)), np.zeros((1, 1), "f4"))
    loss.backward()
    shown = rows(opened(explore(loss, tmp_path / "rnn.html", model=model).path))
    assert shown == [
        "inputs ×1,000 (1, 3) float32",
        "rnn ×1,000 RNN, 1,000 operations",
        "fc ×1,000 Linear, 1,000 operations",
        "mean_squared_error, add ×1,000 2,000 operations",
    ]
