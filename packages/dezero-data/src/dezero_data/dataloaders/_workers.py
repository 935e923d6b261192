"""Worker processes, as the process that uses them sees them."""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import time
import weakref
from collections import deque
from collections.abc import Iterator
from mmap import mmap
from multiprocessing import connection, get_context
from typing import Any

import numpy as np

from dezero_core.typing import Array
from dezero_data._batches import Collate, shorten
from dezero_data.dataloaders import _worker
from dezero_data.dataloaders._epoch import Epoch
from dezero_data.dataloaders._shared import (
    CAN_SHARE,
    copy_into,
    layout_of,
    map_block,
    new_block,
    pack,
    receive_block,
    send_block,
    unpack,
)

__all__ = ["WorkerError", "Workers"]

# How many batches a worker has to do at a time: one, and the next.
_TASKS = 2
# How many batches may be looked at where they are. More than these, which somebody collects, are
# copied, for a process has some ten thousand maps only.
_MOST_BLOCKS = 256
# How long a worker may take to start, beyond the time-out for a batch.
_STARTING_SECONDS = 60.0
# How long workers get to end by themselves.
_CLOSING_SECONDS = 0.5


class WorkerError(RuntimeError):
    """A worker process of a loader died, or could not be given what it needs.

    An error that the data set raises in a worker is none of these: it arrives as what it is, with
    the worker's traceback as a note.
    """


