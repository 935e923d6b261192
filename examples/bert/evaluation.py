"""How often guesses of what is hidden are right, and those of two who do nothing but count."""

from __future__ import annotations

from collections import Counter, defaultdict
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
    """Return who knows which character of a text stood most often between which two others."""
    x, unknown = text.data.tolist(), len(text.char_to_id)
    counts: defaultdict[tuple[int, int], Counter[int]] = defaultdict(Counter)
    for before, char, after in zip(x, x[1:], x[2:], strict=False):
        # A neighbor may be hidden, or cut off: then the other one tells, if it is there.
        for pair in ((before, after), (before, unknown), (unknown, after), (unknown, unknown)):
            counts[pair][char] += 1
    best = {pair: count.most_common(1)[0][0] for pair, count in counts.items()}

    def guess(seen: np.ndarray, hidden: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
        rows, columns = hidden
        padded = np.pad(seen, ((0, 0), (1, 1)), constant_values=unknown)
        befores, afters = padded[rows, columns].tolist(), padded[rows, columns + 2].tolist()
        found = []
        for before, after in zip(befores, afters, strict=True):
            # Of two that were never seen apart by one, the one before tells.
            pairs = ((before, after), (before, unknown), (unknown, unknown))
            found.append(next(best[pair] for pair in pairs if pair in best))
        return np.array(found)

    return guess
