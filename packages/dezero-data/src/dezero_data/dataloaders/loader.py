"""From a data set to batches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from dezero_core import Device
from dezero_core.typing import Array
from dezero_data._arguments import check_dataset, check_integer
from dezero_data._batches import Collate
from dezero_data.dataloaders import _checks as checks
from dezero_data.dataloaders._ahead import Ahead
from dezero_data.dataloaders._devices import Destination
from dezero_data.dataloaders._epoch import Epoch
from dezero_data.dataloaders._order import Order
from dezero_data.dataloaders._running import Running, load
from dezero_data.dataloaders._state import Reader, save_indices
from dezero_data.dataloaders._workers import Workers
from dezero_data.randomness import RandomSource
from dezero_data.samplers import Sampler

__all__ = ["DataLoader"]


class DataLoader:
    """An iterator over the batches of a data set, which starts over by itself.

    ``for x, t in loader`` is one epoch: after the last batch the loader stops and is ready for the
    next epoch, reshuffled. After a ``break`` the next loop is a new epoch, too; it does not go on
    in the middle. ``next(loader)`` gives single batches.

    A data set that hands out many items at once (`__getitems__`) is asked once per batch. From
    other data sets, items are tuples, lists or dictionaries of fields, of which batches are stacked
    field by field; texts become lists, and None stays None.

    Random transforms that draw from `dezero_data.randomness` get numbers that the seed, the epoch
    and the item decide. So batches are the same with any number of workers, and the same again
    after `load_state_dict`.

    Source: Deep Learning from Scratch 3, step 50.

    Args:
        dataset: Pairs of data and label by index: a `Dataset`, a list of pairs, or anything with
            `__getitem__` and `__len__`.
        batch_size: How many items a batch has. The last one of an epoch may have fewer.
        shuffle: Whether each epoch has an order of its own, drawn at random. A sampler decides
            that in its own way.
        gpu: Whether the batches are arrays on the GPU (see `to_gpu`); the same as
            ``device="cuda"``.
        drop_last: Whether to leave out the last batch if it has fewer items than the others.
        rng: Where the order is drawn from: a `numpy.random.Generator` or `RandomState`.
            Default: NumPy's global state, the one of ``np.random.seed``. Orders are drawn by the
            constructor and at the end of each epoch.
        seed: In place of `rng`, a number from which orders and the random numbers of items follow.
            Default: one that the state of `rng` decides, which stays what it is.
        sampler: The items of an epoch, in order (see `dezero_data.samplers`).
        batch_sampler: The batches of an epoch, in place of `batch_size` and `sampler`.
        collate: What makes a batch of a list of items. With it, the data set is asked item by item.
        num_workers: How many processes load batches. They are spawned when the first batch is asked
            for, and stay for all epochs; each has a copy of the data set as it was then, but for
            its arrays, which they share. A script that uses them keeps what it does under
            ``if __name__ == "__main__":``. With 0, this process loads them.
        timeout: How many seconds to wait for a batch of a worker. Default: for ever; that a worker
            died is noticed anyway.
        prefetch: How many batches a thread of this process keeps ready, on the device if there is
            one. (Workers are up to two batches ahead, each, without that.)
        device: Where the batches go: ``"cuda"``, ``"cuda:1"``, ``"cpu"``, or a
            `dezero_core.Device`.

    Attributes:
        dataset: As given, and so are `batch_size`, `shuffle`, `drop_last`, `num_workers`,
            `timeout` and `prefetch`.
        epoch: Which epoch the next batch belongs to; the first one is 0.
        iteration: How many batches of this epoch were handed out.

    Raises:
        TypeError: The data set has no items by index or no length, a sampler has no length or
            gives no integers, or an argument is of the wrong kind.
        ValueError: A number is too small, or arguments exclude each other.
        LookupError: A device is asked for, and no package for it is installed.
        RuntimeError: A device is asked for, and there is none that can be used.

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
        batch_size: int | None = None,
        shuffle: bool = True,
        gpu: bool = False,
        *,
        drop_last: bool = False,
        rng: RandomSource | None = None,
        seed: int | None = None,
        sampler: Sampler | None = None,
        batch_sampler: Sampler | None = None,
        collate: Collate | None = None,
        num_workers: int = 0,
        timeout: float | None = None,
        prefetch: int = 0,
        device: str | Device | None = None,
    ) -> None:
        name = type(self).__name__
        self.dataset = check_dataset(dataset, name)
        if batch_sampler is None:
            self.batch_size: int | None = check_integer(batch_size, "batch_size", name, least=1)
        elif batch_size is not None or sampler is not None or drop_last:
            raise ValueError(
                "DataLoader: batch_sampler says which batches there are, in place of batch_size, "
                "sampler and drop_last"
            )
        else:
            self.batch_size = None
        self._order = Order(shuffle, rng, seed, sampler, batch_sampler)
        self.shuffle = self._order.is_random
        self.drop_last = drop_last
        if collate is not None and not callable(collate):
            raise TypeError(
                f"DataLoader: collate is a {type(collate).__name__}, which cannot be called"
            )
        self._collate = collate
        self.num_workers = check_integer(num_workers, "num_workers", name, least=0)
        self.timeout = checks.check_timeout(timeout)
        self.prefetch = check_integer(prefetch, "prefetch", name, least=0)
        if gpu and device is not None:
            raise ValueError(f'DataLoader: gpu=True means device="cuda"; device is {device!r}')
        self._device: Destination | None = None
        self._running = Running(self)
        self._was_resumed = False
        if gpu or device is not None:
            self._send_to("cuda" if device is None else device, "DataLoader")
        self._begin(0)

    # --- epochs ---------------------------------------------------------------------------------

    def reset(self) -> None:
        """Begin a new epoch, with a new order if the loader shuffles."""
        self._begin(self.epoch + 1)

    def _begin(self, epoch: int) -> None:
        self._running.stop()
        self.epoch = epoch
        self.iteration = 0
        self._was_resumed = False
        self._set_epoch(*self._draw_order())

    def _set_epoch(self, index: Array, ends: Array | int) -> None:
        self._epoch = Epoch(
            *(self.epoch, self.seed, len(self.dataset), index, ends),
            length=self._count_batches(index, ends),
            repeats=self._order.sampler is not None or len(index) > len(self.dataset),
        )

    def _draw_order(self) -> tuple[Array, Array | int]:
        """Return the items of an epoch in order, and where each batch ends or how long it is."""
        index, ends = self._order.draw(self.epoch, len(self.dataset))
        if ends is not None:
            return index, ends
        assert self.batch_size is not None
        return index, self.batch_size

    def _count_batches(self, index: Array, ends: Array | int) -> int:
        if not isinstance(ends, int):
            return len(ends)
        full, rest = divmod(len(index), ends)
        return full if self.drop_last or not rest else full + 1

    @property
    def seed(self) -> int:
        """From which the random numbers of items follow."""
        return self._order.seed

    @property
    def index(self) -> Array:
        """The items of this epoch in order: indices, shape (data_size,) without a sampler."""
        return self._epoch.index

    @property
    def data_size(self) -> int:
        """How many items the data set had when the epoch began."""
        return self._epoch.data_size

    @property
    def max_iter(self) -> int:
        """How many batches an epoch has; also ``len(loader)``."""
        return len(self._epoch)

    def __len__(self) -> int:
        return len(self._epoch)

    # --- batches --------------------------------------------------------------------------------

    def __iter__(self) -> DataLoader:
        if self.iteration > 0 and not self._was_resumed:
            self.reset()
        self._was_resumed = False
        return self

    def __next__(self) -> Any:
        """Return the next batch.

        Returns:
            For a data set of pairs, the data, shape (N, ...), and the labels, or None for a data
            set without labels. For others, what is said above.

        Raises:
            StopIteration: The epoch is over. The next call begins another.
            WorkerError: A worker died, or cannot be given the data set.
            TimeoutError: A worker's batch did not come in time.
            Exception: What the data set raises. The next call asks for the same batch again.
        """
        if self.iteration >= len(self._epoch):
            self.reset()
            raise StopIteration
        running = self._running
        try:
            if running.stream is None:
                running.stream = self._open()
            batch = next(running.stream)
        except BaseException:
            running.stop()
            raise
        # Last, so that a batch that failed is not a batch that was skipped.
        self.iteration += 1
        self._was_resumed = False
        return batch

    def _open(self) -> Iterator[Any]:
        """Return the rest of the batches of this epoch, loaded as the arguments say."""
        if self.num_workers:
            workers = self._running.workers
            if workers is None or not workers.is_open or workers.data_size != self.data_size:
                self._running.close()
                workers = Workers(self.dataset, self._collate, self.num_workers, self.timeout)
                self._running.workers = workers
            batches = workers.batches(self._epoch, self.iteration)
        else:
            batches = load(self.dataset, self._collate, self._epoch, self.iteration)
        if self._device is not None:
            place = self._device.from_here() if self.prefetch else self._device.place
            batches = map(place, batches)
        return Ahead(batches, self.prefetch) if self.prefetch else batches

    # --- devices --------------------------------------------------------------------------------

    @property
    def device(self) -> str:
        """Where the batches go: ``"cpu"``, or the name that was given."""
        return "cpu" if self._device is None else self._device.device.name

    @property
    def gpu(self) -> bool:
        """Whether the batches are arrays on the GPU."""
        return self._device is not None

    def to(self, device: str | Device) -> DataLoader:
        """Hand out arrays on a device from now on.

        Args:
            device: ``"cpu"``, ``"cuda"``, ``"cuda:1"``, or a `dezero_core.Device`.

        Returns:
            The loader itself.

        Raises:
            TypeError: `device` is no text.
            ValueError: It is not of that form, or devices of this backend have no numbers.
            LookupError: No package for it is installed. The message says which to install.
            RuntimeError: There is none that can be used. The message says what is missing.
        """
        self._send_to(device, "DataLoader.to")
        return self

    def to_cpu(self) -> None:
        """Hand out NumPy arrays from now on."""
        self._send_to("cpu", "DataLoader.to_cpu")

    def to_gpu(self) -> None:
        """Hand out arrays on the GPU from now on.

        Raises:
            LookupError: No package for it is installed. The message says which to install.
            RuntimeError: There is no GPU that can be used. The message says what is missing.
        """
        self._send_to("cuda", "DataLoader.to_gpu")

    def _send_to(self, device: str | Device, operation: str) -> None:
        chosen = Destination(device, operation)
        self._running.stop()
        self._device = None if chosen.device.name == "cpu" else chosen

    # --- state ----------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """Return all that is needed to go on from here, in the middle of an epoch too.

        What counts is the batches that were handed out, whatever workers have loaded beyond.
        NumPy's global state, from which the next orders come if there is neither `rng` nor `seed`,
        is not part of it; `dezero_nn.Checkpoint` saves it as well.

        Returns:
            Numbers, strings, and arrays by name: with shuffling or a sampler, the order.
        """
        epoch = self._epoch
        return {
            **self._identity(),
            "seed": self.seed,
            "epoch": self.epoch,
            "iteration": self.iteration,
            "index": save_indices(epoch.index) if self._order.is_drawn else None,
            "ends": None if isinstance(epoch.ends, int) else epoch.ends.copy(),
            **self._order.state(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a state that `state_dict` returned: the next batch is the one that came next.

        The next loop goes on in the middle of the epoch, if the state was taken there.

        Args:
            state: The state of a loader that was made alike, over the same data.

        Raises:
            ValueError: It does not fit: another order, data size, batch size, seed, ... The message
                lists all of it, and nothing was changed.
        """
        reader = Reader(f"{type(self).__name__}.load_state_dict", state)
        reader.check_keys(self.state_dict())
        reader.check_same(self._identity())
        if self._order.seed_is_given:
            reader.check_same({"seed": self.seed})
        seed, number, iteration = map(reader.natural, ("seed", "epoch", "iteration"))
        ends: Array | int | None = self.batch_size
        if ends is None:
            ends = reader.indices("ends")
        if self._order.is_drawn:
            index = reader.indices("index")
            self._check_order(reader, index, ends)
        else:
            index, ends = self._draw_order()
        length = self._count_batches(index, ends)
        if iteration > length:
            reader.problems.append(f"iteration: saved was {iteration}, of {length} batches")
        reader.raise_if_any()
        self._order.load(state, seed, number)
        self._running.stop()
        self.epoch, self.iteration = number, iteration
        self._set_epoch(index, ends)
        self._was_resumed = True

    def _identity(self) -> dict[str, Any]:
        """Return what a state must have in common with the loader that it is for."""
        return {
            "kind": type(self).__name__,
            "order": self._order.name,
            "data_size": len(self.dataset),
            "batch_size": self.batch_size,
            "drop_last": self.drop_last,
        }

    def _check_order(self, reader: Reader, index: Array, ends: Array | int) -> None:
        if not isinstance(ends, int):
            if np.any(np.diff(ends, prepend=0) < 1) or (len(ends) and ends[-1] != len(index)):
                reader.problems.append("ends: batches do not end there")
        elif self.shuffle and not np.array_equal(np.sort(index), np.arange(len(self.dataset))):
            reader.problems.append("index: it is no order of the items")

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_running"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._running = Running(self)

    def __repr__(self) -> str:
        name = f"{type(self).__name__}({type(self.dataset).__name__} of {self.data_size} items"
        if self.batch_size is not None:
            name += f", batch_size={self.batch_size}"
        name += f", {self._order.name}"
        for option in ("num_workers", "prefetch"):
            if getattr(self, option):
                name += f", {option}={getattr(self, option)}"
        if self._device is not None:
            name += f", device={self.device!r}"
        return f"{name}; batch {self.iteration} of {len(self)} in epoch {self.epoch})"