class Workers:
    """Processes that load batches of one data set, until they are closed.

    They are spawned, never forked: a fork of a process with threads, as BLAS and CUDA have them,
    may hang.

    Args:
        dataset: The data set. Each worker has a copy, but for its arrays, which they share.
        collate: As `fetch`.
        count: How many.
        timeout: How many seconds to wait for a batch, or None.

    Attributes:
        data_size: How many items the data set had.

    Raises:
        WorkerError: The data set cannot be sent to them.
    """

    def __init__(
        self, dataset: Any, collate: Collate | None, count: int, timeout: float | None
    ) -> None:
        self.data_size = len(dataset)
        self._timeout = timeout
        self._stream = 0
        self._owner = os.getpid()
        self._workers: list[_Worker] = []
        data, buffers = _pack_for_workers(dataset, collate, count)
        try:
            with _no_interrupts():
                self._workers.extend(_Worker(number) for number in range(count))
            self._send_setup(data, buffers)
        except BaseException:
            self.close()
            raise

    def _send_setup(self, data: bytes, buffers: list[pickle.PickleBuffer]) -> None:
        layout, size = layout_of(buffers)
        descriptor = -1
        inline = bytearray()
        if CAN_SHARE and size:
            descriptor = new_block(size)
            copy_into(map_block(descriptor, size), buffers, layout)
        else:
            inline = bytearray(size)
            copy_into(inline, buffers, layout)
            size = 0
        try:
            for worker in self._workers:
                # One that died at once is noticed where its first batch is waited for.
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                    worker.connection.send(_worker.Setup(data, layout, size, inline))
                    if size:
                        send_block(worker.connection, descriptor)
        finally:
            if size:
                os.close(descriptor)

    def batches(self, epoch: Epoch, start: int) -> Iterator[Any]:
        """Yield the batches of an epoch in order, loaded ahead. What was asked before is void.

        Args:
            epoch: What to load.
            start: The first batch to load.

        Raises:
            WorkerError: A worker died, or lacks what it needs. The others were stopped.
            TimeoutError: A batch did not come in time. The workers were stopped.
            Exception: What the data set raised.
        """
        self._stream += 1
        for worker in self._workers:
            worker.tasks.clear()
        loaded: dict[int, Any] = {}
        asked = start
        for wanted in range(start, len(epoch)):
            waiting_since = time.monotonic()
            while True:
                try:
                    asked = self._ask(epoch, asked, wanted)
                    if wanted in loaded:
                        break
                    if not self._workers:
                        raise WorkerError("DataLoader: its workers were stopped")
                    self._receive(loaded, epoch, wanted, waiting_since)
                except BaseException:
                    # Also Ctrl-C: half of a message may have been sent or read.
                    self.close()
                    raise
            batch = loaded.pop(wanted)
            if isinstance(batch, _worker.Failure):
                raise self._error_of(batch)
            yield batch

    def _ask(self, epoch: Epoch, asked: int, wanted: int) -> int:
        """Give each worker something to do, and return how far that goes."""
        end = min(len(epoch), wanted + _TASKS * len(self._workers))
        for round_ in range(_TASKS):
            for worker in self._workers:
                if asked < end and len(worker.tasks) <= round_:
                    indices, streams = epoch.items(asked)
                    task = _worker.Task(
                        *(self._stream, asked, epoch.seed, epoch.number),
                        *(indices, streams, worker.take_free_blocks()),
                    )
                    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                        worker.connection.send(task)
                    worker.tasks[asked] = indices
                    asked += 1
        return asked

    def _receive(
        self, loaded: dict[int, Any], epoch: Epoch, wanted: int, waiting_since: float
    ) -> None:
        """Wait until at least one worker says something, and take it in."""
        patience = None
        if self._timeout is not None:
            limit = self._timeout
            holder = next(worker for worker in self._workers if wanted in worker.tasks)
            if not holder.ready_since:
                limit += _STARTING_SECONDS
            patience = max(waiting_since, holder.ready_since) + limit - time.monotonic()
            if patience <= 0:
                raise TimeoutError(
                    f"DataLoader: batch {wanted} did not come from {holder} within {limit:g} s; "
                    f"it has items {shorten(epoch.items(wanted)[0])}. Raise timeout if they "
                    "may take so long"
                )
        watched: list[Any] = [worker.connection for worker in self._workers]
        watched += [worker.process.sentinel for worker in self._workers]
        spoken = connection.wait(watched, patience)
        for worker in self._workers:
            if worker.connection in spoken or worker.connection.poll():
                try:
                    self._take(worker, worker.connection.recv(), loaded)
                except (EOFError, ConnectionResetError):
                    raise worker.explain_death() from None
            elif worker.process.sentinel in spoken:
                raise worker.explain_death()

    def _take(self, worker: _Worker, message: Any, loaded: dict[int, Any]) -> None:
        if isinstance(message, _worker.Ready):
            worker.ready_since = time.monotonic()
        elif isinstance(message, _worker.Loaded):
            batch = worker.open(message)
            if message.stream == self._stream:
                del worker.tasks[message.batch]
                loaded[message.batch] = batch
        elif isinstance(message, _worker.Failure):
            if message.batch < 0:
                raise WorkerError(
                    f"DataLoader: {worker} could not load the data set. What it is made of must "
                    f"be in modules that can be imported.\n\n{message.text}"
                )
            if message.stream == self._stream:
                del worker.tasks[message.batch]
                loaded[message.batch] = message._replace(
                    text=f"This was in {worker}:\n\n{message.text}"
                )

    @staticmethod
    def _error_of(failure: _worker.Failure) -> Exception:
        """Return what a worker raised, as what it was there."""
        if failure.error is not None:
            with contextlib.suppress(Exception):
                error: Exception = pickle.loads(failure.error)
                error.add_note(failure.text)
                return error
        return WorkerError(f"DataLoader: batch {failure.batch} failed. {failure.text}")

    def kill(self) -> None:
        """Kill the processes, which whoever waits for a batch in another thread gets to know."""
        if os.getpid() == self._owner:
            for worker in self._workers:
                worker.process.kill()

    def close(self) -> None:
        """Stop the processes. Batches that were handed out stay what they are."""
        if os.getpid() != self._owner:
            return  # this is a fork, and they are its parent's
        for worker in self._workers:
            worker.connection.close()
        end = time.monotonic() + _CLOSING_SECONDS
        for worker in self._workers:
            worker.process.join(max(0.0, end - time.monotonic()))
            if worker.process.is_alive():
                worker.process.kill()
                worker.process.join()
            worker.process.close()
        self._workers = []

    @property
    def is_open(self) -> bool:
        """Whether there are processes."""
        return bool(self._workers)


