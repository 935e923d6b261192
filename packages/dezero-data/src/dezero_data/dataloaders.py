"""From a data set to batches."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from dezero_core.backend import Backend, get_backend
from dezero_core.typing import Array
from dezero_data._batches import fetch

__all__ = ["DataLoader"]


class DataLoader:
    """An iterator over the batches of a data set, which starts over by itself.

    ``for x, t in loader`` is one epoch: after the last batch the loader stops and is ready for the
    next epoch, reshuffled. After a ``break`` the next loop is a new epoch, too; it does not go on
    in the middle. ``next(loader)`` gives single batches.

    A data set that hands out many items at once (`__getitems__`) is asked once per batch.

    Source: Deep Learning from Scratch 3, step 50.

    Args:
        dataset: Pairs of data and label by index: a `Dataset`, a list of pairs, or anything with
            `__getitem__` and `__len__`.
        batch_size: How many items a batch has. The last one of an epoch may have fewer.
        shuffle: Whether each epoch has an order of its own, drawn at random.
        gpu: Whether the batches are arrays on the GPU (see `to_gpu`).
        drop_last: Whether to leave out the last batch if it has fewer items than the others.
        rng: Where the order is drawn from: a `numpy.random.Generator` or `RandomState`.
            Default: NumPy's global state, the one of ``np.random.seed``. Orders are drawn by the
            constructor and at the end of each epoch.

    Attributes:
        dataset: As given, and so are `batch_size`, `shuffle` and `drop_last`.
        data_size: How many items the data set had when the epoch began.
        max_iter: How many batches an epoch has; also ``len(loader)``.
        iteration: How many batches of this epoch were handed out.
        index: The order of this epoch: indices of items, shape (data_size,).

    Raises:
        TypeError: The data set has no items by index or no length, `batch_size` is no integer, or
            `rng` draws no permutations.
        ValueError: `batch_size` is below 1.
        LookupError: `gpu` is asked for, and no package for it is installed.
        RuntimeError: `gpu` is asked for, and there is none that can be used.

    Example:
        >>> pairs = [(0.0, 0), (0.1, 1), (0.2, 2), (0.3, 3), (0.4, 4)]
        >>> loader = DataLoader(pairs, batch_size=2, shuffle=False)
        >>> len(loader)
        3
        >>> for x, t in loader:
        ...     print(x, t)
        [0.  0.1] [0 1]
        [0.2 0.3] [2 3]
        [0.4] [4]
    """

    def __init__(
        self,
        dataset: Any,
        batch_size: int,
        shuffle: bool = True,
        gpu: bool = False,
        *,
        drop_last: bool = False,
        rng: np.random.Generator | np.random.RandomState | None = None,
    ) -> None:
        for needed in ("__getitem__", "__len__"):
            if not hasattr(dataset, needed):
                raise TypeError(
                    f"DataLoader: a {type(dataset).__name__} is no data set, "
                    f"it has no {needed}; wanted is a Dataset or a sequence of pairs"
                )
        if rng is not None and not hasattr(rng, "permutation"):
            raise TypeError(
                "DataLoader: rng is a numpy.random.Generator or RandomState, "
                f"not a {type(rng).__name__}; try numpy.random.default_rng(seed)"
            )
        self.dataset = dataset
        self.batch_size = _check_batch_size(batch_size)
        self.shuffle = shuffle
        self.drop_last = drop_last
        self._rng = rng
        self._backend: Backend | None = None
        if gpu:
            self.to_gpu()
        self.reset()

    def reset(self) -> None:
        """Begin a new epoch, with a new order if the loader shuffles."""
        self.iteration = 0
        self.data_size = len(self.dataset)
        full, rest = divmod(self.data_size, self.batch_size)
        self.max_iter = full if self.drop_last or not rest else full + 1
        if self.shuffle:
            permutation = np.random.permutation if self._rng is None else self._rng.permutation
            self.index: Array = permutation(self.data_size)
        else:
            self.index = np.arange(self.data_size)

    def __iter__(self) -> DataLoader:
        if self.iteration > 0:
            self.reset()
        return self

    def __next__(self) -> tuple[Array, Array | None]:
        """Return the next batch.

        Returns:
            The data, shape (N, ...), and the labels, or None for a data set without labels.

        Raises:
            StopIteration: The epoch is over. The next call begins another.
        """
        if self.iteration >= self.max_iter:
            self.reset()
            raise StopIteration
        start = self.iteration * self.batch_size
        x, t = fetch(self.dataset, self.index[start : start + self.batch_size])
        if self._backend is not None:
            x = self._backend.asarray(x)
            t = None if t is None else self._backend.asarray(t)
        # Last, so that a batch that failed is not a batch that was skipped.
        self.iteration += 1
        return x, t

    def __len__(self) -> int:
        return self.max_iter

    @property
    def gpu(self) -> bool:
        """Whether the batches are arrays on the GPU."""
        return self._backend is not None

    def to_cpu(self) -> None:
        """Hand out NumPy arrays from now on."""
        self._backend = None

    def to_gpu(self) -> None:
        """Hand out arrays on the GPU from now on.

        Raises:
            LookupError: No package for it is installed. The message says which to install.
            RuntimeError: There is no GPU that can be used. The message says what is missing.
        """
        try:
            backend = get_backend("cuda")
        except LookupError as error:
            raise LookupError(f"DataLoader: no GPU to load to. {error}") from error
        # Made for the error's sake: the backend says what this machine lacks, and better here than
        # in the first batch.
        backend.asarray(np.zeros(0))
        self._backend = backend


def _check_batch_size(batch_size: int) -> int:
    try:
        if isinstance(batch_size, bool):
            raise TypeError
        size = operator.index(batch_size)
    except TypeError:
        raise TypeError(f"DataLoader: batch_size is an integer, not {batch_size!r}") from None
    if size < 1:
        raise ValueError(f"DataLoader: batch_size is at least 1, not {size}")
    return size
