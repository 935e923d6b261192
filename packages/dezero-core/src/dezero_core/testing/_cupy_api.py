"""CuPy's interface as far as the fake device models it, read from ``cupy_api.txt``.

The table names each function and what a call takes. It was made from an installed CuPy, and a
test of dezero-cuda makes it again and compares.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any


class Signature:
    """The parameters that a CuPy function takes, by name.

    Args:
        name: The function's name, for error messages.
        text: The parameters, separated by spaces: ``a axis * dtype``, with Python's stars.
    """

    __slots__ = ("_keywords", "_name", "_positional", "_rest", "_text")

    def __init__(self, name: str, text: str) -> None:
        self._name = name
        self._text = text.strip()
        self._positional: list[str] = []
        self._keywords: set[str] = set()
        self._rest: str | None = None
        keyword_only = False
        for parameter in text.split():
            if parameter.startswith("**"):
                continue
            if parameter.startswith("*"):
                keyword_only = True
                self._rest = parameter[1:] or None
                continue
            self._keywords.add(parameter)
            if not keyword_only:
                self._positional.append(parameter)
        if "**" in text:
            # What passes through is checked by the function itself.
            self._keywords = _Anything()

    def bind(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> list[tuple[str, Any]]:
        """Return each argument with the name of its parameter.

        Raises:
            TypeError: CuPy's function takes no such argument, whether or not NumPy's does.
        """
        if len(args) > len(self._positional) and self._rest is None:
            self._refuse(f"takes {len(self._positional)} positional arguments, got {len(args)}")
        for keyword in kwargs:
            if keyword not in self._keywords:
                self._refuse(f"takes no argument {keyword!r}")
        rest = self._rest or ""
        names = self._positional + [rest] * (len(args) - len(self._positional))
        return [*zip(names, args, strict=False), *kwargs.items()]

    def _refuse(self, reason: str) -> None:
        raise TypeError(f"{self._name}: CuPy's {reason}; its parameters are ({self._text})")


class _Anything(set[str]):
    def __contains__(self, item: object) -> bool:
        return True


@cache
def names(section: str) -> frozenset[str]:
    """Return the names that a section of the table lists."""
    return frozenset(name for line in _sections()[section] for name in line.split())


@cache
def signatures(section: str) -> dict[str, Signature]:
    """Return the signatures that a section of the table lists, by function name."""
    pairs = (line.partition(":") for line in _sections()[section])
    return {name: Signature(name, text) for name, _, text in pairs}


@cache
def _sections() -> dict[str, list[str]]:
    sections: dict[str, list[str]] = {}
    text = (files(__package__) / "cupy_api.txt").read_text(encoding="utf-8")
    for line in text.splitlines():
        if line.startswith("["):
            current = sections.setdefault(line.strip("[]"), [])
        elif line and not line.startswith("#"):
            current.append(line)
    return sections
