"""The page in a browser: what is to be seen, and what the mouse and the keys do.

`tab` is a `Tab` of this folder's conftest.py; the page answers through ``window.dezeroGraph``.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dezero_core import Variable
from dezero_core import functions as F
from dezero_core.graph import record_details
from dezero_viz import explore


@pytest.fixture
def page(tab: Any, tmp_path: Path, mlp: Any, loss: Variable) -> Any:
    """A tab that shows the two layers."""
    tab.open(explore(loss, tmp_path / "mlp.html", model=mlp).path)
    return tab


def boxes(tab: Any) -> list[dict[str, Any]]:
    return list(tab.run("dezeroGraph.boxes()"))


def titles(tab: Any) -> list[str]:
    return [box["title"] for box in boxes(tab)]


def key_of(tab: Any, title: str) -> int:
    """The key of a box, or of the parameter of this name."""
    keys = [box["key"] for box in boxes(tab) if box["title"] == title]
    (key,) = keys or [tab.run(f"dezeroGraph.find({title!r})[0]")]
    return int(key)


def click(tab: Any, title: str, times: int = 1) -> None:
    tab.run("dezeroGraph.fit()")
    place = tab.run(f"dezeroGraph.whereIs({key_of(tab, title)})")
    tab.click(place["x"], place["y"], times)


def selected(tab: Any) -> str | None:
    key = tab.run("dezeroGraph.selected()")
    return None if key is None else {box["key"]: box["title"] for box in boxes(tab)}[key]


def text(tab: Any, selector: str) -> str:
    return str(tab.run(f"document.querySelector({json.dumps(selector)}).textContent"))


def overlaps(tab: Any) -> list[tuple[int, int]]:
    """Pairs of boxes that overlap and are not one inside the other."""
    places = tab.run("dezeroGraph.places()")
    return [
        (a["key"], b["key"])
        for i, a in enumerate(places)
        for b in places[:i]
        if not ((a["open"] or b["open"]) and a["depth"] != b["depth"])
        and a["x"] < b["x"] + b["w"]
        and b["x"] < a["x"] + a["w"]
        and a["y"] < b["y"] + b["h"]
        and b["y"] < a["y"] + a["h"]
    ]


def test_it_opens_without_a_complaint(page: Any) -> None:
    assert page.problems == []
    assert [url for url in page.requests if not url.startswith(("file:", "data:"))] == []
    assert titles(page)[0] == "x" and titles(page)[-1] == "mean"
    timings = page.run("dezeroGraph.timings")
    assert 0 < timings["drawn"] <= len(boxes(page))
    assert {"parsed", "layout", "draw", "ready"} <= set(timings)
    assert "7 operations, 4 parameters with 195 numbers" in text(page, "#summary")


def test_boxes_and_edges(page: Any) -> None:
    # Two layers of two operations each are small enough to be open.
    layers = ["l1", "l2", *["W", "matmul", "b", "add"] * 2]  # inside of l1, l1/W is called W
    assert sorted(titles(page)) == sorted(["x", "tanh", "power  2", "mean", *layers])
    by_key = {box["key"]: box["title"] for box in boxes(page)}
    edges = {
        (by_key[edge["from"]], by_key[to])
        for edge in page.run("dezeroGraph.edges()")
        for to in edge["to"]
    }
    assert edges == {
        ("x", "matmul"), ("W", "matmul"), ("matmul", "add"),
        ("b", "add"), ("add", "tanh"), ("tanh", "matmul"),
        ("add", "power  2"), ("power  2", "mean"),
    }  # fmt: skip
    assert overlaps(page) == []


def test_folding_and_unfolding(page: Any) -> None:
    before = len(boxes(page))
    key = key_of(page, "l1")
    page.run(f"dezeroGraph.toggle({key})")
    assert len(boxes(page)) == before - 4
    (box,) = [box for box in boxes(page) if box["key"] == key]
    assert (box["open"], box["subtitle"]) == (False, "Linear, 2 operations")
    click(page, "l1", times=2)
    assert len(boxes(page)) == before


def test_a_click_shows_what_is_known(page: Any, mlp: Any, loss: Variable) -> None:
    click(page, "l1/W")
    W = mlp.l1.W
    assert selected(page) == "W"
    assert text(page, "#details h2") == "l1/W"
    assert text(page, "#details .facts") == "(8, 16) float32"
    for what, x in (("value", W.data), ("gradient", W.grad.data)):
        for name, value in (
            ("min", x.min()),
            ("max", x.max()),
            ("mean", x.mean()),
            ("std", x.std()),
        ):
            shown = text(page, f'[data-of="{what} {name}"]')
            assert float(shown) == pytest.approx(float(value), rel=1e-3), (what, name)
        assert text(page, f'[data-of="{what} size"]') == "128"
    counts, _ = np.histogram(W.data.astype(np.float64), bins=24)
    label = page.run("document.querySelector('figure svg').getAttribute('aria-label')")
    assert label.endswith("counts " + " ".join(map(str, counts)))


def test_an_operation_tells_its_rule_and_its_line(page: Any, loss: Variable) -> None:
    click(page, "tanh")
    details = text(page, "#details")
    assert "Multiplies the gradient by 1 - y²" in details
    assert "return self.l2(F.tanh(self.l1(x)))" in details
    assert "conftest.py:" in details
    click(page, "mean")
    assert text(page, "#details .facts") == "() float32"
    assert float(text(page, "#details pre")) == pytest.approx(float(loss.data))


def test_search_finds_and_jumps(page: Any) -> None:
    page.press("/")
    page.type("tanh (30, 16)")
    assert page.run("document.activeElement.id") == "search"
    (found,) = page.run("[...document.querySelectorAll('#results li')].map(row => row.textContent)")
    assert found == "tanh (30, 16) float32"
    assert text(page, "#announcement") == "1 result"
    page.press("Enter")
    assert selected(page) == "tanh"
    assert page.run("document.activeElement.id") == "stage"
    # What stands in a folded group unfolds it.
    page.run(f"dezeroGraph.toggle({key_of(page, 'l2')})")
    page.press("/")
    page.run("document.getElementById('search').select()")
    page.type("l2/b")
    page.press("Enter")
    assert selected(page) == "b"
    assert text(page, "#details h2") == "l2/b"
    page.press("/")
    page.run("document.getElementById('search').select()")
    page.type("no such thing")
    assert text(page, "#results") == "Nothing found"


def test_the_keyboard(page: Any) -> None:
    page.run("document.getElementById('stage').focus()")
    assert selected(page) == "x"
    assert text(page, "#announcement") == "x, input, (30, 8) float32"
    path = []
    for _ in range(3):
        page.press("ArrowDown")
        path.append(selected(page))
    assert path == ["matmul", "add", "tanh"]
    page.press("ArrowUp")
    assert selected(page) == "add"
    page.press("Tab")
    assert selected(page) == "tanh"
    page.press("Enter")
    assert page.run("document.activeElement.textContent") == "tanh"
    page.press("Escape")
    assert page.run("document.getElementById('panel').hidden")
    assert page.run("document.activeElement.id") == "stage"
    scale = page.run("dezeroGraph.view().scale")
    page.press("+")
    assert page.run("dezeroGraph.view().scale") == pytest.approx(1.25 * scale)
    page.press("-")
    assert page.run("dezeroGraph.view().scale") == pytest.approx(scale)
    page.press("ArrowDown", shift=True)
    page.press("?")
    assert page.run("document.getElementById('help').open")
    page.press("Escape")
    assert not page.run("document.getElementById('help').open")


def test_space_folds(page: Any) -> None:
    page.run(f"document.getElementById('stage').focus(); dezeroGraph.select({key_of(page, 'l1')})")
    page.press(" ")
    assert "matmul" in titles(page) and titles(page).count("matmul") == 1
    assert text(page, "#announcement") == "l1 folded"
    page.press(" ")
    assert titles(page).count("matmul") == 2


def test_the_outline_says_the_same(page: Any) -> None:
    rows = page.run("""[...document.querySelectorAll('[role=treeitem]')].map(row => ({
        key: Number(row.dataset.key), level: row.ariaLevel, expanded: row.ariaExpanded }))""")
    assert sorted(row["key"] for row in rows) == sorted(box["key"] for box in boxes(page))
    assert {row["level"] for row in rows} == {"1", "2"}
    page.press("o")
    page.run("document.querySelector('[role=treeitem][tabindex=\"0\"]').focus()")
    page.press("ArrowDown")
    page.press("ArrowLeft")
    assert titles(page).count("matmul") == 1
    page.press("ArrowRight")
    assert titles(page).count("matmul") == 2
    page.press("Enter")
    assert selected(page) == "l1"


def test_the_mouse_moves_and_zooms(page: Any) -> None:
    before = page.run("dezeroGraph.view()")
    for kind, x in (("mousePressed", 100), ("mouseMoved", 160), ("mouseReleased", 160)):
        page.call("Input.dispatchMouseEvent", type=kind, x=x, y=200, button="left", buttons=1)
    after = page.run("dezeroGraph.view()")
    assert (after["x"] - before["x"], after["y"]) == (pytest.approx(60), before["y"])
    page.call("Input.dispatchMouseEvent", type="mouseWheel", x=300, y=300, deltaX=0, deltaY=-120)
    page.wait(f"dezeroGraph.view().scale > {after['scale']}")
    page.run("dezeroGraph.fit()")
    view = page.run("dezeroGraph.view()")
    places = page.run("dezeroGraph.places()")
    frame = page.run("(({width, height}) => ({width, height}))(stage.getBoundingClientRect())")
    assert all(0 <= view["x"] + p["x"] * view["scale"] <= frame["width"] for p in places)
    assert all(0 <= view["y"] + p["y"] * view["scale"] <= frame["height"] for p in places)


def test_two_fingers_zoom(page: Any) -> None:
    before = page.run("dezeroGraph.view().scale")
    for kind, distance in (("touchStart", 50), ("touchMove", 75), ("touchMove", 100)):
        points = [{"x": 400 + x, "y": 300, "id": i} for i, x in enumerate((-distance, distance))]
        page.call("Input.dispatchTouchEvent", type=kind, touchPoints=points)
    page.call("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])
    page.wait(f"Math.abs(dezeroGraph.view().scale / {before} - 2) < 0.1")
    assert selected(page) is None


def test_everything_has_a_name(page: Any) -> None:
    click(page, "l1/W")
    page.press("o")
    nodes = page.call("Accessibility.getFullAXTree")["nodes"]
    named = {"button", "application", "searchbox", "combobox", "tree", "treeitem", "image", "table"}
    found: dict[str, list[str]] = {}
    for node in nodes:
        role = node.get("role", {}).get("value", "")
        if role in named and not node.get("ignored"):
            found.setdefault(role, []).append(node.get("name", {}).get("value", ""))
    assert all(all(names) for names in found.values()), found
    assert {"button", "application", "tree", "treeitem", "image", "table"} <= set(found)
    assert "Histogram of the value" in found["image"][0]
    assert found["application"] == ["Computation graph"]
    assert page.run("document.documentElement.lang") == "en"


def test_light_and_dark(page: Any) -> None:
    paper = "getComputedStyle(document.body).backgroundColor"
    assert page.run(paper) == "rgb(251, 250, 247)"
    page.press("d")
    assert page.run(paper) == "rgb(22, 24, 28)"
    assert page.run("document.getElementById('theme').ariaPressed") == "true"
    page.resize(1280, 800, dark=False)
    page.press("d")
    page.resize(1280, 800, dark=True)
    page.wait(f"{paper} == 'rgb(22, 24, 28)'")


def test_a_narrow_window(page: Any) -> None:
    page.resize(390, 700)
    page.settle()
    click(page, "x")
    assert page.run("document.documentElement.scrollWidth") <= 390
    panel = page.run("(({left, right}) => ({left, right}))(panel.getBoundingClientRect())")
    assert panel == {"left": 0, "right": 390}


def test_a_thousand_steps(tab: Any, tmp_path: Path, long_rnn: Variable) -> None:
    tab.open(explore(long_rnn, tmp_path / "rnn.html").path)
    assert tab.problems == []
    assert len(boxes(tab)) < 10
    (group,) = [box for box in boxes(tab) if box["title"].endswith("×1,000")]
    assert group["subtitle"] == "8,000 operations"
    # Jump to a step in the middle: its groups open, the others stay folded.
    tab.press("/")
    tab.type("x500")
    tab.press("Enter")
    assert selected(tab) == "x500"
    assert "step 501" in titles(tab) and len(boxes(tab)) < 60
    assert overlaps(tab) == []
    timings = tab.run("dezeroGraph.timings")
    print(f"1000 steps: {timings}")
    for _ in range(20):
        tab.run("dezeroGraph.zoom(0.97)")
        tab.settle()
    assert tab.run("dezeroGraph.timings.drawn") <= len(boxes(tab))


def test_only_what_is_in_sight_is_drawn(tab: Any, tmp_path: Path) -> None:
    y = Variable(np.ones(3), name="x")
    for name in ["exp", "log", "sin", "cos", "tanh"] * 3:
        y = getattr(F, name)(y) + 1.5
    tab.open(explore(y, tmp_path / "row.html").path)
    tab.run("dezeroGraph.zoom(3)")
    tab.settle()
    assert 0 < tab.run("dezeroGraph.timings.drawn") < len(boxes(tab))


def test_names_are_text(tab: Any, tmp_path: Path) -> None:
    name = "</script><img src=x onerror=alert(1)>\"'&\u2028"
    x = Variable(np.array([1.0, np.nan]), name=name)
    with record_details():
        y = F.exp(x)
    y.name = name
    tab.open(explore(y, tmp_path / "names.html").path)
    assert tab.problems == [] and tab.run("document.images.length") == 0
    key = tab.run("dezeroGraph.find('script')[0]")
    tab.run(f"dezeroGraph.select({key})")
    assert name in text(tab, "#details h2")
    assert "⚠ 1 element of 2 not finite" in text(tab, "#details .warn")
    # Details were recorded, so that no note says how to.
    assert tab.run("document.getElementById('note').hidden")


def test_a_note_says_how_to_record(tab: Any, tmp_path: Path) -> None:
    tab.open(explore(F.exp(Variable(np.array(1.0), name="x")), tmp_path / "exp.html").path)
    assert "with record_details():" in text(tab, "#note")
    assert not tab.run("document.getElementById('note').hidden")
    tab.run("document.getElementById('note-close').click()")
    assert tab.run("document.getElementById('note').hidden")
    click(tab, "exp")
    assert "Not recorded" in text(tab, "#details")
    assert "None. Call" not in text(tab, "#details")
