"""Loaders for what has an order: time series, and texts."""

from __future__ import annotations

from typing import Any

import numpy as np

from dezero_core import Device
from dezero_core.typing import Array, ArrayLike
from dezero_data._arguments import check_integer
from dezero_data._batches import Collate
from dezero_data.dataloaders.loader import DataLoader
from dezero_data.randomness import RandomSource

__all__ = ["SeqDataLoader", "TokenLoader"]


class SeqDataLoader(DataLoader):
    """Batches for a recurrent network: row i of a batch is what follows row i of the batch before.

    The series is read from `batch_size` places at once, evenly spread: with ``jump = data_size //
    batch_size``, batch k has the items ``i * jump + k`` for i = 0, 1, ..., batch_size - 1. After
    the last item comes the first.

    Source: Deep Learning from Scratch 3, step 60.

    Args:
        dataset: As `DataLoader`: a series, whose items follow each other.
        batch_size: From how many places it is read.
        gpu: As `DataLoader`, and so are the others.
        drop_last: An epoch has ``ceil(data_size / batch_size)`` batches. If that does not divide
            evenly, the last batch repeats items that other rows began with; True leaves it out.
        seed: As `DataLoader`.
        collate: As `DataLoader`.
        num_workers: As `DataLoader`.
        timeout: As `DataLoader`.
        prefetch: As `DataLoader`.
        device: As `DataLoader`.

    Raises:
        ValueError: There are fewer items than rows; and as `DataLoader`.

    Example:
        >>> series = [(value, value + 1) for value in range(7)]
        >>> for x, t in SeqDataLoader(series, batch_size=2):
        ...     print(x, t)
        [0 3] [1 4]
        [1 4] [2 5]
        [2 5] [3 6]
        [3 6] [4 7]
    """

    def __init__(
        self,
        dataset: Any,
        batch_size: int,
        gpu: bool = False,
        *,
        drop_last: bool = False,
        seed: int | None = None,
        collate: Collate | None = None,
        num_workers: int = 0,
        timeout: float | None = None,
        prefetch: int = 0,
        device: str | Device | None = None,
    ) -> None:
        super().__init__(
            *(dataset, batch_size, False, gpu),
            drop_last=drop_last,
            seed=seed,
            collate=collate,
            num_workers=num_workers,
            timeout=timeout,
            prefetch=prefetch,
            device=device,
        )

    def _draw_order(self) -> tuple[Array, Array | int]:
        rows, size = self.batch_size, len(self.dataset)
        assert rows is not None
        jump, rest = divmod(size, rows)
        if jump == 0:
            raise ValueError(
                f"SeqDataLoader: {size} items cannot be read from {rows} places at once; "
                "batch_size is at most the number of items"
            )
        batches = jump if self.drop_last or not rest else jump + 1
        places = np.arange(rows) * jump + np.arange(batches)[:, np.newaxis]
        return places.ravel() % size, rows


