"""The scripts of the book's steps 37 to 60 print its figures, learn, and draw its pictures.

What the packages compute is tested with them; here it is what a reader of `examples/steps` sees.
"""

from __future__ import annotations

import re
import runpy
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import dezero

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "examples" / "steps"
MNIST_FOLDER = ROOT.parent / "shared" / "data" / "mnist"
MAGIC = {".png": b"\x89PNG", ".svg": b"<?xml"}

# Those that take `--out`.
PICTURES = {
    **{step: f"step{step}.png" for step in (42, 43, 45, 48, 50, 59, 60)},
    58: "step58.svg",
}
ONES = "variable([[1 1 1]\n          [1 1 1]])\n"

needs_mnist = pytest.mark.skipif(
    not MNIST_FOLDER.is_dir(), reason="needs MNIST's files in ../shared/data/mnist; no download"
)
Run = Callable[..., str]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a step's script in this process and return what it prints."""

    def run(step: int, *arguments: str) -> str:
        script = str(FOLDER / f"step{step}.py")
        monkeypatch.setattr(sys, "argv", [script, *arguments])
        runpy.run_path(script, run_name="__main__")
        return capsys.readouterr().out

    return run


def found(pattern: str, output: str) -> list[float]:
    """Return the numbers that a pattern's group matches, line by line."""
    return [float(text) for text in re.findall(pattern, output, re.M)]


def assert_drawn(step: int, folder: Path) -> None:
    """Assert that the step's picture, and nothing else, is in the folder."""
    assert [path.name for path in folder.iterdir()] == [PICTURES[step]]
    picture = folder / PICTURES[step]
    assert picture.read_bytes().startswith(MAGIC[picture.suffix])


# --- figures -------------------------------------------------------------------------------------

# What is printed, by step, as the book has it.
FIGURES = {
    37: (
        "variable([[11 22 33]\n          [44 55 66]])\nvariable(231)\n",
        "y.grad, int64:\nvariable(1)\n",
        *(f"{name}.grad, int64:\n{ONES}" for name in "txc"),
    ),
    38: (
        "variable([1 2 3 4 5 6])\n" + ONES,
        "variable([[1 4]\n          [2 5]\n          [3 6]])\n" + ONES,
        "x.reshape((2, 3)): (2, 3)\nx.reshape([2, 3]): (2, 3)\nx.reshape(2, 3): (2, 3)\n",
        "(1, 2, 3, 4) to (2, 1, 4, 3), back to (1, 2, 3, 4)\n",
    ),
    39: (
        "variable(21)\nvariable([1 1 1 1 1 1])\n",
        "variable(21)\n" + ONES,
        "variable([5 7 9])\n" + ONES,
        "keepdims=True: (1, 1, 1, 1)\naxis=(1, 3): (2, 4)\n",
    ),
    40: (
        "variable([[1 2 3]\n          [1 2 3]])\nvariable([2 2 2])\n",
        "variable([[5 7 9]])\n" + ONES,
        "variable([[ 6]\n          [15]])\n" + ONES,
        "variable([11 12 13])\nvariable([1 1 1])\nvariable([3])\n",
    ),
    41: (
        "variable(32)\n",
        "variable([[19 22]\n          [43 50]])\n",
        "the gradients' shapes:\n(2, 3)\n(3, 4)\n",
        "gx is the product of gy and W.T: True\ngW is that of x.T and gy: True\n"
        "both agree with differences: True\n",
    ),
    42: ("W: variable([[2.11807369]])\nb: variable([5.46608905])\n",),
    44: (
        "parameters of the layer: [1, 2]\nthe product of two Parameters is a Variable\n",
        "before the first input: None\nthe weights' shapes after it: (1, 10) (10, 1)\n",
    ),
    45: (
        "gives (100, 1)",
        "l0/W (1, 10), l0/b (10,), l1/W (10, 20), l1/b (20,), l2/W (20, 30), l2/b (30,), "
        "l3/W (30, 40), l3/b (40,), l4/W (40, 1), l4/b (1,)\n",
    ),
    46: (
        "frozen and moved by 0.0000\n",
        "clipped to a length of 0.001: 0.0010\n",
    ),
    47: (
        "variable([4 5 6])\nvariable([[0 0 0]\n          [1 1 1]])\n",
        "variable([[2 2 2]\n          [1 1 1]])\nx[1] and x[:, 2]: variable([4 5 6]) "
        "variable([3 6])\n",
        "variable([[-0.61505778 -0.42790161  0.31733289]])\n",
        "with scores of a thousand: variable([[1. 0. 0.]]) variable(1000.0)\n",
    ),
    48: (
        "points (300, 2) float32, classes (300,)\n",
        "the first point: [-0.13981389 -0.00721657], class 1\n",
    ),
    49: (
        "4 examples in files; number 3 is [1.5 1.5 1.5 1.5] float32, label 1\n",
        "300 examples on the spiral; number 0 is [-0.13981389 -0.00721657], label 1\n",
        "three as a batch: (3, 2) (3,)\n",
    ),
    50: (
        "epoch 1 has 10 batches\nepoch 2 has 10 batches\n",
        "two of three rows are right: variable(0.6666666666666666)\n",
    ),
    53: (
        "parameters by path: l0/W l0/b l1/W l1/b\n",
        "in the file: l0/W (64, 100), l0/b (100,), l1/W (100, 10), l1/b (10,)\n",
        "the loaded model gives the same scores: True\n",
        "and gives the same scores again: True\n",
    ),
    54: (
        "in a test: variable([1. 1. 1. 1. 1.]) Config.train is False\n",
        "stay, each as 5.0, and the mean is 1.0",
    ),
    55: (
        "4x4, kernel 3, stride 1, padding 1: 4 4\n",
        *(
            f"7x7, stride {stride}, padding {pad}: ({size}, {size}), the same as F.conv2d: True\n"
            for stride, pad, size in ((1, 0, 5), (1, 1, 7), (2, 0, 3), (2, 1, 4), (3, 2, 3))
        ),
    ),
    56: (
        "that is the sum over the channels: True\n",
        "5 kernels give (1, 5, 2, 2), each with a bias: True\n",
        "a batch of ten gives (10, 5, 2, 2)\n",
        "the largest of each 2x2 window:\n[[2. 3.]\n [4. 2.]]\n",
        "the mean of each:\n[[1.   1.5 ]\n [2.25 1.  ]]\n",
        "a spot that moves inside its window changes nothing: True\n",
    ),
    57: (
        "in one image of 7x7: (9, 75)\nin ten images: (90, 75)\nand back again: (10, 3, 7, 7)\n",
        "a pair: (5, 5) (5, 3)\n",
        "output and gradient:\n(1, 8, 15, 15)\n(1, 5, 15, 15)\n",
        "the same as the single function: True\npooling",
        "pooling gives (1, 5, 8, 8), the same as the single function: True\n",
        "deconv2d goes back to a larger image: (1, 5, 15, 15)\n",
        "the second derivative's shape: (1, 5, 15, 15)\n",
        "layers: (1, 8, 15, 15) (1, 8, 30, 30)\n",
    ),
}

