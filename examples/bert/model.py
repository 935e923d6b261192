"""A network that guesses what is hidden in a text, from what stands before and after it."""

from __future__ import annotations

from typing import Any

import numpy as np

from dezero_core import Variable, as_numpy, get_array_module, no_grad, test_mode
from dezero_core.devices import device_of
from dezero_core.typing import Array, ArrayLike
from dezero_nn import Dropout, Embedding, LayerList, LayerNorm, Linear, Model, TransformerBlock
from dezero_viz import layer_outputs

WINDOW = 48  # characters are seen at once
HIDDEN_SHARE = 0.15  # of the places are to be guessed


class MaskedModel(Model):
    """A small BERT: each place looks at all places.

    Args:
        n_chars: How many characters there are. The number `n_chars` stands for a hidden one.
        size: How many numbers stand for a character.
        heads: How many ways of looking around each block has.
        blocks: How many blocks there are.
        dropout: What share is left out in training.
    """

    def __init__(
        self,
        n_chars: int,
        size: int = 64,
        heads: int = 4,
        blocks: int = 2,
        dropout: float = 0.1,
    ) -> None:
        self.heads, self.n_blocks = heads, blocks
        self.chars = Embedding(n_chars + 1, size)
        # How much each head of each block looks at a place that is so far away, to either side. As
        # in T5, and not by a vector for each place, as in BERT: that takes more text than this.
        self.far = LayerList(
            Embedding(2 * WINDOW - 1, heads, initializer=near) for _ in range(blocks)
        )
        self.dropout = Dropout(dropout)
        self.blocks = LayerList(
            TransformerBlock(size, heads, dropout_ratio=dropout) for _ in range(blocks)
        )
        self.norm = LayerNorm()
        self.scores = Linear(n_chars)

    def forward(self, x: ArrayLike, hidden: tuple[Array, Array]) -> Variable:
        """Compute the scores of what each hidden place holds.

        Args:
            x: Numbers of characters, of shape (N, T), T at most `WINDOW`.
            hidden: Where to guess: rows and columns, of shape (M,) each.

        Returns:
            A Variable of shape (M, n_chars).
        """
        h = self.dropout(self.chars(x))
        for block, far in zip(self.blocks, self.far, strict=True):
            h = block(h, mask=self.bias(far, x))  # it is added to the scores
        scores: Variable = self.scores(self.norm(h)[hidden])  # others are not scored
        return scores

    def bias(self, far: Embedding, x: ArrayLike) -> Variable:
        """Return how much each of T places looks at each for their distance: (heads, T, T)."""
        xp = get_array_module(x)  # distances are counted where the table is
        places = xp.arange(x.shape[1])
        distances = places - places[:, np.newaxis]
        table: Variable = far(distances + WINDOW - 1)
        return table.transpose(2, 0, 1)

    def expect(self, x: np.ndarray, hidden: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
        """Return the scores that `forward` computes, without a graph, on the host."""
        device = device_of(self.chars.W)
        with no_grad(), test_mode():
            return as_numpy(self(device.asarray(x), tuple(map(device.asarray, hidden))))

    def guess(self, x: np.ndarray, hidden: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
        """Return the likeliest character for each hidden place, of shape (M,)."""
        return self.expect(x, hidden).argmax(axis=1)

    def attention(self, x: np.ndarray) -> np.ndarray:
        """Return how much each place looks at each: of shape (blocks, N, heads, T, T)."""
        # What attention computes inside, once more, of the queries and keys that its layers gave.
        outputs = layer_outputs(self, x, np.nonzero(np.ones_like(x)))
        found = []
        for block in range(self.n_blocks):
            q, k = (
                outputs[f"blocks/{block}/attention/{name}"]
                .reshape(*x.shape, self.heads, -1)
                .transpose(0, 2, 1, 3)
                for name in "qk"
            )
            scores = q @ k.swapaxes(-1, -2) / np.sqrt(q.shape[-1])
            weights = np.exp(scores + self.bias(self.far[block], x).data)
            found.append(weights / weights.sum(axis=-1, keepdims=True))
        return np.stack(found)


def near(shape: tuple[int, ...], dtype: Any, fan_in: int, fan_out: int) -> np.ndarray:
    """Let each head begin with a neighbor: one or two places to the left, or to the right."""
    distances = np.arange(shape[0])[:, np.newaxis] - (WINDOW - 1)
    neighbors = np.resize((-1, 1, -2, 2), shape[1])
    return -2.0 * np.abs(distances - neighbors).astype(dtype)


def hide(
    x: np.ndarray, n_chars: int, random: np.random.Generator
) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray]]:
    """Hide some of a text.

    Most of the places to be guessed are hidden, but one in ten gets any character, and another one
    keeps its own: so a place that shows a character has to be looked into, too.

    Args:
        x: Numbers of characters, of shape (N, T).
        n_chars: The number that stands for a hidden one.
        random: What places are drawn by.

    Returns:
        The text with some of it hidden, and where: rows and columns.
    """
    hidden = np.nonzero(random.random(x.shape) < HIDDEN_SHARE)
    kind = random.random(len(hidden[0]))
    any_character = random.integers(n_chars, size=len(kind))
    seen = x.copy()
    seen[hidden] = np.where(kind < 0.8, n_chars, np.where(kind < 0.9, any_character, x[hidden]))
    return seen, hidden
