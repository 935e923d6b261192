"""Objects that other distributions offer through entry points.

A package extends DeZero by declaring an entry point: in the group ``dezero.backends`` an array
library (see `dezero_core.backend`), in ``dezero.plotters`` a function that draws. Nothing is
looked up at import. A plug-in that cannot be loaded is a `RuntimeWarning` that names it; the
others go on working.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from dezero_core.callers import warn

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

__all__ = ["get_plotter", "load_plugins", "notebook_view"]

_PLOTTERS = "dezero.plotters"


def load_plugins(
    group: str, accept: Callable[[str, Any], str | None], name: str | None = None
) -> None:
    """Load the objects that installed distributions offer in an entry-point group.

    Args:
        group: The entry-point group, such as ``"dezero.backends"``.
        accept: Is given the entry point's name and the object; keeps it and returns None, or
            returns what is wrong with it.
        name: Load only the entry points of this name. All of them when None.

    Warns:
        RuntimeWarning: A plug-in cannot be imported, or was not accepted. The warning names it,
            the distribution that it came from and the reason.

    Example:
        >>> load_plugins("dezero.no-such-group", lambda name, plugin: "unexpected")
    """
    from importlib.metadata import entry_points  # not before: it takes a tenth of the import

    complaints: list[str] = []
    points = entry_points(group=group) if name is None else entry_points(group=group, name=name)
    for point in points:
        try:
            reason = accept(point.name, point.load())
        except Exception as error:
            reason = f"{type(error).__name__}: {error}"
        if reason is not None:
            complaints.append(f"{_describe(point)} is left out: {reason}")
    # Only now, so that a filter that turns warnings into errors keeps no good plug-in away.
    for complaint in complaints:
        warn(complaint)


def get_plotter(name: str = "graph") -> Callable[..., Any]:
    """Return the function that draws, as an installed package offers it.

    Args:
        name: The plotter's entry-point name in the group ``dezero.plotters``.

    Returns:
        The plotter. What it takes is documented by the package that offers it.

    Raises:
        LookupError: No installed package offers a working plotter of this name.

    Warns:
        RuntimeWarning: A package offers one that cannot be loaded or is not callable.
    """
    found: list[Callable[..., Any]] = []

    def accept(_: str, plugin: Any) -> str | None:
        if not callable(plugin):
            return f"a plotter is a callable, this is a {type(plugin).__name__}"
        found.append(plugin)
        return None

    load_plugins(_PLOTTERS, accept, name)
    if found:
        return found[0]
    from importlib.metadata import entry_points

    others = sorted({point.name for point in entry_points(group=_PLOTTERS)} - {name})
    known = f"; installed packages offer {', '.join(map(repr, others))}" if others else ""
    raise LookupError(
        f"get_plotter: no installed package offers a working plotter {name!r}{known}. "
        "Drawing lives in a package of its own: pip install dezero-viz"
    )


def notebook_view(thing: Any) -> str | None:
    """Return how a notebook shows something, where a package is installed that draws.

    Objects return it from ``_repr_html_``. A notebook that gets None shows the text instead, so
    nothing is raised, and there is no warning, where the package is missing or fails.

    Args:
        thing: What to show.

    Returns:
        HTML, or None.

    Example:
        >>> notebook_view("text, which has no other view") is None
        True
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            html = get_plotter("notebook")(thing)
    except Exception:
        return None
    return html if isinstance(html, str) else None


def _describe(point: EntryPoint) -> str:
    source = f" from {point.dist.name} {point.dist.version}" if point.dist is not None else ""
    return f"plug-in {point.name!r} ({point.group}: {point.value}{source})"
