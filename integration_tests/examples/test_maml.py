"""A step adapts the weights that MAML found, and its gradient goes through that step."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import CompletedProcess
from types import ModuleType
from typing import Any

import numpy as np
import pytest

Run = Callable[..., CompletedProcess[str]]


def errors(output: str) -> dict[str, list[float]]:
    """Return each network's errors after 0, 1, 2, 5 and 10 steps."""
    rows = re.findall(r"^(\w[\w ]*\w) +0\.\d+((?: +[\d.]+){5})$", output, re.M)
    return {name: list(map(float, figures.split())) for name, figures in rows}


def test_one_step_is_enough_after_maml_alone(run_example: Run, tmp_path: Path) -> None:
    outputs = []
    for out in ("a", "b"):
        done = run_example("maml/train.py", "--quick", "--seed", "1", "--out", out)
        assert done.returncode == 0, done.stderr
        outputs.append(errors(done.stdout))
        assert [path.name for path in (tmp_path / out).iterdir()] == ["adaptation.png"]
    assert (tmp_path / "a" / "adaptation.png").read_bytes().startswith(b"\x89PNG")
    assert outputs[0] == outputs[1]
    maml, joint, scratch = (outputs[0][f] for f in ("MAML", "trained on all waves", "from scratch"))
    # Before a step none of them can know which wave it is.
    assert maml[0] > 2.5
    assert maml[1] < 1.2
    assert maml[4] < maml[1]
    assert joint[1] > 1.5 * maml[1]
    assert scratch[1] > 3 * maml[1]


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """Import the script, which has a name that others have, too."""
    folder = Path(__file__).parents[2] / "examples" / "maml"
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.delitem(sys.modules, "train", raising=False)
    import train

    yield train
    del sys.modules["train"]


def test_the_meta_gradient_is_that_of_differences(script: ModuleType) -> None:
    random = np.random.default_rng(0)
    net = script.Net(random)
    for p in net.params():
        p.data = p.data.astype(np.float64)
    shown, asked = script.sample(random, 3, 5, 5)

    def error(create_graph: bool) -> Any:
        return script.loss(script.adapt(net.arrays, shown, 0.01, create_graph), asked)

    direction = random.normal(size=net.arrays[2].shape)
    slopes = []
    for create_graph in (True, False):
        for p in net.params():
            p.cleargrad()
        error(create_graph).backward()
        slopes.append(float(np.vdot(net.arrays[2].grad.data, direction)))
    around = []
    for change in (1e-6, -2e-6):
        net.arrays[2].data += change * direction
        around.append(float(error(True).data))
    difference = (around[0] - around[1]) / 2e-6
    assert slopes[0] == pytest.approx(difference, rel=1e-4)
    assert slopes[1] != pytest.approx(difference, rel=1e-2)  # what the first order leaves out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(["--updates", "0"], "0 is not at least 1"), (["--seed", "-1"], "-1 is negative")],
)
def test_mistakes_are_named(run_example: Run, arguments: list[str], message: str) -> None:
    done = run_example("maml/train.py", *arguments)
    assert (done.returncode, "Traceback" in done.stderr) == (2, False)
    assert message in done.stderr
