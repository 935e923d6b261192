"""The programs that lay a DOT text out: the system's Graphviz, or the one from a wheel.

Each is started as a program with a list of arguments and reads the text from its standard input,
so that no shell and no file name of the user's ever comes between.
"""

from __future__ import annotations

import importlib.metadata
import shutil
import subprocess

import graphviz

from dezero_viz._page import svg_to_pdf

__all__ = ["render"]

_INSTALL = (
    "Install Graphviz (https://graphviz.org/download; `apt install graphviz`, `brew install "
    "graphviz` or `winget install graphviz`)"
)


def render(dot: str, ending: str) -> bytes:
    """Draw a DOT text.

    The system's ``dot`` draws where there is one. Where there is none, or where it was built
    without the format, the program of the wheel graphviz-pure does. That knows no pdf, for
    which matplotlib draws what it lays out.

    Args:
        dot: The drawing in the DOT language.
        ending: The format by its file ending: ``"png"``, ``"svg"``, ``"pdf"``, ``"jpg"``.

    Returns:
        The contents of the picture file.

    Raises:
        RuntimeError: No program here draws this format.
    """
    reasons = []
    for draw in (_draw_by_system, _draw_page if ending == "pdf" else _draw_by_wheel):
        try:
            return draw(dot.encode(), ending)
        except _CannotDrawError as error:
            reasons.append(str(error))
    raise RuntimeError(
        f"plot_graph: nothing here draws {ending}: {'; '.join(reasons)}. {_INSTALL}, or keep the "
        "drawing as text: a file name that ends in .dot, or get_dot_graph(output)"
    )


class _CannotDrawError(Exception):
    """Why one of the programs is no use."""


def _draw_by_system(dot: bytes, ending: str) -> bytes:
    try:
        return bytes(graphviz.pipe("dot", ending, dot, quiet=True))
    except graphviz.ExecutableNotFound as error:
        raise _CannotDrawError("the program dot (Graphviz) is not on the PATH") from error
    except graphviz.CalledProcessError as error:
        raise _CannotDrawError(f"dot {_complaint(error.stderr)}") from error
    except OSError as error:
        raise _CannotDrawError(f"dot does not start ({error})") from error


def _draw_page(dot: bytes, ending: str) -> bytes:
    return svg_to_pdf(_draw_by_wheel(dot, "svg"))


def _draw_by_wheel(dot: bytes, ending: str) -> bytes:
    program = _wheel_program()
    if program is None:
        raise _CannotDrawError("the package graphviz-pure is not installed")
    try:
        command = [program, f"-T{ending}"]
        done = subprocess.run(command, input=dot, capture_output=True, check=True)
    except subprocess.CalledProcessError as error:
        raise _CannotDrawError(f"graphviz-pure {_complaint(error.stderr)}") from error
    except OSError as error:
        raise _CannotDrawError(f"graphviz-pure does not start ({error})") from error
    return done.stdout


def _wheel_program() -> str | None:
    """Find the program that the wheel brought, also where its folder is not on the PATH."""
    try:
        files = importlib.metadata.files("graphviz-pure") or []
    except importlib.metadata.PackageNotFoundError:
        files = []
    for file in files:
        if file.name in ("graphviz-pure", "graphviz-pure.exe"):
            path = str(file.locate())
            if shutil.which(path):
                return path
    return shutil.which("graphviz-pure")


def _complaint(stderr: bytes | str | None) -> str:
    text = stderr.decode(errors="replace") if isinstance(stderr, bytes) else stderr or ""
    if "not recognized" in text:  # and then a list of all that it knows
        return "does not know this format"
    lines = text.strip().splitlines()
    return f"fails with {lines[-1]!r}" if lines else "fails without a word"
