"""The site: `hatch run docs` builds it into `docs/_build/html`, and any warning fails the build."""

from __future__ import annotations

import sys
from importlib.metadata import version as version_of
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

project = "DeZero"
author = "The DeZero authors"
copyright = f"2026, {author}"
version = release = version_of("dezero")

extensions = [
    "myst_parser",
    "coverage_tables",
    "reference",
    "sphinx.ext.autodoc",
    "sphinx.ext.mathjax",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
]
exclude_patterns = ["_build"]
default_role = "py:obj"

autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_type_aliases = {name: name for name in ("Array", "ArrayLike", "Axis", "DTypeLike", "Shape")}
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True
napoleon_use_rtype = False

myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3

html_theme = "furo"
html_title = "DeZero"
html_theme_options = {
    "light_css_variables": {
        "color-brand-primary": "#b5530a",
        "color-brand-content": "#b5530a",
    },
    "dark_css_variables": {
        "color-brand-primary": "#ffb066",
        "color-brand-content": "#ffb066",
    },
}
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True
