"""Objects that other distributions offer through entry points.

A package extends DeZero by declaring an entry point: in the group ``dezero.backends`` an array
library (see `dezero_core.backend`), in ``dezero.plotters`` a function that draws. Nothing is
looked up at import. A plug-in that cannot be loaded is a `RuntimeWarning` that names it; the
others go on working.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from importlib.metadata import EntryPoint, entry_points
from typing import Any

__all__ = ["get_plotter", "load_plugins"]

_PLOTTERS = "dezero.plotters"


def load_plugins(
    group: str,
    name: str | None = None,
    *,
    check: Callable[[str, Any], str | None] | None = None,
) -> dict[str, Any]:
    """Load the objects that installed distributions offer in an entry-point group.

    Args:
        group: The entry-point group, such as ``"dezero.backends"``.
        name: Load only the entry points of this name. All of them when None.
        check: Called with the entry point's name and the object; returns what is wrong with the
            object, or None when it will do.

    Returns:
        The objects that could be loaded, by entry-point name. When two distributions offer the
        same name, the first that works is kept and the other is warned about.

    Warns:
        RuntimeWarning: A plug-in cannot be imported, does not pass `check`, or repeats a name.
            The warning names the plug-in, the distribution it came from and the reason.

    Example:
        >>> load_plugins("dezero.no-such-group")
        {}
    """
    found: dict[str, Any] = {}
    complaints: list[str] = []
    points = (
        entry_points(group=group)
        if name is None
        else entry_points(group=group, name=name)
    )
    for point in points:
        try:
            plugin = point.load()
            reason = check(point.name, plugin) if check is not None else None
        except Exception as error:  # noqa: BLE001  (foreign code may raise anything)
            reason = f"{type(error).__name__}: {error}"
        if reason is None and point.name in found:
            reason = "another distribution already offers this name"
        if reason is None:
            found[point.name] = plugin
        else:
            complaints.append(f"{_describe(point)} is left out: {reason}")
    # Only now, so that a filter that turns warnings into errors stops no good plug-in.
    for complaint in complaints:
        warnings.warn(complaint, RuntimeWarning, stacklevel=3)
    return found


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
    found = load_plugins(_PLOTTERS, name, check=_why_not_callable)
    if name in found:
        plotter: Callable[..., Any] = found[name]
        return plotter
    others = sorted({point.name for point in entry_points(group=_PLOTTERS)} - {name})
    known = (
        f"; installed packages offer {', '.join(map(repr, others))}" if others else ""
    )
    raise LookupError(
        f"get_plotter: no installed package offers a working plotter {name!r}{known}. "
        "Drawing lives in a package of its own: pip install dezero-viz"
    )


def _why_not_callable(name: str, plugin: Any) -> str | None:
    return (
        None
        if callable(plugin)
        else f"a plotter is a callable, this is a {type(plugin)!r}"
    )


def _describe(point: EntryPoint) -> str:
    source = (
        f" from {point.dist.name} {point.dist.version}"
        if point.dist is not None
        else ""
    )
    return f"plug-in {point.name!r} ({point.group}: {point.value}{source})"
