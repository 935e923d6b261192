"""Where in the user's program something happens: for messages, warnings and drawings.

Frames of the framework are passed over one by one. A compiled module (docs/design/native.md) has
none, so no fixed number of them leads to the user.
"""

from __future__ import annotations

import linecache
import sys
import warnings
from dataclasses import dataclass
from types import FrameType

__all__ = ["SourceLine", "user_line", "warn"]

# NumPy's functions written in Python stand between a user's line and ours.
_PACKAGES = frozenset(
    [
        "dezero",
        "dezero_core",
        "dezero_nn",
        "dezero_optim",
        "dezero_data",
        "dezero_cuda",
        "dezero_viz",
        "numpy",
    ]
)


@dataclass(frozen=True, slots=True)
class SourceLine:
    """A line of a program.

    Attributes:
        file: The name of the file.
        line: The number of the line.
        function: The function that it stands in.
        text: What it says, where that can be read.
    """

    file: str
    line: int
    function: str
    text: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}, in {self.function}: {self.text}"


def user_line() -> SourceLine:
    """Return the innermost line, of those that run, of a program that uses this framework."""
    frame, _ = _user_frame(sys._getframe())
    code = frame.f_code
    text = linecache.getline(code.co_filename, frame.f_lineno).strip()
    return SourceLine(code.co_filename, frame.f_lineno, code.co_name, text)


def warn(message: str) -> None:
    """Give a RuntimeWarning that points to the user's line."""
    _, depth = _user_frame(sys._getframe())
    warnings.warn(message, RuntimeWarning, stacklevel=depth)


def _user_frame(frame: FrameType) -> tuple[FrameType, int]:
    """Return the innermost frame, from one outward, of the user, and its number, from 1."""
    depth = 1
    while frame.f_back is not None:
        if frame.f_globals.get("__name__", "").partition(".")[0] not in _PACKAGES:
            break
        frame, depth = frame.f_back, depth + 1
    return frame, depth
