"""The program of a worker process: load the batches that it is told to, until nobody asks."""

from __future__ import annotations

import os
import pickle
import queue
import random
import signal
import threading
import time
import traceback
from mmap import mmap
from typing import Any, NamedTuple

import numpy as np

from dezero_core.typing import Array
from dezero_data._batches import fetch
from dezero_data.dataloaders._epoch import random_of
from dezero_data.dataloaders._shared import (
    CAN_SHARE,
    Layout,
    copy_into,
    layout_of,
    map_block,
    new_block,
    pack,
    receive_block,
    send_block,
    unpack,
)

__all__ = ["Failure", "Loaded", "Ready", "Setup", "Skipped", "Task", "run"]

# Fewer bytes than these travel in the message: a block would cost more than the copy.
_SMALL = 1 << 16
# How long a worker that nobody listens to may take to finish its batch.
_LAST_SECONDS = 2.0
_OWN_FOLDER = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


class Setup(NamedTuple):
    """To a worker, once: the data set and what makes its batches. A block follows if `size`."""

    data: bytes
    layout: Layout
    size: int
    inline: bytearray


class Task(NamedTuple):
    """To a worker: load a batch."""

    stream: int  # which run through the data; tasks of an older one are void
    batch: int
    seed: int
    epoch: int
    indices: Array
    streams: Array
    free: list[int]  # blocks that nobody looks at any more


class Ready(NamedTuple):
    """From a worker: it has the data set."""


class Loaded(NamedTuple):
    """From a worker: a batch. The block follows if it is a new one."""

    stream: int
    batch: int
    data: bytes
    layout: Layout
    inline: bytearray | None
    block: int
    size: int
    is_new: bool
    dropped: list[int]  # blocks that were too small, and are no more


class Skipped(NamedTuple):
    """From a worker: a task was void."""

    stream: int


class Failure(NamedTuple):
    """From a worker: what it was told to do raised an error. `batch` is -1 for the setup."""

    stream: int
    batch: int
    error: bytes | None  # pickled, if that can be done
    text: str  # the traceback


def run(connection: Any) -> None:
    """Serve until the other side closes the connection."""
    # Ctrl-C goes to all processes of a terminal; the main one decides what happens then.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        try:
            dataset, collate = _set_up(connection)
        except (EOFError, OSError):
            return
        except Exception as error:
            connection.send(_failure(-1, -1, error))
            return
        connection.send(Ready())
        tasks = _Tasks(connection)
        blocks = _Blocks(connection)
        while (task := tasks.next()) is not None:
            blocks.free(task.free)
            if task.stream != tasks.newest:
                connection.send(Skipped(task.stream))
                continue
            try:
                _seed_generators(task)
                streams = random_of(task.seed, task.epoch, task.indices, task.streams)
                batch = fetch(dataset, task.indices, streams, collate)
            except Exception as error:
                connection.send(_failure(task.stream, task.batch, error))
                continue
            try:
                blocks.send(task, batch)
            except (BrokenPipeError, ConnectionResetError):
                raise
            except Exception as error:  # no memory to share, or a batch that cannot be pickled
                connection.send(_failure(task.stream, task.batch, error))
            del batch
    except (BrokenPipeError, ConnectionResetError):
        return


def _set_up(connection: Any) -> tuple[Any, Any]:
    setup: Setup = connection.recv()
    memory: Any = setup.inline
    if setup.size:
        descriptor = receive_block(connection)
        # Private: a data set that writes to its arrays does so for itself.
        memory = map_block(descriptor, setup.size, private=True)
        os.close(descriptor)
    pair: tuple[Any, Any] = unpack(setup.data, setup.layout, memory)
    return pair


def _seed_generators(task: Task) -> None:
    """Make repeatable what draws from the global generators, too.

    With a generator per item it would not matter which batches this worker had before; without,
    at least the batch decides.
    """
    words = np.random.SeedSequence([task.seed, task.epoch, task.batch]).generate_state(4)
    np.random.seed(words)
    random.seed(words.tobytes())


class _Tasks:
    """What is to be done, read by a thread, so that whoever sends never waits for a busy worker.

    Attributes:
        newest: The newest run through the data that was heard of.
    """

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._queue: queue.SimpleQueue[Task | None] = queue.SimpleQueue()
        self.newest = -1
        threading.Thread(target=self._read, daemon=True).start()

    def next(self) -> Task | None:
        return self._queue.get()

    def _read(self) -> None:
        while True:
            try:
                task = self._connection.recv()
            except (EOFError, OSError):
                break
            self.newest = task.stream
            self._queue.put(task)
        # Nobody is there any more: come to an end, even in the middle of a slow batch.
        self.newest = -1
        self._queue.put(None)
        time.sleep(_LAST_SECONDS)
        os._exit(1)


class _Blocks:
    """The memory in which this worker hands over its batches; used again as soon as it may be."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._maps: dict[int, mmap] = {}
        self._free: set[int] = set()
        self._count = 0

    def free(self, blocks: list[int]) -> None:
        """Note that nobody looks at some blocks any more."""
        self._free.update(blocks)

    def send(self, task: Task, batch: Any) -> None:
        """Send a batch."""
        data, buffers = pack(batch)
        layout, size = layout_of(buffers)
        if size < _SMALL or not CAN_SHARE:
            inline = bytearray(size)
            copy_into(inline, buffers, layout)
            self._connection.send(
                Loaded(task.stream, task.batch, data, layout, inline, -1, size, False, [])
            )
            return
        fitting = [block for block in self._free if len(self._maps[block]) >= size]
        dropped: list[int] = []
        descriptor = -1
        if fitting:
            block = min(fitting, key=lambda block: len(self._maps[block]))
            self._free.remove(block)
        else:
            dropped = sorted(self._free)
            for each in dropped:
                self._maps.pop(each)  # unmapped as it goes
            self._free.clear()
            descriptor = new_block(size)
            block = self._count
            self._count += 1
            self._maps[block] = map_block(descriptor, size)
        try:
            copy_into(self._maps[block], buffers, layout)
            self._connection.send(
                Loaded(
                    *(task.stream, task.batch, data, layout, None, block),
                    *(len(self._maps[block]), descriptor >= 0, dropped),
                )
            )
            if descriptor >= 0:
                send_block(self._connection, descriptor)
        finally:
            if descriptor >= 0:
                os.close(descriptor)


def _failure(stream: int, batch: int, error: Exception) -> Failure:
    pickled = _pickled(error)
    # Notes travel with the error, if it travels.
    return Failure(stream, batch, pickled, _format(error, with_notes=pickled is None))


def _pickled(error: Exception) -> bytes | None:
    try:
        data = pickle.dumps(error)
        # Errors whose constructor takes more than a message can be pickled, but not unpickled.
        return data if str(pickle.loads(data)) == str(error) else None
    except Exception:
        return None


def _format(error: Exception, with_notes: bool) -> str:
    """Format a traceback that begins with the user's code."""
    shown = error.__traceback__
    while shown is not None and shown.tb_frame.f_code.co_filename.startswith(_OWN_FOLDER):
        shown = shown.tb_next
    if shown is None:
        shown = error.__traceback__
    report = traceback.TracebackException(type(error), error, shown)
    if not with_notes:
        report.__notes__ = []
    return "".join(report.format()).rstrip()
