"""What a type checker tells the authors of programs that use the packages."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from mypy import api

ROOT = Path(__file__).parents[2]

PROGRAM = """
import numpy as np

import dezero
import dezero.functions as F
import dezero.layers as L
from dezero import DataLoader, Model, Variable
from dezero.core_simple import Function
from dezero_core import functions as core_functions

x = Variable(np.array(1.0))
reveal_type(F.sin(x))
reveal_type(F.max(x, axis=0))
reveal_type(F.pow(x, 2))
reveal_type(F.softmax(x))
reveal_type(F.embed_id)
reveal_type(core_functions.linalg.inv(x))
reveal_type(dezero.datasets.Spiral(train=True))
reveal_type(dezero.datasets.Shakespear)
reveal_type(dezero.optimizers.SGD(lr=0.1))
reveal_type(dezero.transforms.Compose)
reveal_type(dezero.models.MLP((10, 3)))
reveal_type(dezero.cuda.gpu_enable)
reveal_type(dezero.utils.pair(3))
reveal_type(L.EmbedID)
reveal_type(DataLoader)


def parameters(layer: dezero.Layer) -> int:
    reveal_type(layer)
    return sum(parameter.size for parameter in layer.params())


class Net(Model):
    def __init__(self) -> None:
        super().__init__()
        self.l1 = L.Linear(10)

    def forward(self, x: Variable) -> Variable:
        return F.relu(self.l1(x))


class Double(Function):
    def forward(self, x: np.ndarray) -> np.ndarray:
        return 2 * x

    def backward(self, gy: Variable) -> Variable:
        return 2 * gy


reveal_type(Double()(x))
"""

REVEALED = """
dezero_core.variable.Variable
dezero_core.variable.Variable
dezero_core.variable.Variable
dezero_core.variable.Variable
def (x: Any, W: Any) -> dezero_core.variable.Variable
dezero_core.variable.Variable
dezero_data.datasets.spiral.Spiral
dezero_data.datasets.characters.Shakespeare
dezero_optim.sgd.SGD
dezero_data.transforms.composing.Compose
dezero_nn.models.mlp.MLP
bool
tuple[int, int]
dezero_nn.layers.embedding.Embedding
dezero_data.dataloaders.loader.DataLoader
dezero_nn.layers.layer.Layer
Any
"""

MISTAKES = """
import dezero
import dezero.functions as F

F.sinn
dezero.optimizers.SDG
dezero.layer
dezero.optimizers.SGD(learning_rate=0.1)
"""


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What mypy says of both programs, with the packages' sources beside them."""
    folder = tmp_path_factory.mktemp("programs")
    (folder / "program.py").write_text(PROGRAM)
    (folder / "mistakes.py").write_text(MISTAKES)
    sources = os.pathsep.join(str(path) for path in sorted(ROOT.glob("packages/*/src")))
    (folder / "mypy.ini").write_text(
        f"[mypy]\nmypy_path = {sources}\nfollow_imports = silent\nignore_missing_imports = True\n"
    )
    out, err, _ = api.run(
        [
            f"--config-file={folder / 'mypy.ini'}",
            f"--cache-dir={folder / 'cache'}",
            *["--hide-error-context", "--no-color-output", "--no-error-summary"],
            *[str(folder / "program.py"), str(folder / "mistakes.py")],
        ]
    )
    assert err == ""
    lines = out.splitlines()
    names = ("program.py", "mistakes.py")
    return {name: "\n".join(line for line in lines if name in line) for name in names}


def test_a_type_checker_knows_every_name(reports: dict[str, str]) -> None:
    report = reports["program.py"]
    assert "error" not in report, report
    revealed = re.findall(r'Revealed type is "(.*)"', report)
    for kind, wanted in zip(revealed, REVEALED.split("\n")[1:-1], strict=True):
        assert wanted in kind


def test_a_type_checker_finds_misspelled_names(reports: dict[str, str]) -> None:
    report = reports["mistakes.py"]
    for name in ("sinn", "SDG", "layer", "learning_rate"):
        assert f'"{name}"' in report
    assert report.count("error") == 4, report
