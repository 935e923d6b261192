from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from dezero_viz import _engines


@dataclass(frozen=True)
class Drawing:
    """A DOT text as a program that knows the language understood it."""

    attributes: dict[str, str]
    nodes: dict[str, dict[str, str]]
    edges: list[tuple[str, str]]

    def labeled(self, label: str) -> list[dict[str, str]]:
        return [node for node in self.nodes.values() if node["label"] == label]


@pytest.fixture
def parse() -> Callable[[str], Drawing]:
    def parsed(dot: str) -> Drawing:
        found: dict[str, Any] = json.loads(_engines.render(dot, "dot_json"))
        names = {node["_gvid"]: node["name"] for node in found["objects"]}
        return Drawing(
            attributes={key: value for key, value in found.items() if isinstance(value, str)},
            nodes={node["name"]: node for node in found["objects"]},
            edges=[(names[edge["tail"]], names[edge["head"]]) for edge in found.get("edges", [])],
        )

    return parsed


@pytest.fixture
def no_system_dot(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A folder that alone is on the PATH, and empty."""
    folder = tmp_path_factory.mktemp("path")
    monkeypatch.setenv("PATH", str(folder))
    return folder


@pytest.fixture(params=["system", "wheel"])
def engine(request: pytest.FixtureRequest) -> str:
    """Both programs in turn, as far as they are there."""
    if request.param == "wheel":
        request.getfixturevalue("no_system_dot")
    elif shutil.which("dot") is None:
        pytest.skip("the system has no dot")
    return str(request.param)
