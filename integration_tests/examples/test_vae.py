"""The bound of the likelihood rises, digits of a kind lie together, and mistakes are named."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import CompletedProcess
from types import ModuleType

import numpy as np
import pytest

FOLDER = Path(__file__).parents[2] / "examples" / "vae"
MNIST_FOLDER = Path(__file__).parents[3] / "shared" / "data" / "mnist"

Run = Callable[..., CompletedProcess[str]]


def figures(output: str) -> tuple[float, float, float]:
    """Return the loss before and after training, and the share of digits beside their kind."""
    losses = re.search(r"^loss ([\d.]+) -> ([\d.]+), in", output, re.M)
    told = re.search(r"^([\d.]+)% of test digits lie beside", output, re.M)
    assert losses is not None and told is not None, output
    return float(losses[1]), float(losses[2]), float(told[1])


def test_two_numbers_tell_digits(run_example: Run, tmp_path: Path) -> None:
    done = run_example("vae/train.py", "--epochs", "60")
    assert done.returncode == 0, done.stderr
    before, after, told = figures(done.stdout)
    assert before > 40.0
    assert after < 25.5
    assert told > 75.0
    out = tmp_path / "runs" / "vae-digits"
    assert sorted(path.name for path in out.iterdir()) == ["digits.png", "weights.npz"]
    assert (out / "digits.png").read_bytes().startswith(b"\x89PNG")
    with np.load(out / "weights.npz", allow_pickle=False) as weights:
        assert weights["encoder/l2/W"].shape == (64, 4)
        assert weights["decoder/l2/W"].shape == (128, 64)


def test_the_seed_decides_the_run(run_example: Run) -> None:
    outputs = []
    for seed in "334":
        done = run_example("vae/train.py", "--epochs", "2", "--seed", seed)
        assert done.returncode == 0, done.stderr
        outputs.append(figures(done.stdout))
    assert outputs[0] == outputs[1]
    assert outputs[0] != outputs[2]


@pytest.mark.skipif(
    not MNIST_FOLDER.is_dir(), reason="needs MNIST's files in ../shared/data/mnist; no download"
)
def test_mnist_is_learned_too(run_example: Run) -> None:
    data = ("--dataset", "mnist", "--data", str(MNIST_FOLDER))
    done = run_example("vae/train.py", *data, "--quick")
    assert done.returncode == 0, done.stderr
    before, after, told = figures(done.stdout)
    assert before > 500.0
    assert after < 185.0
    assert told > 50.0


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """Import the script, which has a name that others have, too."""
    monkeypatch.syspath_prepend(str(FOLDER))
    for name in ("train", "picture"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    import train

    yield train
    for name in ("train", "picture"):
        del sys.modules[name]


def test_what_a_place_costs_is_the_divergence(script: ModuleType) -> None:
    model = script.VAE(4, (3,))
    x = np.full((1, 4), 0.5, dtype=np.float32)
    model(x)
    model.encoder.l1.W.data[...] = 0.0
    model.encoder.l1.b.data[...] = [1.0, -0.5, np.log(0.25), np.log(2.0)]
    # From log densities at many places, with no formula for the divergence.
    random = np.random.default_rng(0)
    mean, deviation = np.array([1.0, -0.5]), np.sqrt([0.25, 2.0])
    noise = random.standard_normal((400_000, 2))
    z = mean + deviation * noise
    logs = -np.log(deviation) - 0.5 * noise**2 + 0.5 * z**2
    np.testing.assert_allclose(float(model(x)[1]), logs.sum(axis=1).mean(), rtol=0.01)


def test_places_in_rows_are_evenly_dense(script: ModuleType) -> None:
    places = script.grid(4).reshape(4, 4, 2)
    # The quantiles 1/8, 3/8, 5/8 and 7/8 of a normal distribution.
    expected = [-1.1503, -0.3186, 0.3186, 1.1503]
    np.testing.assert_allclose(places[0, :, 0], expected, atol=5e-3)
    np.testing.assert_allclose(places[:, 0, 1], expected[::-1], atol=5e-3)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--dataset", "mnist", "--data", "nowhere"], 1, "there is no folder nowhere"),
        (["--data", "folder"], 2, "--data is for --dataset mnist"),
        (["--epochs", "0"], 2, "0 is not at least 1"),
    ],
)
def test_mistakes_are_named(
    run_example: Run, arguments: list[str], code: int, message: str
) -> None:
    done = run_example("vae/train.py", *arguments)
    assert (done.returncode, "Traceback" in done.stderr) == (code, False)
    assert message in done.stderr
