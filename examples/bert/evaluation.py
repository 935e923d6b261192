"""How often guesses of what is hidden are right, and those of two who do nothing but count."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from model import WINDOW, hide

from dezero_data import Characters

ROUNDS = 10  # so many different choices of what is hidden
MOST_WINDOWS = 40  # of a text, from its beginning

#: What fills in the hidden places of a text, given the text and where they are.
Guess = Callable[[np.ndarray, tuple[np.ndarray, np.ndarray]], np.ndarray]


def windows(text: Characters) -> np.ndarray:
    """Return the first part of a text, cut into windows: of shape (N, WINDOW)."""
    n = min(MOST_WINDOWS, len(text.data) // WINDOW)
    return text.data[: n * WINDOW].reshape(n, WINDOW)


def accuracy(guess: Guess, text: Characters) -> float:
    """Return the share of hidden characters that is guessed right."""
    x, n_chars = windows(text), len(text.char_to_id)
    random = np.random.default_rng(0)  # the same is hidden from all, and at all times
    right = total = 0
    for _ in range(ROUNDS):
        seen, hidden = hide(x, n_chars, random)
        right += int((guess(seen, hidden) == x[hidden]).sum())
        total += len(hidden[0])
    return right / total


def most_frequent(text: Characters) -> Guess:
    """Return who always says the most frequent character of a text: a space, as a rule."""
    char = np.bincount(text.data).argmax()
    return lambda x, hidden: np.full(len(hidden[0]), char)


def between_neighbors(text: Characters) -> Guess:
    """Return who knows how often each character of a text stood between which two others."""
    x, n_chars = text.data, len(text.char_to_id)
    counts = np.zeros((n_chars + 1,) * 3, np.int32)  # by the one before, the one after, and itself
    np.add.at(counts, (x[:-2], x[2:], x[1:-1]), 1)
    # Where one neighbor is hidden or cut off, the other one tells; where both are, none.
    counts[-1] = counts.sum(axis=0)
    counts[:, -1] = counts.sum(axis=1)

    def guess(seen: np.ndarray, hidden: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
        row, column = hidden
        padded = np.pad(seen, ((0, 0), (1, 1)), constant_values=n_chars)
        found = counts[padded[row, column], padded[row, column + 2]]
        # A pair that was never seen: what follows the one before, as often as not.
        before = counts[padded[row, column], n_chars]
        return (found * 1000 + before).argmax(axis=1)

    return guess
