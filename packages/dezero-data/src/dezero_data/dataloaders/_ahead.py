"""A thread that loads ahead."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from typing import Any

__all__ = ["Ahead"]


class Ahead:
    """An iterator that has the next items of another one ready, fetched by a thread.

    The thread knows the shelf and the other iterator, and not this one: so when this one is
    dropped, the thread is told to stop.

    Args:
        source: Where the items come from. Touched by the thread alone until `close` returns.
        count: How many items may be ready.
    """

    def __init__(self, source: Iterator[Any], count: int) -> None:
        self._shelf = _Shelf(count)
        self._thread = threading.Thread(
            target=_fill, args=(source, self._shelf), name="DataLoader prefetch", daemon=True
        )
        self._thread.start()

    def __iter__(self) -> Ahead:
        return self

    def __next__(self) -> Any:
        item, error = self._shelf.take()
        if error is not None:
            try:
                raise error
            finally:
                error = None  # else the error holds this frame, which holds the error
        return item

    def close(self) -> None:
        """Stop the thread, once it has the item that it is at."""
        self._shelf.stop()
        if self._thread is not threading.current_thread():
            self._thread.join()

    def __del__(self) -> None:
        if hasattr(self, "_thread"):
            self._shelf.stop()


class _Shelf:
    """Room for some items, and an error or the end as the last one."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._items: deque[tuple[Any, BaseException | None]] = deque()
        self._changed = threading.Condition()
        self._stopped = False

    def wait_for_room(self) -> bool:
        """Wait for room; False if there is no use in going on."""
        with self._changed:
            self._changed.wait_for(lambda: self._stopped or len(self._items) < self._count)
            return not self._stopped

    def put(self, item: Any, error: BaseException | None = None) -> None:
        with self._changed:
            self._items.append((item, error))
            self._changed.notify_all()

    def take(self) -> tuple[Any, BaseException | None]:
        with self._changed:
            self._changed.wait_for(lambda: self._items)
            item, error = self._items[0]
            if error is None:  # the end stays where it is
                self._items.popleft()
                self._changed.notify_all()
            return item, error

    def stop(self) -> None:
        with self._changed:
            self._stopped = True
            self._changed.notify_all()


def _fill(source: Iterator[Any], shelf: _Shelf) -> None:
    while shelf.wait_for_room():
        try:
            item = next(source)
        except BaseException as error:
            shelf.put(None, error)
            return
        shelf.put(item)
        del item  # it belongs to whoever takes it, and to nobody else
