"""The scripts of the book's steps 1 to 36 print its figures and draw its pictures.

What the packages compute is tested in `packages/dezero-core/tests/test_book.py`; here it is what a
reader of `examples/steps` sees.
"""

from __future__ import annotations

import ast
import re
import runpy
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

import pytest

FOLDER = Path(__file__).parents[2] / "examples" / "steps"
NUMBER = re.compile(r"-?\d+(?:\.\d*)?(?:e[+-]?\d+)?")
MAGIC = {".png": b"\x89PNG", ".svg": b"<?xml", ".pdf": b"%PDF", ".dot": b"digraph"}

Run = Callable[..., str]


def script(step: int) -> Path:
    return FOLDER / f"step{step:02d}.py"


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a step's script in this process and return what it prints."""

    def run(step: int, *arguments: str) -> str:
        monkeypatch.setattr(sys, "argv", [str(script(step)), *arguments])
        runpy.run_path(str(script(step)), run_name="__main__")
        return capsys.readouterr().out

    return run


def numbers(output: str, label: str) -> list[float]:
    """Return the numbers of the line that begins with this label and a colon."""
    lines = [line for line in output.splitlines() if line.startswith(f"{label}: ")]
    assert len(lines) == 1, (label, output)
    return [float(text) for text in NUMBER.findall(lines[0][len(label) + 2 :])]


def exactly(*expected: float) -> Any:
    return pytest.approx(expected, rel=1e-15, abs=0)


def to_eight_digits(*expected: float) -> Any:
    return pytest.approx(expected, rel=0, abs=5e-9)


@dataclass(frozen=True)
class Expected:
    """What a step's script must give.

    Attributes:
        figures: Numbers by the label of their line.
        texts: Passages of the output.
        pictures: The files that it makes, all of them.
    """

    figures: Mapping[str, Any] = field(default_factory=dict)
    texts: tuple[str, ...] = ()
    pictures: tuple[str, ...] = ()


CHAIN = exactly(3.297442541400256)
ROOT_OF_HALF = pytest.approx([0.7071067811865476] * 2, rel=5e-16, abs=0)
NEWTON = (
    "0 variable(2.0)\n"
    "1 variable(1.4545454545454546)\n"
    "2 variable(1.1510467893775467)\n"
    "3 variable(1.0253259289766978)\n"
    "4 variable(1.0009084519430513)\n"
    "5 variable(1.0000012353089454)\n"
    "6 variable(1.000000000002289)\n"
    "7 variable(1.0)\n"
)

