"""How notebooks show variables, layers and graphs.

Other packages reach it through the entry point ``notebook`` of the group ``dezero.plotters``, so
that ``Variable`` and ``Layer`` show themselves this way wherever dezero-viz is installed, and as
text elsewhere. The views take the page's own colors, so that they are read in the dark as well.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import Any

import numpy as np

from dezero_core import Parameter, Variable, as_numpy
from dezero_core.backend import backend_of
from dezero_core.graph import Graph
from dezero_viz._dot import MAX_NODES, graph_to_dot
from dezero_viz._engines import render

__all__ = ["to_html"]

_FONT = "font-family: system-ui, sans-serif; font-size: 13px; line-height: 1.45"
_MONO = "font-family: ui-monospace, monospace; font-size: 12px"
_FAINT = "opacity: .65"
_CELL = "text-align: right; padding: 0 .45em"
# A table has at most so many rows and columns; of longer axes both ends are shown.
_ROWS, _COLUMNS = 8, 10
# Blocks of numbers with more axes are written out up to this size.
_SMALL = 64
# Of larger arrays a part tells the distribution well enough, and soon enough.
_SAMPLE = 1_000_000
_BINS = 24


def to_html(thing: Any) -> str | None:
    """Return how a notebook shows something, as HTML.

    - A Variable: shape, dtype, device, whether there is a gradient, the range and the distribution
      of its values, and the values, as a table, as far as they are few.
    - A layer or a model, anything with ``namedlayers()`` and ``namedparams()``: a tree to unfold,
      with the numbers of parameters.
    - A `dezero_core.graph.Graph`: its drawing, a large one folded as `plot_graph` does.

    Args:
        thing: What to show.

    Returns:
        The HTML, for a notebook or any page; None for anything else.

    Example:
        >>> html = to_html(Variable(np.array([[1.0, 2.0]]), name="<x>"))
        >>> "&lt;x&gt;" in html, "(1, 2)" in html, html.count("<td")
        (True, True, 2)
        >>> to_html("text") is None
        True
    """
    if isinstance(thing, Variable):
        return _variable(thing)
    if isinstance(thing, Graph):
        svg = render(graph_to_dot(thing, max_nodes=MAX_NODES), "svg").decode()
        return svg[svg.index("<svg") :]
    has_layers = hasattr(thing, "namedlayers") and hasattr(thing, "namedparams")
    if has_layers and not isinstance(thing, type):
        return _layer(thing)
    return None


# --- variables ---------------------------------------------------------------------------------


def _variable(variable: Variable) -> str:
    name = f" <b>{escape(variable.name)}</b>" if variable.name else ""
    kind = type(variable).__name__
    if variable.data is None:
        return f'<div style="{_FONT}">{kind}{name}, which holds no array yet</div>'
    values = as_numpy(variable)
    facts = [str(variable.dtype), str(variable.shape), f"on {backend_of(variable.data).name}"]
    facts.append(_gradient(variable))
    head = f"{kind}{name} <span style='{_FAINT}'>{escape(' · '.join(facts))}</span>"
    return f'<div style="{_FONT}"><div>{head}</div>{_distribution(values)}{_values(values)}</div>'


def _gradient(variable: Variable) -> str:
    if variable.grad is not None:
        grad = as_numpy(variable.grad).astype(np.float64)
        return f"gradient of norm {_number(np.sqrt(np.square(grad).sum()))}"
    return "no gradient yet" if variable.requires_grad else "constant"


def _distribution(values: Any) -> str:
    """Say what range the values have, and draw how they are distributed."""
    if values.size < 2 or values.dtype.kind == "b":
        return ""
    sample = values.reshape(-1)[:: 1 + values.size // _SAMPLE].astype(np.float64)
    finite = sample[np.isfinite(sample)]
    broken = sample.size - finite.size
    parts = [f"{broken} of {sample.size} not finite"] if broken else []
    if not finite.size:
        return f'<div style="{_FAINT}">{parts[0]}</div>'
    low, mean, high = finite.min(), finite.mean(), finite.max()
    parts.insert(0, f"from {_number(low)} to {_number(high)}, mean {_number(mean)}")
    return (
        '<div style="display: flex; align-items: end; gap: .6em; margin: .2em 0">'
        f'{_sparkline(finite)}<span style="{_FAINT}">{"; ".join(parts)}</span></div>'
    )


def _sparkline(values: Any) -> str:
    low, high = float(values.min()), float(values.max())
    if not low < high or not np.isfinite(high - low):
        return ""
    counts, _ = np.histogram(values, bins=_BINS, range=(low, high))
    heights = 22 * counts / counts.max()
    bars = "".join(
        f'<rect x="{4 * i}" y="{24 - height:.1f}" width="3" height="{height:.1f}"/>'
        for i, height in enumerate(np.where(counts, np.maximum(heights, 1), 0))
        if height
    )
    return (
        f'<svg width="{4 * _BINS}" height="25" fill="currentColor" role="img" '
        f'aria-label="distribution of the values" opacity=".75">{bars}'
        f'<rect x="0" y="24" width="{4 * _BINS}" height="1" opacity=".5"/></svg>'
    )


def _values(values: Any) -> str:
    if not values.size:
        return ""
    if values.ndim > 2:
        if values.size > _SMALL:
            return ""
        return f'<pre style="{_MONO}; margin: .2em 0">{escape(str(values))}</pre>'
    table = values.reshape(1, -1) if values.ndim < 2 else values
    rows, columns = (
        _shown(n, most) for n, most in zip(table.shape, (_ROWS, _COLUMNS), strict=True)
    )
    lines = []
    for i in rows:
        cells = ["…" if i is None or j is None else _number(table[i, j]) for j in columns]
        row = "".join(f'<td style="{_CELL}">{cell}</td>' for cell in cells)
        lines.append(f"<tr>{row}</tr>")
    return f'<table style="{_MONO}; margin: .2em 0">{"".join(lines)}</table>'


def _shown(n: int, most: int) -> list[int | None]:
    """Return the indices to show of an axis; None stands for those in between."""
    if n <= most:
        return list(range(n))
    half = most // 2
    return [*range(half), None, *range(n - half, n)]


def _number(value: Any) -> str:
    return f"{value:.5g}" if np.asarray(value).dtype.kind not in "iub" else str(value)


# --- layers ------------------------------------------------------------------------------------


def _layer(layer: Any) -> str:
    layers = dict(layer.namedlayers())
    params = list(layer.namedparams())
    return f'<div style="{_FONT}">{_branch("", "", layers, params, is_open=True)}</div>'


def _branch(
    path: str, name: str, layers: dict[str, Any], params: list[tuple[str, Parameter]], is_open: bool
) -> str:
    prefix = f"{path}/" if path else ""
    inside = [(key, p) for key, p in params if key.startswith(prefix)]
    inner = list(_children(path, layers))
    rest = [p for p in inside if not any(p[0].startswith(f"{key}/") for key in inner)]
    label = f"{escape(name)}: " if name else ""
    head = f"{label}{_described(layers[path])} {_count([p for _, p in inside])}"
    if not inner and not rest:
        return f'<div style="padding-left: 1.1em">{head}</div>'
    body = "".join(
        _branch(key, key.removeprefix(prefix), layers, inside, is_open=False) for key in inner
    )
    own = "".join(_parameter(key.removeprefix(prefix), p) for key, p in rest)
    return (
        f"<details{' open' if is_open else ''}><summary>{head}</summary>"
        f'<div style="padding-left: 1.4em">{own}{body}</div></details>'
    )


def _children(path: str, layers: dict[str, Any]) -> Iterator[str]:
    """Yield the paths of the layers just below one."""
    prefix = f"{path}/" if path else ""
    below = [key for key in layers if key != path and key.startswith(prefix)]
    for key in below:
        if not any(key.startswith(f"{other}/") for other in below):
            yield key


def _described(layer: Any) -> str:
    """Return a layer's class and settings: the first line of what it says of itself."""
    kind = type(layer).__name__
    first, *others = repr(layer).split("\n")
    bold = f"<b>{escape(kind)}</b>"
    if not first.startswith(f"{kind}("):
        return bold
    settings = first.removeprefix(f"{kind}(")
    settings = settings if others else settings.removesuffix(")")
    return f"{bold}({escape(settings)})" if settings else bold


def _count(params: list[Parameter]) -> str:
    known = [p for p in params if p.data is not None]
    text = f"{sum(p.size for p in known):,} parameters"
    if len(known) < len(params):
        text += ", more when it is called"
    frozen = sum(p.size for p in known if not p.requires_grad)
    if frozen:
        text += f", {frozen:,} frozen"
    return f'<span style="{_FAINT}">{text}</span>' if params else ""


def _parameter(name: str, parameter: Parameter) -> str:
    if parameter.data is None:
        facts = "made when the layer is first called"
    else:
        facts = f"{parameter.dtype} {parameter.shape}"
    return (
        f'<div style="padding-left: 1.1em">{escape(name)} '
        f'<span style="{_FAINT}">{escape(facts)}</span></div>'
    )
