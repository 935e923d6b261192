"""One file of HTML out of the template, the style, the scripts and the data of a graph."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Mapping
from importlib import resources
from typing import Any

__all__ = ["page"]

# In this order: each uses what those before it define.
_SCRIPTS = ("model", "layout", "draw", "panel", "outline", "search", "main")


def page(document: Mapping[str, Any]) -> str:
    """Return the page that shows a document, whole: nothing is loaded from elsewhere.

    Args:
        document: What `dezero_viz.explorer._document.document` returns.
    """
    scripts = "\n".join(_read(f"{name}.js") for name in _SCRIPTS)
    parts = {
        "title": html.escape(_visible(document["title"])),
        "css": _read("page.css"),
        "data": embedded(document),
        "script": f'(() => {{\n"use strict";\n{scripts}}})();',
    }
    # In one pass, so that nothing that a part holds is taken for a place of the template.
    return re.sub(r"\{\{(\w+)\}\}", lambda match: parts[match[1]], _read("page.html"))


def embedded(document: Mapping[str, Any]) -> str:
    """Return JSON that cannot end the element of HTML that it stands in, whatever names hold."""
    # ASCII alone; and NaN, which JSON does not have, is an error here and not in the browser.
    text = json.dumps(document, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def _visible(title: str) -> str:
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in title)


def _read(name: str) -> str:
    return resources.files(__package__).joinpath("page", name).read_text(encoding="utf-8")