CONTRACT = {
    1: Expected({"put in": exactly(1.0), "put in instead": exactly(2.0)}, ("vector: ndim 1",)),
    2: Expected({"square(10)": exactly(100)}),
    3: Expected({"y = b²": exactly(1.648721270700128)}),
    4: Expected(
        {
            "slope of x² at 2": exactly(4.000000000004),
            "slope of (exp(x²))² at 0.5": exactly(3.2974426293330694),
        }
    ),
    5: Expected({"dy/dx": CHAIN}, ("the same slopes: True",)),
    6: Expected({"gradient of x": CHAIN, "y": exactly(1.648721270700128)}),
    7: Expected({"gradient of x": CHAIN}, ("from y back: Square, Exp, Square",)),
    8: Expected(
        {
            "gradient of x": CHAIN,
            "through ten times as many functions as can call each other": exactly(-1.0),
        }
    ),
    9: Expected(
        {"gradient of x": CHAIN},
        (
            "of float32 data it is float32",
            "square(x).data is an ndarray",
            "Variable(None) holds None",
            "Variable(1.0): <class 'float'> is not supported",
        ),
    ),
    10: Expected(
        texts=(
            "test_forward (",
            "test_backward (",
            "test_gradient_check (",
            "test_gradient_check_finds_a_mistake (",
            "Ran 4 tests",
            "\nOK\n",
        )
    ),
    11: Expected({"2 + 3": exactly(5)}, ("17 divided by 5: 3 remainder 2",)),
    12: Expected({"2 + 3": exactly(5)}, ("17 divided by 5: 3 remainder 2",)),
    13: Expected({"z": exactly(13.0), "gradients of x and y": exactly(4.0, 6.0)}),
    14: Expected(
        {
            "x + x": exactly(2.0),
            "and y's own gradient is still": exactly(1.0),
            "x + x + x, not cleared": exactly(5.0),
            "x + x + x, cleared": exactly(3.0),
        }
    ),
    15: Expected(
        {"y": exactly(32.0), "slope by differences": exactly(64.0)},
        ("called in the order D C A B A", "gradient, wrong: 96.0"),
    ),
    16: Expected(
        texts=(
            "y: 32.0\ncalled in the order D (2) B (1) C (1) A (0)\ngradient: 64.0\n",
            # a + a⁴ with a = x², at 2: (1 + 4 · 64) · 4
            "called in the order D (3) C (2) B (1) A (0)\ngradient: 1028.0\n",
        )
    ),
    17: Expected(),  # below
    18: Expected(
        texts=(
            "retain_grad=False: y None, t None; x0 2.0, x1 1.0",
            "retain_grad=True: y 1.0, t 1.0; x0 2.0, x1 1.0",
            "creator without links: None",
            "after an error in the block, links are on: True",
        )
    ),
    19: Expected(
        {"ndim": exactly(2), "size": exactly(6), "len": exactly(2), "shape": exactly(2, 3)},
        (
            "variable([[1 2 3]\n          [4 5 6]])\n",
            "variable([1 2 3])\n",
            "variable(None)\n",
            "name: x\n",
        ),
    ),
    20: Expected(
        {"gradient of a": exactly(2.0), "gradient of b": exactly(3.0)},
        ("a * b + c: variable(7.0)\n",),
    ),
    21: Expected(
        {"its slope": exactly(3.0)},
        (
            "x + np.array(3.0): variable(5.0)\n",
            "x + 3.0: variable(5.0)\n",
            "3.0 * x + 1.0: variable(7.0)\n",
            "np.array([2.0]) + Variable: variable([3.])\n",
        ),
    ),
    22: Expected(
        {
            "-x": exactly(-2.0, -1.0),
            "2.0 - x": exactly(0.0, -1.0),
            "x - 1.0": exactly(1.0, 1.0),
            "x / 2.0": exactly(1.0, 0.5),
            "1.0 / x": exactly(0.5, -0.25),
            "x ** 3": exactly(8.0, 12.0),
        }
    ),
    23: Expected(
        texts=("(x + 3) ** 2: variable(16.0)\n", "its slope: variable(8.0)\n", "Variable")
    ),
    24: Expected(
        {
            "sphere": exactly(2.0, 2.0),
            "matyas": exactly(0.040000000000000036, 0.040000000000000036),
            "goldstein_price": exactly(-5376.0, 8064.0),
        }
    ),
    25: Expected(
        texts=("1 -> 2\n",),
        pictures=("step25.dot", "step25.png") if shutil.which("dot") else ("step25.dot",),
    ),
    26: Expected(
        texts=(
            'label="x0: () float64"',
            'label="y: () float64"',
            "fillcolor=orange",
            "fillcolor=lightblue",
            "shape=box",
        ),
        pictures=("step26.pdf", "step26.png", "step26.svg"),
    ),
    27: Expected(
        {
            "sin": ROOT_OF_HALF,
            "series to 0.0001": exactly(0.7071064695751781, 0.7071032148228457, 4),
        }
    ),
    28: Expected(
        {
            "gradient at the start": exactly(-2.0, 400.0),
            "2": exactly(0.002, 1.6),
            "1000": to_eight_digits(0.68349178, 0.4656506),
            "10000": to_eight_digits(0.99449622, 0.98900063),
        },
        pictures=("step28.png",),
    ),
    29: Expected(texts=(NEWTON,)),
    30: Expected(
        texts=(
            "sin(1): variable(0.8414709848078965), made by Sin",
            "its slope: variable(0.5403023058681398), made by nothing",
        )
    ),
    31: Expected(
        texts=(
            "sin(x): variable(0.8414709848078965), by sin\n",
            "1st derivative: variable(0.5403023058681398), by cos, ",
            "2nd derivative: variable(-0.8414709848078965), by sin, ",
            "3rd derivative: variable(-0.5403023058681398), by cos, ",
        )
    ),
    32: Expected(
        {
            "first derivative": exactly(24.0),
            "second derivative": exactly(44.0),
            "second derivative, added to the first": exactly(68.0),
        },
        (
            "create_graph=False\n  in backward, recording is off\n"
            "  the gradient has a creator: False\n",
            "create_graph=True\n  in backward, recording is on\n"
            "  the gradient has a creator: True\n",
        ),
    ),
    33: Expected(texts=(NEWTON,)),
    34: Expected(
        {
            "-sin(1)": exactly(-0.8414709848078965),
            "-cos(1)": exactly(-0.5403023058681398),
            "sin(1)": exactly(0.8414709848078965),
        },
        pictures=("step34.png",),
    ),
    35: Expected(pictures=tuple(f"step35-{n}.svg" for n in range(1, 9))),
    36: Expected(
        {"slope of (dy/dx)³ + y": exactly(100.0)},
        ("Hessian of Σx² times (4, 5): variable([ 8. 10.])\n",),
    ),
}


