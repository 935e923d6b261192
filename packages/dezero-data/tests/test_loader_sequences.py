"""Loaders that keep an order: of a time series, and of a text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dezero_data import SeqDataLoader, SinCurve, TokenLoader
from dezero_data.randomness import item_rng


class TestSeries:
    def test_rows_go_on(self) -> None:
        series = [(np.array([float(i)]), np.array([float(i + 1)])) for i in range(12)]
        loader = SeqDataLoader(series, 3)
        batches = list(loader)
        assert len(loader) == len(batches) == 4
        assert all(x.shape == t.shape == (3, 1) for x, t in batches)
        assert [x.ravel().tolist() for x, _ in batches] == [[k, 4 + k, 8 + k] for k in range(4)]
        assert [t.ravel().tolist() for _, t in batches] == [[k + 1, 5 + k, 9 + k] for k in range(4)]
        assert [x.ravel().tolist() for x, _ in loader] == [[k, 4 + k, 8 + k] for k in range(4)]

    def test_the_book_s_sine(self) -> None:
        sine = SinCurve(train=True)
        x, t = next(SeqDataLoader(sine, batch_size=3))
        assert x.shape == t.shape == (3, 1)
        assert x.ravel().tolist() == [sine[i][0].item() for i in (0, 333, 666)]
        np.testing.assert_allclose(x.ravel(), [0, 0.866, -0.866], atol=0.06)

    def test_the_book_s_count_and_wrapping(self) -> None:
        loader = SeqDataLoader([(i, i) for i in range(999)], 30)
        assert len(loader) == 34  # ceil(999 / 30), where the jump is 33
        last = [x.tolist() for x, _ in loader][-1]
        assert last == [(33 * row + 33) % 999 for row in range(30)]
        assert len(SeqDataLoader([(i, i) for i in range(999)], 30, drop_last=True)) == 33

    def test_wraps_around(self) -> None:
        batches = [x.tolist() for x, _ in SeqDataLoader([(i, i) for i in range(5)], 4)]
        assert batches == [[0, 1, 2, 3], [1, 2, 3, 4]]

    def test_what_comes_twice_has_other_random_numbers(self) -> None:
        class Noise:
            def __getitem__(self, index: int) -> tuple[float, int]:
                return item_rng().random(), index

            def __len__(self) -> int:
                return 5

        (_, first), (_, second) = batches = list(SeqDataLoader(Noise(), 4, seed=0))
        assert (first.tolist(), second.tolist()) == ([0, 1, 2, 3], [1, 2, 3, 4])
        assert len({value for x, _ in batches for value in x.tolist()}) == 8

    def test_draws_nothing(self) -> None:
        np.random.seed(0)
        wanted = np.random.random()
        np.random.seed(0)
        list(SeqDataLoader([(1, 2)] * 4, 2))
        assert np.random.random() == wanted

    def test_goes_on_from_a_state(self) -> None:
        loader = SeqDataLoader([(i, i) for i in range(12)], 3)
        next(loader)
        other = SeqDataLoader([(i, i) for i in range(12)], 3)
        other.load_state_dict(loader.state_dict())
        assert [x.tolist() for x, _ in other] == [[k, 4 + k, 8 + k] for k in (1, 2, 3)]

    def test_more_rows_than_items(self) -> None:
        with pytest.raises(ValueError, match="2 items cannot be read from 3 places"):
            SeqDataLoader([(1, 2)] * 2, 3)


class TestText:
    @given(
        size=st.integers(2, 200),
        rows=st.integers(1, 5),
        length=st.integers(1, 9),
    )
    def test_strips(self, size: int, rows: int, length: int) -> None:
        if (size - 1) // rows < length:
            with pytest.raises(ValueError, match="tokens are too few"):
                TokenLoader(np.arange(size), rows, length)
            return
        batches = list(TokenLoader(np.arange(size), rows, length))
        assert all(x.shape == t.shape == (rows, length) for x, t in batches)
        strips = np.concatenate([x for x, _ in batches], axis=1)
        assert all(np.array_equal(t, x + 1) for x, t in batches)
        # Each row goes on through all batches, and no token is seen twice.
        assert (np.diff(strips, axis=1) == 1).all()
        assert len(np.unique(strips)) == strips.size
        assert size - 1 - strips.size < rows * (length + 1)

    @given(size=st.integers(2, 200), rows=st.integers(1, 5), length=st.integers(1, 9))
    def test_windows(self, size: int, rows: int, length: int) -> None:
        if size <= length:
            with pytest.raises(ValueError, match=f"{size} tokens are too few"):
                TokenLoader(np.arange(size), rows, length, shuffle=True)
            return
        loader = TokenLoader(np.arange(size), rows, length, shuffle=True, seed=0)
        counts = set()
        for _ in range(3):
            batches = list(loader)
            windows = np.concatenate([x for x, _ in batches])
            assert (np.diff(windows, axis=1) == 1).all()
            assert all(np.array_equal(t, x + 1) for x, t in batches)
            assert len(np.unique(windows)) == windows.size
            assert size - 1 - windows.size < 2 * length
            counts.add(len(batches))
        assert counts == {len(loader)}

    def test_each_epoch_cuts_elsewhere(self) -> None:
        loader = TokenLoader(np.arange(1000), 4, 10, shuffle=True, seed=0)
        cuts = set()
        for _ in range(20):
            cuts |= {int(x[0, 0]) % 10 for x, _ in loader}
        assert len(cuts) > 5

    def test_repeatable(self) -> None:
        starts = []
        for _ in range(2):
            np.random.seed(2)
            loader = TokenLoader(np.arange(100), 4, 5, shuffle=True)
            starts.append([x[:, 0].tolist() for x, _ in loader])
        assert starts[0] == starts[1]

    def test_a_file_of_small_integers(self, tmp_path: Path) -> None:
        np.arange(50, dtype=np.uint16).tofile(tmp_path / "tokens")
        tokens = np.memmap(tmp_path / "tokens", np.uint16, mode="r")
        loader = TokenLoader(tokens, 2, 3)
        assert loader.dataset.tokens is tokens
        x, t = next(loader)
        assert (type(x), x.dtype, t.dtype) == (np.ndarray, np.int64, np.int64)
        assert x.tolist() == [[0, 1, 2], [24, 25, 26]]
        item = loader.dataset[4]
        assert [part.tolist() for part in item] == [[4, 5, 6], [5, 6, 7]]

    @pytest.mark.parametrize("shuffle", [False, True])
    def test_goes_on_from_a_state(self, shuffle: bool) -> None:
        def make(length: int = 5) -> TokenLoader:
            return TokenLoader(np.arange(100), 4, length, shuffle, seed=1)

        loader = make()
        next(loader)
        state = loader.state_dict()
        rest = [x.tolist() for x, _ in (next(loader) for _ in range(len(loader) - 1))]
        other = make()
        other.load_state_dict(state)
        assert [x.tolist() for x, _ in other] == rest
        with pytest.raises(ValueError, match="length: saved was 5, here it is 6"):
            make(6).load_state_dict(state)
        if shuffle:
            state["index"] = state["index"] + 90
            with pytest.raises(ValueError, match="index: windows do not begin there"):
                other.load_state_dict(state)

    @pytest.mark.parametrize(
        ("tokens", "kind", "message"),
        [
            (np.zeros(9), TypeError, r"tokens are integers of shape \(M,\), not float64"),
            (np.zeros((3, 3), int), TypeError, r"not int64 of shape \(3, 3\)"),
            ("abc", TypeError, "tokens are integers"),
            ([1, 2, 3], ValueError, "3 tokens are too few for one row of 3, which takes 4"),
        ],
    )
    def test_no_tokens(self, tokens: Any, kind: Any, message: str) -> None:
        with pytest.raises(kind, match=message):
            TokenLoader(tokens, 1, 3)

    def test_length(self) -> None:
        with pytest.raises(ValueError, match="length is at least 1, not 0"):
            TokenLoader(np.arange(9), 1, 0)
        with pytest.raises(ValueError, match=r"10 tokens are too few for 4 rows of 3.*take 13"):
            TokenLoader(np.arange(10), 4, 3)
