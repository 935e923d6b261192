"""Both networks learn to expect the next character, write, and name mistakes."""

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

BEST = re.compile(r"^(\w+): \d+ parameters, .* bits per character ([\d.]+) on the test text", re.M)


def test_both_expect_better_than_who_counts(run_example: Run, tmp_path: Path) -> None:
    done = run_example("char_lm/train.py", "--quick")
    assert done.returncode == 0, done.stderr
    counting = re.search(r"how frequent they are: ([\d.]+) bits", done.stdout)
    assert counting is not None
    assert float(counting[1]) == pytest.approx(4.433, abs=0.001)
    best = {name: float(bits) for name, bits in BEST.findall(done.stdout)}
    assert list(best) == ["LSTM", "GPT"]
    assert all(bits < 3.8 for bits in best.values())
    out = tmp_path / "runs" / "char_lm"
    names = ["curves.png", "gpt.npz", "lstm.npz", "samples.txt"]
    assert sorted(path.name for path in out.iterdir()) == names
    assert (out / "curves.png").read_bytes().startswith(b"\x89PNG")
    samples = (out / "samples.txt").read_text(encoding="utf-8")
    titles = [f"--- {n}, temperature {t}" for n in best for t in ("0.5", "1")]
    assert re.findall(r"^---.*", samples, re.M) == titles


def test_a_text_of_ones_own_and_the_seed(run_example: Run, tmp_path: Path) -> None:
    line = "the sun is hot, and the moon is cold; "
    (tmp_path / "text.txt").write_text(line * 60, encoding="utf-8")
    options = ["--text", "text.txt", "--model", "lstm", "--updates", "60", "--by-heart"]
    written = []
    for out, seed in (("a", "1"), ("b", "1"), ("c", "2")):
        arguments = [*options, "--prompt", "the moon ", "--temperature", "0.3", "--length", "10"]
        arguments += ["--seed", seed]
        done = run_example("char_lm/train.py", *arguments, "--out", out)
        assert done.returncode == 0, done.stderr
        ((name, bits),) = BEST.findall(done.stdout)
        assert name == "LSTM"
        assert float(bits) < 0.5  # the end of the text is as its beginning
        written.append((tmp_path / out / "samples.txt").read_text(encoding="utf-8"))
    assert written[0] == written[1]
    assert "the moon is cold; " in written[0]
    a, b, c = ((tmp_path / out / "lstm.npz").read_bytes() for out in "abc")
    assert a == b
    assert a != c


@pytest.fixture
def models(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """Import the networks."""
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "examples" / "char_lm"))
    import models

    yield models
    del sys.modules["models"]


@pytest.mark.parametrize("name", ["lstm", "gpt"])
def test_no_network_sees_what_comes(models: ModuleType, name: str) -> None:
    np.random.seed(0)
    model = models.RecurrentModel(7, 8) if name == "lstm" else models.AttentionModel(7, 8, 2, 2, 16)
    text = np.random.randint(7, size=16)
    other = np.append(text[:10], 6 - text[10:])
    before, after = model.expect(text), model.expect(other)
    np.testing.assert_allclose(before[:10], after[:10], rtol=1e-5, atol=1e-6)
    assert np.abs(before[10:] - after[10:]).max() > 1e-3
    # Read one by one, it is the same.
    model.forget()
    one_by_one = [model.read(text[i : i + 1]) for i in range(16)]
    np.testing.assert_allclose(one_by_one, before, rtol=1e-4, atol=1e-5)
    # Whatever its length, there are scores after each character of a text.
    for length in (1, 15, 17, 24, 25, 50):
        assert model.expect(np.zeros(length, np.int64)).shape == (length, 7)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--text", "nowhere.txt"], 1, "nowhere.txt"),
        (["--text", "short.txt"], 1, "short.txt has 5 characters; at least"),
        (["--text", "picture.png"], 1, "picture.png is no text in UTF-8"),
        (["--prompt", "Ω"], 1, "none of the 51"),
        (["--prompt", ""], 2, "it must have a character at least"),
        (["--updates", "0"], 2, "0 is less than 1"),
        (["--temperature", "0"], 2, "it must be greater than 0"),
        (["--temperature", "nan"], 2, "it must be greater than 0"),
        (["--model", "rnn"], 2, "invalid choice"),
    ],
)
def test_mistakes_are_named(
    run_example: Run, tmp_path: Path, arguments: list[str], code: int, message: str
) -> None:
    (tmp_path / "short.txt").write_text("hello", encoding="utf-8")
    (tmp_path / "picture.png").write_bytes(b"\x89PNG\xff\xfe")
    done = run_example("char_lm/train.py", *arguments)
    assert (done.returncode, "Traceback" in done.stderr) == (code, False)
    assert message in done.stderr
    assert not (tmp_path / "runs").exists()
