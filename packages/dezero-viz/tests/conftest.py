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
    dashed: set[tuple[str, str]]
    # By label: the names of the nodes inside, and the labels of the frames inside.
    frames: dict[str, set[str]]
    inner_frames: dict[str, set[str]]

    def labeled(self, label: str) -> list[dict[str, str]]:
        return [node for node in self.nodes.values() if node["label"] == label]


@pytest.fixture
def parse() -> Callable[[str], Drawing]:
    def parsed(dot: str) -> Drawing:
        found: dict[str, Any] = json.loads(_engines.render(dot, "dot_json"))
        objects = {thing["_gvid"]: thing for thing in found["objects"]}
        nodes = {thing["name"]: thing for thing in objects.values() if "nodes" not in thing}
        frames = [thing for thing in objects.values() if "nodes" in thing]
        edges = {
            (objects[edge["tail"]]["name"], objects[edge["head"]]["name"]): edge.get("style")
            for edge in found.get("edges", [])
        }
        assert len(edges) == len(found.get("edges", []))
        return Drawing(
            attributes={key: value for key, value in found.items() if isinstance(value, str)},
            nodes=nodes,
            edges=list(edges),
            dashed={edge for edge, style in edges.items() if style == "dashed"},
            frames={
                frame["label"]: {objects[key]["name"] for key in frame["nodes"]} for frame in frames
            },
            inner_frames={
                frame["label"]: {objects[key]["label"] for key in frame.get("subgraphs", [])}
                for frame in frames
            },
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
