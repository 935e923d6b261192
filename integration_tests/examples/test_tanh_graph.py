"""The graphs of tanh's derivatives are those of the README, right, and drawn."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

Run = Callable[..., CompletedProcess[str]]

# What the README tells: the operations, the variables, and the derivative at 1.
ORDERS = [
    (3, 4, 0.419974342),
    (5, 7, -0.639700008),
    (13, 17, 0.621626681),
    (32, 41, 0.665091045),
    (79, 99, -5.556893558),
    (200, 243, 13.624075441),
    (523, 613, 12.288367894),
    (1412, 1597, -277.062135603),
]


def table(output: str) -> list[list[float]]:
    return [list(map(float, row.split())) for row in re.findall(r"^ +\d.*$", output, re.M)]


def test_step_35_all_eight_orders_are_right_and_drawn(run_example: Run, tmp_path: Path) -> None:
    done = run_example("tanh_graph/draw.py")
    assert done.returncode == 0, done.stderr
    rows = table(done.stdout)
    assert [row[0] for row in rows] == list(range(1, 9))
    for (_, operations, variables, value, formula), wanted in zip(rows, ORDERS, strict=True):
        assert (operations, variables, value) == wanted
        assert value == pytest.approx(formula, rel=1e-9)
    out = tmp_path / "runs" / "tanh_graph"
    names = [f"order{n}.svg" for n in range(1, 9)]
    assert sorted(path.name for path in out.iterdir()) == ["curves.png", *names]
    folded = (out / "order8.svg").read_text(encoding="utf-8")
    assert "8th derivative" in folded
    assert "gx8" in folded


def test_one_order_as_a_page_and_as_text(run_example: Run, tmp_path: Path) -> None:
    arguments = ["--order", "4", "--format", "dot", "--all-nodes", "--html", "--x", "0.5"]
    outputs = []
    for out in ("a", "b"):
        done = run_example("tanh_graph/draw.py", *arguments, "--out", out)
        assert done.returncode == 0, done.stderr
        outputs.append(table(done.stdout))
    assert outputs[0] == outputs[1]
    ((order, operations, _, value, formula),) = outputs[0]
    assert (order, operations) == (4, 32)
    assert value == pytest.approx(formula, rel=1e-9)
    names = ["curves.png", "order4.dot", "order4.html"]
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == names
    text = (tmp_path / "a" / "order4.dot").read_text(encoding="utf-8")
    assert text == (tmp_path / "b" / "order4.dot").read_text(encoding="utf-8")
    assert text.count("shape=box") + text.count('label="multiply"') >= 20


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--order", "9"], 2, "invalid choice"),
        (["--order", "2", "--quick"], 2, "choose"),
        (["--quick", "--max-nodes", "3"], 1, "max_nodes=3 is too small"),
    ],
)
def test_mistakes_are_named(
    run_example: Run, arguments: list[str], code: int, message: str
) -> None:
    done = run_example("tanh_graph/draw.py", *arguments)
    assert (done.returncode, "Traceback" in done.stderr) == (code, False)
    assert message in done.stderr