class TokenLoader(DataLoader):
    """Batches of a long text, as ids of characters or tokens: inputs, and what comes next.

    In order (the default), the text is cut into `batch_size` strips that are read side by side:
    row i of a batch goes on where row i of the batch before ended, for truncated backpropagation
    through time. Shuffled, batches are made of windows in random order, as for a transformer; each
    epoch cuts the text at other places.

    Either way, an epoch shows each token once, but for what is left over: up to `length` at the
    end of each strip, or fewer than two times `length` in all.

    Batches are int64 of shape (N, length); a network that wants the time first takes ``x.T``.

    Args:
        tokens: Ids, integers of shape (M,). An array that is mapped from a file stays there.
        batch_size: How many rows a batch has. Of shuffled windows, the last one may have fewer.
        length: How many tokens a row has.
        shuffle: Whether the windows come in random order.
        gpu: As `DataLoader`, and so are the others.
        drop_last: As `DataLoader`.
        rng: As `DataLoader`.
        seed: As `DataLoader`.
        num_workers: As `DataLoader`.
        timeout: As `DataLoader`.
        prefetch: As `DataLoader`.
        device: As `DataLoader`.

    Attributes:
        length: As given.

    Raises:
        TypeError: `tokens` are no integers; and as `DataLoader`.
        ValueError: There are too few tokens; and as `DataLoader`.

    Example:
        >>> for x, t in TokenLoader(np.arange(9), batch_size=2, length=2):
        ...     print(x.tolist(), t.tolist())
        [[0, 1], [4, 5]] [[1, 2], [5, 6]]
        [[2, 3], [6, 7]] [[3, 4], [7, 8]]
    """

    def __init__(
        self,
        tokens: ArrayLike,
        batch_size: int,
        length: int,
        shuffle: bool = False,
        gpu: bool = False,
        *,
        drop_last: bool = False,
        rng: RandomSource | None = None,
        seed: int | None = None,
        num_workers: int = 0,
        timeout: float | None = None,
        prefetch: int = 0,
        device: str | Device | None = None,
    ) -> None:
        self.length = check_integer(length, "length", "TokenLoader", least=1)
        super().__init__(
            *(_Windows(tokens, self.length), batch_size, shuffle, gpu),
            drop_last=drop_last,
            rng=rng,
            seed=seed,
            num_workers=num_workers,
            timeout=timeout,
            prefetch=prefetch,
            device=device,
        )

    def _draw_order(self) -> tuple[Array, Array | int]:
        rows, length = self.batch_size, self.length
        assert rows is not None
        # The last token is nobody's input, since nothing comes after it.
        inputs = len(self.dataset) + length - 1
        if not self.shuffle:
            strip = inputs // rows
            if strip < length:
                raise ValueError(
                    f"TokenLoader: {inputs + 1} tokens are too few for {rows} rows of {length}, "
                    f"which take {rows * length + 1}"
                )
            places = np.arange(rows) * strip + length * np.arange(strip // length)[:, np.newaxis]
            return places.ravel(), rows
        # As many windows wherever the first one begins, so that all epochs are alike.
        windows = max(1, (inputs - length + 1) // length)
        begins = min(length, inputs - windows * length + 1)
        source = self._order.source(self.epoch)
        offset = source.permutation(begins)[0]
        return offset + length * source.permutation(windows), rows

    def _identity(self) -> dict[str, Any]:
        return {**super()._identity(), "length": self.length}

    def _check_order(self, reader: Any, index: Array, ends: Array | int) -> None:
        cuts = np.diff(np.sort(index))
        inside = len(index) and index.min() >= 0 and index.max() < len(self.dataset)
        if not inside or np.any(cuts != self.length):
            reader.problems.append("index: windows do not begin there")


class _Windows:
    """The windows of a text, by the place where they begin: the inputs, and the same one later."""

    def __init__(self, tokens: ArrayLike, length: int) -> None:
        self.tokens = np.asanyarray(tokens)
        self.length = length
        if self.tokens.dtype.kind not in "iu" or self.tokens.ndim != 1:
            raise TypeError(
                "TokenLoader: tokens are integers of shape (M,), not "
                f"{self.tokens.dtype} of shape {self.tokens.shape}"
            )
        if len(self.tokens) <= length:
            raise ValueError(
                f"TokenLoader: {len(self.tokens)} tokens are too few for one row of {length}, "
                f"which takes {length + 1}"
            )

    def __getitem__(self, index: int) -> tuple[Array, Array]:
        x, t = self.__getitems__(np.array([index]))
        return x[0], t[0]

    def __getitems__(self, indices: Array) -> tuple[Array, Array]:
        places = indices[:, np.newaxis] + np.arange(self.length + 1)
        # Signed and wide, whatever the file has: ids are indices, and get compared and subtracted.
        rows = np.asarray(self.tokens[places]).astype(np.int64, copy=False)
        return np.ascontiguousarray(rows[:, :-1]), np.ascontiguousarray(rows[:, 1:])

    def __len__(self) -> int:
        return len(self.tokens) - self.length

    def __repr__(self) -> str:
        return f"<{len(self.tokens)} tokens in windows of {self.length}>"
