"""A bar that shows how far a download is, where there is a terminal and tqdm is installed."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

__all__ = ["Bars", "progress_bars"]

#: Takes the size of the whole, if it is known, and what is there already; gives what to call with
#: the number of bytes that have come.
Bars = Callable[[int | None, int], AbstractContextManager[Callable[[int], Any]]]


def progress_bars(progress: bool | None, title: str) -> Bars | None:
    """Return what makes a bar, or None where none is to be shown.

    Args:
        progress: True for a bar, False for none, None for one if anybody can see it.
        title: What stands before the bar.

    Raises:
        ModuleNotFoundError: A bar is asked for, but tqdm is missing.
    """
    if progress is False or (progress is None and not _is_terminal()):
        return None
    try:
        from tqdm import tqdm
    except ModuleNotFoundError as error:
        if progress is None:
            return None
        raise ModuleNotFoundError(
            "get_file: progress=True needs tqdm: python -m pip install 'dezero-core[progress]'"
        ) from error

    @contextmanager
    def bar(total: int | None, done: int) -> Iterator[Callable[[int], Any]]:
        size = {"unit": "B", "unit_scale": True, "unit_divisor": 1024}
        with tqdm(desc=title, total=total, initial=done, **size) as shown:
            yield shown.update

    return bar


def _is_terminal() -> bool:
    # There is none at all under a program without a console.
    return sys.stderr is not None and sys.stderr.isatty()