class _Worker:
    """One process.

    Attributes:
        process: The process.
        connection: The way to it and back.
        tasks: The batches that it was asked for in this run through the data: their items.
        ready_since: When it had the data set; 0 before.
    """

    def __init__(self, number: int) -> None:
        context = get_context("spawn")
        self._number = number
        self.connection, theirs = context.Pipe()
        self.process = context.Process(
            target=_worker.run,
            args=(theirs,),
            name=f"DataLoader worker {number}",
            daemon=True,
        )
        self.process.start()
        self._pid = self.process.pid
        theirs.close()
        self.tasks: dict[int, Array] = {}
        self.ready_since = 0.0
        self._maps: dict[int, mmap] = {}
        self._free: deque[int] = deque()

    def __str__(self) -> str:
        return f"worker {self._number} (process {self._pid})"

    def open(self, message: _worker.Loaded) -> Any:
        """Return the batch of a message. Its arrays lie where the worker has put them."""
        if message.inline is not None:
            return unpack(message.data, message.layout, message.inline)
        for block in message.dropped:
            self._maps.pop(block, None)
        if message.is_new:
            descriptor = receive_block(self.connection)
            self._maps[message.block] = map_block(descriptor, message.size)
            os.close(descriptor)
        memory = np.frombuffer(self._maps[message.block], np.uint8)
        if len(self._maps) > _MOST_BLOCKS:
            memory = memory.copy()
            self._free.append(message.block)
        else:
            # Every array of the batch has this one as its base. When the last of them is gone, the
            # worker may write there again.
            weakref.finalize(memory, self._free.append, message.block).atexit = False
        return unpack(message.data, message.layout, memory)

    def take_free_blocks(self) -> list[int]:
        """Return the blocks that nobody looks at since the last call."""
        free = []
        with contextlib.suppress(IndexError):
            while True:
                free.append(self._free.popleft())
        return free

    def explain_death(self) -> WorkerError:
        """Say how it ended, and what may be done."""
        self.process.join(_CLOSING_SECONDS)
        code = self.process.exitcode
        what = f"DataLoader: {self} died"
        if code is not None and code < 0:
            what += f" of {_name_of_signal(-code)}"
        what += f" with exit code {code}"
        if not self.ready_since:
            return WorkerError(
                f"{what} while it started. What it printed stands above. A script that uses "
                'workers keeps what it does under `if __name__ == "__main__":`, since they '
                "import it"
            )
        if self.tasks:
            batch, indices = next(iter(self.tasks.items()))
            what += f" with batch {batch} to do, items {shorten(indices)}"
        if code == -9:
            what += (
                ". The system kills so when memory runs out: try fewer workers or smaller batches"
            )
        elif code is not None and code < 0:
            what += ". A library with compiled code crashes so: try num_workers=0 to see where"
        return WorkerError(what)


def _pack_for_workers(dataset: Any, collate: Collate | None, count: int) -> Any:
    try:
        return pack((dataset, collate))
    except Exception as error:
        what = f"this {type(dataset).__name__}"
        with contextlib.suppress(Exception):
            pack(dataset)
            what = f"collate={collate!r}"
        raise WorkerError(
            f"DataLoader: num_workers={count} sends the data set to other processes, and {what} "
            f"cannot be pickled ({type(error).__name__}: {error}). Usual reasons are lambdas, open "
            "files, and functions and classes defined in functions: define them at the top of a "
            "module, or take num_workers=0"
        ) from error


def _name_of_signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


@contextlib.contextmanager
def _no_interrupts() -> Iterator[None]:
    """Let processes start deaf to Ctrl-C, which else would break off their imports, with noise."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
