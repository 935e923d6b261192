"""What a row of the table is.

A row says what is done once per library, in that library's own idiom, side by side in one class.
The methods run in that library's process and import what they need there: this module and the
modules of the rows load nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, TypeAlias

__all__ = ["LIBRARIES", "Call", "Comparison", "Figure", "Workload"]

#: The libraries, by the names of the methods, and what the table calls them.
LIBRARIES: Final = {"ours": "DeZero", "torch": "PyTorch", "released": "DeZero 0.0.13"}

#: What is measured: one unit of work. It returns numbers that must agree between the libraries.
Call: TypeAlias = Callable[[], Sequence[Any]]


class Workload:
    """A row of the table.

    Attributes:
        name: What ``--only`` calls it.
        title: What the table calls it.
        reach: The largest value that is good enough; None for a row that only shows.
        is_relative: Whether `reach` is for our number relative to PyTorch's.
    """

    name: str
    title: str
    reach: float | None = None
    is_relative: bool = False


class Comparison(Workload):
    """The time of a call beside PyTorch's.

    A library that has no such thing returns None.

    Attributes:
        tolerance: By how much, relatively, the libraries' results may differ.
    """

    is_relative = True
    tolerance: float = 1e-4

    def ours(self) -> Call | None:
        """Set up, and return the call, for the packages of this repository."""
        return None

    def torch(self) -> Call | None:
        """Set up, and return the call, for PyTorch."""
        return None

    def released(self) -> Call | None:
        """Set up, and return the call, for the book's released package."""
        return None


class Figure(Workload):
    """A number that each library is asked for once, in a process of its own that has done nothing.

    A method returns what it measured, one number or several, of which the median counts, or None.

    Attributes:
        unit: ``"s"``, ``"B"``, or the name of what is counted.
    """

    unit: str

    def ours(self) -> list[float] | None:
        """Measure the packages of this repository."""
        return None

    def torch(self) -> list[float] | None:
        """Measure PyTorch."""
        return None

    def released(self) -> list[float] | None:
        """Measure the book's released package."""
        return None
