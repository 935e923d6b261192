"""Memory that several processes see, and how objects full of arrays get into it.

A block has no name: it is reached through a file descriptor alone, and the system frees it when
the last process that maps it ends, however that happens. So there is nothing that could be left
behind. (Named blocks, as in `multiprocessing.shared_memory`, need a process that watches them.)
"""

from __future__ import annotations

import io
import mmap
import os
import pickle
import socket
import tempfile
from collections.abc import Sequence
from multiprocessing.connection import Connection
from typing import Any, TypeAlias

import numpy as np

from dezero_core.typing import Array

__all__ = [
    "CAN_SHARE",
    "Layout",
    "Packed",
    "copy_into",
    "layout_of",
    "map_block",
    "new_block",
    "pack",
    "receive_block",
    "send_block",
    "unpack",
]

#: Whether this system passes file descriptors between processes. Windows does not; there, arrays
#: go through the pipe.
CAN_SHARE = hasattr(socket, "send_fds")

#: Where each buffer lies: (offset, bytes).
Layout: TypeAlias = list[tuple[int, int]]
#: An object without its arrays' contents, and these.
Packed: TypeAlias = tuple[bytes, list[pickle.PickleBuffer]]

# What processors load at once; arrays start at multiples of it.
_ALIGNMENT = 64


# --- objects ------------------------------------------------------------------------------------


def pack(thing: Any) -> Packed:
    """Take an object apart: a pickle without the contents of its arrays, and these, not copied."""
    stream = io.BytesIO()
    buffers: list[pickle.PickleBuffer] = []
    _Pickler(stream, protocol=5, buffer_callback=buffers.append).dump(thing)
    return stream.getvalue(), buffers


def unpack(data: bytes, layout: Layout, memory: Any) -> Any:
    """Put an object together again. Its arrays lie in `memory`, which lives as long as they do.

    Args:
        data: What `pack` gave. Only ever from a process of our own.
        layout: Where in `memory` the contents of the arrays are.
        memory: Bytes, as an array, a `bytearray` or a map.
    """
    root = memory if isinstance(memory, np.ndarray) else np.frombuffer(memory, np.uint8)
    return pickle.loads(data, buffers=[root[start : start + size] for start, size in layout])


class _Pickler(pickle.Pickler):
    def reducer_override(self, thing: Any) -> Any:
        if isinstance(thing, np.ndarray) and not thing.dtype.hasobject:
            mapped = _in_file(thing)
            if mapped is not None:
                return mapped
            if not (thing.flags.c_contiguous or thing.flags.f_contiguous):
                # Else its contents would be part of the pickle.
                return np.ascontiguousarray(thing).__reduce_ex__(5)
        return NotImplemented


def _in_file(array: Array) -> Any:
    """Say how to map an array again that is a part of a mapped file, so that nobody reads it."""
    root: Any = array
    while isinstance(root, np.ndarray) and not isinstance(root.base, mmap.mmap):
        root = root.base
    if not isinstance(root, np.memmap) or root.filename is None or not array.flags.c_contiguous:
        return None
    offset = root.offset + array.ctypes.data - root.ctypes.data
    mode = root.mode if root.mode in ("r", "c") else "r+"
    return _map_file, (os.fspath(root.filename), array.dtype, mode, offset, array.shape)


def _map_file(path: str, dtype: Any, mode: Any, offset: int, shape: tuple[int, ...]) -> Array:
    return np.memmap(path, dtype=dtype, mode=mode, offset=offset, shape=shape)


# --- memory -------------------------------------------------------------------------------------


def layout_of(buffers: Sequence[pickle.PickleBuffer]) -> tuple[Layout, int]:
    """Return where each buffer is to lie, and the bytes needed for all."""
    layout: Layout = []
    end = 0
    for buffer in buffers:
        size = buffer.raw().nbytes
        layout.append((end, size))
        end += -(-size // _ALIGNMENT) * _ALIGNMENT
    return layout, end


def copy_into(memory: Any, buffers: Sequence[pickle.PickleBuffer], layout: Layout) -> None:
    """Write the buffers to their places in `memory`."""
    target = np.frombuffer(memory, np.uint8)
    for buffer, (start, size) in zip(buffers, layout, strict=True):
        target[start : start + size] = np.frombuffer(buffer.raw(), np.uint8)


def new_block(size: int) -> int:
    """Return a file descriptor of fresh memory.

    Raises:
        OSError: There is not so much.
    """
    if hasattr(os, "memfd_create"):
        # Not in /dev/shm, of which containers often have 64 MiB only.
        descriptor = os.memfd_create("dezero")
    else:
        with tempfile.TemporaryFile(prefix="dezero-") as file:
            descriptor = os.dup(file.fileno())
    try:
        os.ftruncate(descriptor, size)
        if hasattr(os, "posix_fallocate"):
            # An error now, where writing to memory that is not there would kill the process.
            os.posix_fallocate(descriptor, 0, size)
    except OSError as error:
        os.close(descriptor)
        error.add_note(f"There are no {size} bytes of memory to share between processes.")
        raise
    return descriptor


def map_block(descriptor: int, size: int, *, private: bool = False) -> mmap.mmap:
    """Map a block; `private`: what this process writes stays its own."""
    access = mmap.ACCESS_COPY if private else mmap.ACCESS_WRITE
    return mmap.mmap(descriptor, size, access=access)


def send_block(connection: Connection, descriptor: int) -> None:
    """Send a block's descriptor after a message that announced it."""
    with _socket_of(connection) as channel:
        socket.send_fds(channel, [b"b"], [descriptor])


def receive_block(connection: Connection) -> int:
    """Receive a block's descriptor, which is the caller's to close.

    Raises:
        EOFError: The other side has gone.
    """
    with _socket_of(connection) as channel:
        _, descriptors, _, _ = socket.recv_fds(channel, 1, 1)
    if not descriptors:
        raise EOFError
    return descriptors[0]


def _socket_of(connection: Connection) -> socket.socket:
    channel = socket.socket(fileno=os.dup(connection.fileno()))
    channel.setblocking(True)  # whatever socket.setdefaulttimeout says
    return channel
