"""Two networks that guess the next character: one reads step by step, one looks back."""

from __future__ import annotations

from typing import Any

import numpy as np

from dezero_core import Variable, get_array_module, no_grad, test_mode
from dezero_core import functions as F
from dezero_core.typing import Array, ArrayLike
from dezero_nn import (
    LSTM,
    Dropout,
    Embedding,
    LayerList,
    LayerNorm,
    Linear,
    Model,
    TransformerBlock,
    reset_states,
)


class RecurrentModel(Model):
    """Long short-term memory: all that was read is in a state, which goes from call to call.

    Args:
        n_chars: How many characters there are.
        size: How many numbers the state has, and so the memory.
        dropout: What share of the outputs is left out in training.
    """

    def __init__(self, n_chars: int, size: int, dropout: float = 0.2) -> None:
        self.chars = Embedding(n_chars, size // 2)
        self.lstm = LSTM(size)
        self.dropout = Dropout(dropout)
        self.scores = Linear(n_chars)

    def forward(self, x: ArrayLike) -> Variable:
        """Compute the scores of what comes next, after each character.

        Args:
            x: Numbers of characters, of shape (N, T), that follow those of the call before.

        Returns:
            A Variable of shape (N, T, n_chars).
        """
        h = self.lstm(self.chars(x.T))  # (T, N, size): the layer has the time first
        scores: Variable = self.scores(self.dropout(h).reshape(x.size, -1))
        return scores.reshape(*x.T.shape, -1).transpose(1, 0, 2)

    def forget(self) -> None:
        """Begin a new text."""
        reset_states(self)

    def read(self, x: np.ndarray) -> np.ndarray:
        """Read on, and return the scores of what comes next, of shape (n_chars,)."""
        with no_grad(), test_mode():
            return self(x[np.newaxis]).data[0, -1]

    def expect(self, x: Array) -> Array:
        """Read a text; return the scores of what comes next after each, shape (T, n_chars)."""
        self.forget()
        with no_grad(), test_mode():
            return self(x[np.newaxis]).data[0]


class AttentionModel(Model):
    """A small GPT: each place looks at the places before it, in a window.

    Args:
        n_chars: How many characters there are.
        size: How many numbers stand for a character.
        heads: How many ways of looking back each block has.
        blocks: How many blocks there are.
        window: How many places are seen.
        dropout: What share is left out in training.
    """

    def __init__(
        self,
        n_chars: int,
        size: int,
        heads: int,
        blocks: int,
        window: int,
        dropout: float = 0.2,
    ) -> None:
        self.window = window
        self.chars = Embedding(n_chars, size)
        # How much each head of each block looks at a place that is so far back. As in T5; the
        # original has a vector for each place, with which so little text is learned slowly.
        self.far = LayerList(Embedding(window, heads, initializer=near) for _ in range(blocks))
        self.dropout = Dropout(dropout)
        self.blocks = LayerList(
            TransformerBlock(size, heads, causal=True, dropout_ratio=dropout) for _ in range(blocks)
        )
        self.norm = LayerNorm()
        self.scores = Linear(n_chars)
        self.forget()

    def forward(self, x: ArrayLike) -> Variable:
        """Compute the scores of what comes next, after each character.

        Args:
            x: Numbers of characters, of shape (N, T), T at most `window`.

        Returns:
            A Variable of shape (N, T, n_chars).
        """
        h = self.dropout(self.chars(x))
        xp = get_array_module(x)  # places are counted where the table is
        places = xp.arange(x.shape[1])
        back = xp.maximum(0, places[:, np.newaxis] - places)  # what comes later is not seen anyway
        for block, far in zip(self.blocks, self.far, strict=True):
            h = block(h, mask=far(back).transpose(2, 0, 1))  # added to all scores: (heads, T, T)
        scores: Variable = self.scores(self.norm(h).reshape(x.size, -1))
        return scores.reshape(*x.shape, -1)

    def forget(self) -> None:
        """Begin a new text."""
        self.seen = np.zeros(0, dtype=np.int64)

    def read(self, x: np.ndarray) -> np.ndarray:
        """Read on, and return the scores of what comes next, of shape (n_chars,)."""
        self.seen = np.concatenate([self.seen, x])[-self.window :]
        with no_grad(), test_mode():
            return self(self.seen[np.newaxis]).data[0, -1]

    def expect(self, x: Array) -> Array:
        """Read a text; return the scores of what comes next after each, shape (T, n_chars)."""
        # Windows overlap by half, so that all but the first places look back half a window.
        half = self.window // 2
        starts = range(half, len(x) - half, half)
        with no_grad(), test_mode():
            scores = [self(x[np.newaxis, : self.window]).data[0]]
            scores += [self(x[np.newaxis, i : i + self.window]).data[0, half:] for i in starts]
        return F.concatenate(scores).data


def near(shape: tuple[int, ...], dtype: Any, fan_in: int, fan_out: int) -> np.ndarray:
    """Let the first head begin with the place before, the second with the one before that, ..."""
    distances, heads = np.ogrid[: shape[0], 1 : shape[1] + 1]
    return -2.0 * np.abs(distances - heads).astype(dtype)
