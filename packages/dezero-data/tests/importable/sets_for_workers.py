"""Data sets for the tests of worker processes, which import them from here."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np

from dezero_data.randomness import item_rng


class Noisy:
    """Items that are drawn at random, each from its own stream, and say which process drew them."""

    def __init__(self, size: int, width: int = 3) -> None:
        self.size, self.width = size, width

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        return index + 0.5 * item_rng().random(self.width), index

    def __len__(self) -> int:
        return self.size


class Slow:
    """Items that take for ever, and leave a note when they begin."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __getitem__(self, index: int) -> tuple[int, int]:
        (self.folder / f"{os.getpid()}").touch()
        time.sleep(600)
        return index, index

    def __len__(self) -> int:
        return 24


class Marks:
    """Large items, and a place to look at the memory that they came in."""

    def __init__(self, size: int) -> None:
        self.size = size

    def __getitem__(self, index: int) -> tuple[Any, int]:
        return np.full((100, 100), index, np.float64), index

    def __len__(self) -> int:
        return self.size


class InMemory:
    """Arrays, of which workers must not get copies."""

    def __init__(self, data: Any) -> None:
        self.data = data

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        x = self.data[index].copy()
        self.data[index] = -1  # its own affair
        kind = f"{type(self.data).__name__} {type(_root(self.data)).__name__}"
        return x, kind

    def __len__(self) -> int:
        return len(self.data)


def _root(array: Any) -> Any:
    while isinstance(array, np.ndarray) and array.base is not None:
        array = array.base
    return array


class UnpicklableError(ValueError):
    """An error that cannot be unpickled."""

    def __init__(self, code: int, why: str) -> None:
        super().__init__(f"code {code}: {why}")


class Failing:
    """Item 2 goes wrong, each time that a process sees it first.

    Args:
        how: In which way.
        folder: Where it notes that this happened; from then on, all is well.
    """

    def __init__(self, how: str, folder: Path) -> None:
        self.how, self.folder = how, folder

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        mark = self.folder / "failed"
        if index == 2 and not mark.exists():
            mark.touch()
            self._go_wrong()
        return float(index), index

    def __len__(self) -> int:
        return 4

    def _go_wrong(self) -> None:
        if self.how == "raises":
            raise OSError("no such sheep")
        if self.how == "loses its server":
            raise ConnectionResetError("the sheep's, not the worker's")
        if self.how == "raises strangely":
            raise UnpicklableError(3, "wolf")
        if self.how == "is killed":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.how == "crashes":
            os.kill(os.getpid(), signal.SIGSEGV)
        if self.how == "exits":
            os._exit(7)
        time.sleep(600)


class NotThere:
    """What can be pickled, but not be unpickled by a worker."""

    def __reduce__(self) -> Any:
        return _only_here, (os.getpid(),)

    def __getitem__(self, index: int) -> int:
        return index

    def __len__(self) -> int:
        return 3


def _only_here(pid: int) -> Any:
    if pid != os.getpid():
        raise ModuleNotFoundError("No module named 'secret'")
    return NotThere()


class EndsProcess:
    """What ends the process that unpickles it."""

    def __reduce__(self) -> Any:
        return os._exit, (3,)

    def __getitem__(self, index: int) -> int:
        return index

    def __len__(self) -> int:
        return 3


def as_dict(items: list[Any]) -> dict[str, Any]:
    """Make a batch that is a dictionary, with what no array holds."""
    return {"sum": np.array([x.sum() for x, _ in items]), "names": [f"n{t}" for _, t in items]}


def as_generator(items: list[Any]) -> Any:
    """Make a batch that cannot be pickled."""
    return (item for item in items)


class GlobalDraws:
    """Items drawn from the global generator, as one should not."""

    def __getitem__(self, index: int) -> tuple[float, int]:
        return np.random.random(), index

    def __len__(self) -> int:
        return 8