# The last loss that is printed, and what it may be. For steps 43 to 46 the noise alone is 0.083.
LOSSES = {
    42: (0.0791, 0.0001),
    43: (0.077, 0.003),
    44: (0.077, 0.003),
    45: (0.077, 0.003),
    48: (0.13, 0.03),
    49: (0.13, 0.03),
    50: (0.13, 0.03),
}


@pytest.mark.parametrize("step", sorted(FIGURES.keys() | LOSSES.keys()), ids="step {}".format)
def test_the_script_gives_what_the_book_has(step: int, run: Run, tmp_path: Path) -> None:
    output = run(step, *(("--out", str(tmp_path)) if step in PICTURES else ()))
    for text in FIGURES.get(step, ()):
        assert text in output
    if step in LOSSES:
        losses = found(r"^(?:epoch|step) \d+[:,] (?:train )?loss ([\d.]+)", output)
        loss, tolerance = LOSSES[step]
        assert losses[-1] == pytest.approx(loss, abs=tolerance)
        assert losses[0] > 5 * losses[-1]
    if step in PICTURES:
        assert_drawn(step, tmp_path)
    if step in CHECKS:
        CHECKS[step](output)


def _check_43(output: str) -> None:
    assert "both networks give the same curve: True" in output
    assert found(r"^at most ([\d.]+) from the sine without noise", output)[0] < 0.25


def _check_46(output: str) -> None:
    """All five methods, one line each, come down to the noise."""
    results = dict(re.findall(r"^(\w+), \d+ steps: ([\d.]+)$", output, re.M))
    assert list(results) == ["SGD", "MomentumSGD", "AdaGrad", "AdaDelta", "Adam"]
    assert max(float(loss) for loss in results.values()) < 0.083


def _check_47(output: str) -> None:
    """One probability differs from the book's in its last digit, by 6e-9."""
    row = re.search(r"0\.31733289\]\]\)\nvariable\(\[\[(.+)\]\]\)\n([\d.]+)\n", output)
    assert row is not None
    expected = [0.21068638, 0.25404893, 0.53526469]
    assert [float(text) for text in row[1].split()] == pytest.approx(expected, abs=1.1e-8)
    assert float(row[2]) == pytest.approx(1.0, abs=1e-15)
    losses = found(r"^variable\((1\.4\d+)\)$", output)
    assert losses == pytest.approx([1.49674425] * 2, abs=5e-9)


def _check_48(output: str) -> None:
    """The boundary follows the arms: it also parts points that were not seen."""
    seen, new = found(r"^accuracy on \w+ points: ([\d.]+)$", output)
    assert min(seen, new) > 0.93


def _check_50(output: str) -> None:
    assert found(r"^epoch 300: .* test accuracy ([\d.]+)$", output)[0] > 0.93


def _check_54(output: str) -> None:
    shown = " ".join(re.findall(r"^in training.*variable\(\[(.+)\]\)", output, re.M))
    assert set(shown.split()) == {"0.", "2."}


CHECKS: dict[int, Callable[[str], None]] = {
    43: _check_43,
    46: _check_46,
    47: _check_47,
    48: _check_48,
    50: _check_50,
    54: _check_54,
}

