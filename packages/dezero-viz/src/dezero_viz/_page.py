"""From Graphviz's svg to a pdf, where no Graphviz draws one: with matplotlib, letters and lines."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator
from itertools import pairwise
from typing import Any
from xml.etree import ElementTree

__all__ = ["svg_to_pdf"]

_POINTS_PER_INCH = 72
# matplotlib brings letters of its own, which are wider than those that the labels were laid out
# with; so much smaller they fit.
_LETTERS = 0.86
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e-?\d+)?")


def svg_to_pdf(svg: bytes) -> bytes:
    """Draw what Graphviz wrote as svg on a page of pdf.

    Graphviz writes polygons, ellipses, Bézier curves and lines of text, with their colors as
    attributes: that much is understood.

    Args:
        svg: What Graphviz wrote.

    Returns:
        The pdf, of one page of the same size.
    """
    # Slow to import, and seldom needed.
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    root = ElementTree.fromstring(svg)
    _, _, width, height = map(float, root.attrib["viewBox"].split())
    figure = Figure(figsize=(width / _POINTS_PER_INCH, height / _POINTS_PER_INCH))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    (group,) = root.findall("{*}g")
    match = re.search(r"translate\(([^)]*)\)", group.attrib.get("transform", ""))
    left, top = map(float, _NUMBER.findall(match[1])) if match else (0.0, 0.0)
    # In svg the vertical axis points down.
    axes.set_xlim(-left, width - left)
    axes.set_ylim(height - top, -top)
    for depth, element in enumerate(group.iter()):
        for artist in _artists(element):
            artist.set_zorder(depth)
            axes.add_artist(artist)
    file = io.BytesIO()
    # Letters stay letters, that can be searched for; one that is missing is drawn as a frame.
    with rc_context({"pdf.fonttype": 42}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure.savefig(file, format="pdf")
    return file.getvalue()


def _artists(element: ElementTree.Element) -> Iterator[Any]:
    """Yield what an element of svg is to matplotlib."""
    from matplotlib.patches import Ellipse, PathPatch, Polygon
    from matplotlib.path import Path
    from matplotlib.text import Text

    attributes = element.attrib
    kind = element.tag.rpartition("}")[2]
    numbers = {name: float(text) for name, text in attributes.items() if _NUMBER.fullmatch(text)}
    if kind == "text":
        yield Text(
            numbers["x"],
            numbers["y"],
            element.text or "",
            fontsize=numbers["font-size"] * _LETTERS,
            color=attributes.get("fill", "black"),
            horizontalalignment="center" if attributes.get("text-anchor") == "middle" else "left",
            verticalalignment="baseline",
            fontfamily="sans-serif",
            parse_math=False,
        )
    elif kind == "ellipse":
        center = numbers["cx"], numbers["cy"]
        yield Ellipse(center, 2 * numbers["rx"], 2 * numbers["ry"], **_look(attributes))
    elif kind in ("polygon", "polyline"):
        points = _points(attributes["points"])
        yield Polygon(points, closed=kind == "polygon", **_look(attributes))
    elif kind == "path":
        points, codes = [], []
        for step in re.findall(r"[MCL][^MCLZz]*", attributes["d"]):
            found = _points(step[1:])
            points += found
            codes += [{"M": Path.MOVETO, "C": Path.CURVE4, "L": Path.LINETO}[step[0]]] * len(found)
        yield PathPatch(Path(points, codes), **_look(attributes))


def _points(text: str) -> list[tuple[float, float]]:
    numbers = [float(number) for number in _NUMBER.findall(text)]
    return [*pairwise(numbers)][::2]


def _look(attributes: dict[str, str]) -> dict[str, Any]:
    colors = {name: attributes.get(name, "none") for name in ("fill", "stroke")}
    look: dict[str, Any] = {
        "facecolor": colors["fill"].replace("transparent", "none"),
        "edgecolor": colors["stroke"].replace("transparent", "none"),
        "linewidth": float(attributes.get("stroke-width", 1)),
    }
    if "stroke-dasharray" in attributes:
        dashes = [float(number) for number in _NUMBER.findall(attributes["stroke-dasharray"])]
        look["linestyle"] = (0, [length / look["linewidth"] for length in dashes])
    return look
