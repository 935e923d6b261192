"""What is hidden in a text is guessed from both sides, and mistakes are named."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import CompletedProcess
from types import ModuleType

import numpy as np
import pytest

Run = Callable[..., CompletedProcess[str]]


def shares(output: str) -> dict[str, float]:
    """Return how often each was right, in per cent, of the test text."""
    rows = re.findall(r"^  (\w[^\d]*?) +[\d.]+% of what it learned, +([\d.]+)%", output, re.M)
    return {name: float(share) for name, share in rows}


def test_it_guesses_twice_as_well_as_the_most_frequent(run_example: Run, tmp_path: Path) -> None:
    outputs = []
    for out in ("a", "b"):
        line = "Shall I compare thee to a s_____'s day?"
        done = run_example("bert/train.py", "--quick", "--out", out, "--fill", line)
        assert done.returncode == 0, done.stderr
        outputs.append(shares(done.stdout))
        names = ["bert.png", "filled.txt", "weights.npz"]
        assert sorted(path.name for path in (tmp_path / out).iterdir()) == names
    unigram, neighbors, network = outputs[0].values()
    assert unigram == pytest.approx(16.5, abs=0.1)
    assert neighbors == pytest.approx(32.7, abs=0.1)
    assert network > 1.7 * unigram
    assert outputs[0] == outputs[1]
    for name in names[1:]:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    assert (tmp_path / "a" / "bert.png").read_bytes().startswith(b"\x89PNG")
    asked, filled = (tmp_path / "a" / "filled.txt").read_text(encoding="utf-8").splitlines()
    assert asked == line
    assert re.fullmatch(r"Shall I compare thee to a s[^_]{5}'s day\?", filled, re.S)


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """Import the network."""
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "examples" / "bert"))
    import model

    yield model
    del sys.modules["model"]


def test_one_place_in_seven_is_to_be_guessed_and_most_of_these_are_hidden(
    model: ModuleType,
) -> None:
    x = np.random.default_rng(0).integers(50, size=(400, 48))
    seen, hidden = model.hide(x, 50, np.random.default_rng(1))
    elsewhere = np.ones(x.shape, bool)
    elsewhere[hidden] = False
    assert (seen[elsewhere] == x[elsewhere]).all()
    assert 1 - elsewhere.mean() == pytest.approx(0.15, abs=0.01)
    assert (seen[hidden] == 50).mean() == pytest.approx(0.8, abs=0.03)
    # A random character may happen to be the right one.
    assert (seen[hidden] == x[hidden]).mean() == pytest.approx(0.1 + 0.1 / 50, abs=0.02)


def test_its_attention_is_what_the_layers_compute(model: ModuleType) -> None:
    np.random.seed(0)
    network = model.MaskedModel(7, size=8, heads=2, blocks=1)
    x = np.random.randint(8, size=(3, 10))
    everywhere = np.nonzero(np.ones_like(x))
    scores = network.expect(x, everywhere)
    (weights,) = network.attention(x)
    assert weights.shape == (3, 2, 10, 10)
    np.testing.assert_allclose(weights.sum(axis=-1), 1, rtol=1e-5)
    # The same, from these weights on.
    block = network.blocks[0]
    h = network.chars(x)
    v = block.attention.v(block.norm1(h)).data.reshape(3, 10, 2, 4).transpose(0, 2, 1, 3)
    h = h + block.attention.out((weights @ v).transpose(0, 2, 1, 3).reshape(3, 10, 8))
    h = h + block.fc2(block.activation(block.fc1(block.norm2(h))))
    again = network.scores(network.norm(h)[everywhere])
    np.testing.assert_allclose(again.data, scores, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--text", "nowhere.txt"], 1, "nowhere.txt"),
        (["--text", "short.txt"], 1, "short.txt has 5 characters; at least"),
        (["--fill", "no hole"], 2, "'no hole' has no hole, _"),
        (["--fill", "_" * 49], 2, "is longer than 48 characters"),
        (["--fill", "Ω_"], 1, "none of the 51"),
        (["--updates", "0"], 2, "0 is less than 1"),
    ],
)
def test_mistakes_are_named(
    run_example: Run, tmp_path: Path, arguments: list[str], code: int, message: str
) -> None:
    (tmp_path / "short.txt").write_text("hello", encoding="utf-8")
    done = run_example("bert/train.py", *arguments)
    assert (done.returncode, "Traceback" in done.stderr) == (code, False)
    assert message in done.stderr
    assert not (tmp_path / "runs").exists()
