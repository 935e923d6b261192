"""The examples in the docstrings of functions, which doctest does not find in primitives."""

from __future__ import annotations

import doctest
from typing import Any

import pytest

from dezero_core import functions as F
from dezero_core.functions import linalg

NAMED = {name: getattr(F, name) for name in F.__all__ if callable(getattr(F, name))}
NAMED |= {f"linalg.{name}": getattr(linalg, name) for name in linalg.__all__}


@pytest.mark.parametrize("name", NAMED)
def test_example(name: str) -> None:
    function: Any = NAMED[name]
    examples = doctest.DocTestParser().get_doctest(function.__doc__, {}, name, None, 0)
    assert examples.examples, f"{name} has no example"
    report: list[str] = []
    results = doctest.DocTestRunner().run(examples, out=report.append)
    assert results.failed == 0, "".join(report)