@pytest.mark.parametrize("step", CONTRACT, ids="step {}".format)
def test_the_script_gives_what_the_book_has(step: int, run: Run, tmp_path: Path) -> None:
    expected = CONTRACT[step]
    output = run(step, *(("--out", str(tmp_path)) if expected.pictures else ()))
    for label, values in expected.figures.items():
        assert numbers(output, label) == values, label
    for text in expected.texts:
        assert text in output
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(expected.pictures)
    for name in expected.pictures:
        assert (tmp_path / name).read_bytes().startswith(MAGIC[Path(name).suffix])


def test_step_4_differences_are_worse_with_a_larger_and_with_a_smaller_step(run: Run) -> None:
    errors = [float(text) for text in re.findall(r"error (\S+)", run(4))]
    assert errors[0] > errors[1] > errors[2] < errors[-2] < errors[-1]


def test_step_17_memory_stays_flat(run: Run) -> None:
    output = run(17)
    weak, strong = numbers(output, "weak references, MB"), numbers(output, "strong references, MB")
    assert len(weak) == len(strong) == 10
    assert max(weak) <= 0.1
    # Each round leaves eight arrays of 0.8 MB.
    assert strong == pytest.approx([6.4 * n for n in range(1, 11)], abs=0.2)


def test_step_18_without_links_two_arrays_are_enough(run: Run) -> None:
    output = run(18)
    assert numbers(output, "with links")[0] > 8.5
    assert numbers(output, "without")[0] < 1.8


def test_step_27_the_series_to_the_last_digit(run: Run) -> None:
    value, slope, count = numbers(run(27), "series to 1e-150")
    assert [value, slope] == ROOT_OF_HALF
    assert count > 40


def test_step_35_each_graph_is_more_than_twice_as_large(run: Run, tmp_path: Path) -> None:
    output = run(35, "--quick", "--out", str(tmp_path))
    counts = [numbers(output, f"derivative {n}")[0] for n in range(1, 9)]
    assert all(later > 2 * earlier for earlier, later in pairwise(counts[1:]))
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        f"step35-{n}.svg" for n in range(1, 5)
    ]


@pytest.mark.parametrize("step", [25, 26, 28, 34, 35], ids="step {}".format)
def test_a_file_is_no_folder(
    step: int, run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    taken = tmp_path / "taken"
    taken.write_text("mine", encoding="utf-8")
    with pytest.raises(SystemExit) as stop:
        run(step, "--out", str(taken))
    assert stop.value.code == 2
    assert "error: argument --out: " in capsys.readouterr().err
    assert taken.read_text(encoding="utf-8") == "mine"


def test_step_25_without_graphviz_keeps_the_text(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "not drawn: Graphviz is not installed" in run(25, "--out", str(tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["step25.dot"]


def test_a_script_runs_anywhere_and_draws_into_runs(tmp_path: Path) -> None:
    command = [sys.executable, "-W", "error", str(script(34))]
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "runs" / "steps" / "step34.png").exists()


@pytest.mark.parametrize("step", range(1, 37), ids="step {}".format)
def test_early_steps_stand_alone_and_later_ones_use_the_packages(step: int) -> None:
    imported = set()
    for node in ast.walk(ast.parse(script(step).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            imported |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            imported.add(node.module.split(".")[0])
    foreign = imported - sys.stdlib_module_names
    if step < 23:
        assert foreign == {"numpy"}
    elif step != 25:  # which writes its graph by hand
        assert "dezero" in foreign


def test_the_readme_leads_from_each_step_to_what_carries_it_now() -> None:
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| \[(\d+)\]\((step\d\d\.py)\) \| .+? \| (.+) \|$", text, re.M)
    assert [int(number) for number, _, _ in rows] == list(range(1, 61))
    assert [FOLDER / name for _, name, _ in rows] == [script(step) for step in range(1, 61)]
    assert all(script(step).is_file() for step in range(1, 61))
    for _, _, places in rows:
        for name in re.findall(r"`(dezero\w*[\w.]*)`", places):
            resolve_name(name)