# --- MNIST, the GPU ------------------------------------------------------------------------------


def accuracies(output: str) -> list[float]:
    return found(r"; test loss [\d.]+, accuracy ([\d.]+);", output)


@needs_mnist
def test_step_51_sigmoids_and_sgd_get_87_percent(run: Run) -> None:
    output = run(51, "--data", str(MNIST_FOLDER), "--network", "sigmoid")
    assert "60000 digits to learn from, 10000 to test with\n" in output
    assert "the first: shape (784,), float32 from 0.0 to 1.0, label 5\n" in output
    reached = accuracies(output)
    assert len(reached) == 5
    assert reached == sorted(reached)
    assert reached[-1] == pytest.approx(0.867, abs=0.01)


@needs_mnist
def test_step_51_relu_and_adam_get_98_percent(run: Run) -> None:
    # Two of the five epochs. The best of all five has 97.9 %.
    output = run(51, "--data", str(MNIST_FOLDER), "--network", "relu", "--epochs", "2")
    assert accuracies(output)[-1] > 0.97


def test_step_51_quickly_without_mnist(run: Run) -> None:
    assert accuracies(run(51, "--quick"))[-1] > 0.93


@pytest.mark.parametrize(
    ("step", "arguments", "message"),
    [
        (51, ["--data", "no/such/folder"], "MNIST: there is no folder no/such/folder"),
        (51, ["--epochs", "0"], "0 is not at least 1"),
        (52, ["--data", "no/such/folder"], "MNIST: there is no folder no/such/folder"),
        (58, ["--image", "zebra.jpg"], "--image wants --pretrained"),
        (58, ["--quick", "--pretrained"], "the published weights want 224x224 pixels"),
        (58, ["--pretrained", "--image", "no.jpg"], "no.jpg"),
    ],
    ids=lambda value: f"step {value}" if isinstance(value, int) else None,
)
def test_mistakes_are_named(
    step: int,
    arguments: list[str],
    message: str,
    run: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stop:
        run(step, *arguments)
    assert message in f"{stop.value.code} {capsys.readouterr().err}"


@pytest.mark.parametrize("step", PICTURES, ids="step {}".format)
def test_a_file_is_no_folder_for_pictures(
    step: int, run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "taken").write_text("mine", encoding="utf-8")
    with pytest.raises(SystemExit) as stop:
        run(step, "--out", str(tmp_path / "taken"))
    assert stop.value.code == 2
    assert "error: argument --out: " in capsys.readouterr().err


def test_step_52_runs_on_what_is_there_and_says_what_is_missing(run: Run) -> None:
    output = run(52)
    there = dezero.cuda.gpu_enable
    assert f"a GPU that can be used: {there}\n" in output
    assert ("missing: " in output) is not there
    if not there:
        assert re.search(r"^missing: .*(dezero-cuda|CUDA)", output, re.M)
    losses = found(r"^epoch \d: loss ([\d.]+), ", output)
    assert len(losses) == 5
    assert losses[-1] < 0.3 < 1.5 < losses[0]
    assert f"computed with: {'cupy' if there else 'numpy'}\n" in output
    assert "on the host again: ndarray\n" in output


# --- VGG16, sequences ----------------------------------------------------------------------------


def test_step_58_draws_vgg16_and_classifies_nothing_without_weights(
    run: Run, tmp_path: Path
) -> None:
    output = run(58, "--quick", "--out", str(tmp_path))
    assert "from (1, 3, 32, 32) float32 to (1, 1000) float32, with 37,694,248 para" in output
    assert "not classified: with random weights each of the 1000 classes, such as zebra" in output
    assert_drawn(58, tmp_path)
    picture = (tmp_path / "step58.svg").read_text(encoding="utf-8")
    for label in ("conv1_1/W: (64, 3, 3, 3) float32", "fc8/b: (1000,) float32"):
        assert label in picture


def test_step_59_the_loss_falls_and_the_prediction_follows(run: Run, tmp_path: Path) -> None:
    output = run(59, "--quick", "--out", str(tmp_path))
    assert output.startswith("999 pairs; ")
    losses = found(r"^epoch \d+, loss ([\d.]+)", output)
    assert losses[0] > 20 * losses[-1]
    assert found(r"^test loss on a cosine: ([\d.]+)$", output)[0] < 0.01
    assert_drawn(59, tmp_path)


def test_step_60_foretells_better_than_step_59_after_as_many_epochs(
    run: Run, tmp_path: Path
) -> None:
    simple = run(59, "--out", str(tmp_path / "59"))
    better = run(60, "--out", str(tmp_path / "60"))
    for output in (simple, better):
        assert "epoch 100, loss " in output
    losses = found(r"^epoch \d+, loss ([\d.]+)", better)
    assert losses[0] > 20 * losses[-1]
    (loss_59,), (loss_60,) = (found(r"^test loss .+: (.+)$", output) for output in (simple, better))
    assert loss_60 < 0.002
    assert loss_60 < 0.8 * loss_59
    assert_drawn(60, tmp_path / "60")
