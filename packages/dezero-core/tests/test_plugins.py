"""Plug-ins: a package that is really installed, beside one that is broken."""

from __future__ import annotations

import importlib.metadata
import json
import os
import subprocess
import sys
import textwrap
import warnings
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dezero_core import Variable, plugins
from dezero_core.graph import build_graph
from dezero_core.plugins import get_plotter, load_plugins, notebook_view

TOY = """
import sys
import numpy as np

class Array:
    def __init__(self, values):
        self.values = np.asarray(values)

class Backend:
    name = "toy"
    xp = np
    array_types = (Array,)
    kernels = {}
    def is_available(self): return True
    def asarray(self, x, dtype=None): return Array(np.asarray(x, dtype))
    def to_numpy(self, x): return x.values
    def synchronize(self): pass

backend = Backend()
sys.loaded_toys = getattr(sys, "loaded_toys", 0) + 1

def draw(*outputs):
    return f"drawing of {len(outputs)}"
"""
TOY_POINTS = """
[dezero.backends]
toy = throwaway_toy:backend

[dezero.plotters]
throwaway = throwaway_toy:draw
"""
BROKEN = """
class Half:
    name = "half"
    xp = None

half = Half()
"""
BROKEN_POINTS = """
[dezero.backends]
absent = throwaway_no_such_module:backend
half = throwaway_broken:half
misnamed = throwaway_toy:backend

[dezero.plotters]
throwaway_broken = throwaway_broken:half
"""


def build_wheel(folder: Path, name: str, code: str, entry_points: str) -> Path:
    """Write a wheel of one module."""
    info = f"{name}-1.0.dist-info"
    members = {
        f"{name}.py": code,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\n"
        "Tag: py3-none-any\n",
        f"{info}/entry_points.txt": entry_points,
    }
    record = [f"{member},," for member in (*members, f"{info}/RECORD")]
    members[f"{info}/RECORD"] = "\n".join(record) + "\n"
    wheel = folder / f"{name}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for member, text in members.items():
            archive.writestr(member, text)
    return wheel


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Two folders: one with the good plug-in installed, one with the broken one beside it."""
    folder = tmp_path_factory.mktemp("plugins")
    good = build_wheel(folder, "throwaway_toy", TOY, TOY_POINTS)
    broken = build_wheel(folder, "throwaway_broken", BROKEN, BROKEN_POINTS)
    wheels = {"good": [good], "both": [good, broken]}
    for target, files in wheels.items():
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]
        command += ["--disable-pip-version-check", "--target", str(folder / target)]
        subprocess.run([*command, *map(str, files)], check=True, timeout=120)
    return {target: folder / target for target in wheels}


def run(site: Path, code: str, *flags: str) -> Any:
    """Run code in a fresh interpreter that sees the folder; return what it calls `answer` with."""
    path = os.pathsep.join(filter(None, [str(site), os.environ.get("PYTHONPATH", "")]))
    code = "import json, sys, warnings\n" + textwrap.dedent(code) + "\nprint(json.dumps(answer))"
    done = subprocess.run(
        [sys.executable, *flags, "-c", code],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


class TestInstalled:
    def test_nothing_is_loaded_before_it_is_needed(self, installed: dict[str, Path]) -> None:
        answer = run(
            installed["good"],
            """
            import numpy as np
            import dezero_core.backend as b
            b.backend_of(np.ones(2), 1.0), b.get_array_module(np.ones(2)), b.get_backend("numpy")
            answer = "throwaway_toy" in sys.modules
            """,
        )
        assert answer is False

    def test_found_by_the_type_of_an_array(self, installed: dict[str, Path]) -> None:
        answer = run(
            installed["good"],
            """
            import dezero_core.backend as b
            import throwaway_toy
            x = throwaway_toy.Array([1.0, 2.0])
            answer = [b.backend_of(x).name, b.as_numpy(x).tolist(), b.backend_of(x, 2.0).name]
            """,
        )
        assert answer == ["toy", [1.0, 2.0], "toy"]

    def test_found_by_name_and_once(self, installed: dict[str, Path]) -> None:
        answer = run(
            installed["good"],
            """
            import dezero_core.backend as b
            toy = b.get_backend("toy")
            same = toy is b.get_backend("toy") is b.backends()["toy"]
            answer = [same, "numpy" in b.backends(), sys.loaded_toys]
            """,
        )
        assert answer == [True, True, 1]

    def test_plotter(self, installed: dict[str, Path]) -> None:
        answer = run(
            installed["good"],
            """
            from dezero_core.plugins import get_plotter
            answer = get_plotter("throwaway")(1, 2)
            """,
        )
        assert answer == "drawing of 2"


class TestBroken:
    def test_warned_about_by_name_and_the_rest_works(self, installed: dict[str, Path]) -> None:
        answer = run(
            installed["both"],
            """
            import dezero_core.backend as b
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                toy = b.get_backend("toy")
                b.backends()
            names = sorted(set(b.backends()) & {"toy", "half", "absent", "misnamed"})
            answer = [toy.name, names, sorted(str(c.message) for c in caught),
                      sorted({c.category.__name__ for c in caught})]
            """,
        )
        name, names, messages, categories = answer
        assert (name, names, categories) == ("toy", ["toy"], ["RuntimeWarning"])
        assert len(messages) == 3
        absent, half, misnamed = messages
        assert absent.startswith(
            "plug-in 'absent' (dezero.backends: throwaway_no_such_module:backend from "
            "throwaway_broken 1.0) is left out: ModuleNotFoundError"
        )
        assert "a Half is no backend, it lacks array_types, kernels, is_available" in half
        assert "plug-in 'misnamed'" in misnamed
        assert "the backend calls itself 'toy'" in misnamed

    def test_good_ones_are_kept_where_warnings_are_errors(self, installed: dict[str, Path]) -> None:
        answer = run(
            installed["both"],
            """
            import dezero_core.backend as b
            try:
                b.get_backend("toy")
            except RuntimeWarning as warning:
                answer = [str(warning)[:7], b.get_backend("toy").name]
            """,
            "-W",
            "error::RuntimeWarning",
        )
        assert answer == ["plug-in", "toy"]

    def test_plotter(self, installed: dict[str, Path]) -> None:
        answer = run(
            installed["both"],
            """
            from dezero_core.plugins import get_plotter
            answer = [get_plotter("throwaway")(1)]
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                try:
                    get_plotter("throwaway_broken")
                except LookupError as error:
                    answer += [str(error), str(caught[0].message)]
            """,
        )
        assert answer[0] == "drawing of 1"
        assert "no installed package offers a working plotter 'throwaway_broken'" in answer[1]
        assert answer[2].endswith("a plotter is a callable, this is a Half")


class TestMissing:
    def test_plotter_names_the_package_to_install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(importlib.metadata, "entry_points", lambda **_: ())
        with pytest.raises(LookupError, match=r"plotter 'graph'.*pip install dezero-viz"):
            get_plotter()

    def test_plotter_lists_the_others(self, installed: dict[str, Path]) -> None:
        answer = run(
            installed["good"],
            """
            from dezero_core.plugins import get_plotter
            try:
                get_plotter("no-such-plotter")
            except LookupError as error:
                answer = str(error)
            """,
        )
        assert "installed packages offer" in answer
        assert "'throwaway'" in answer

    def test_a_group_that_nobody_fills(self) -> None:
        given: list[str] = []
        load_plugins("dezero.no-such-group", lambda name, _: given.append(name))
        assert given == []


class TestNotebooks:
    def use(self, monkeypatch: pytest.MonkeyPatch, plotter: Any) -> None:
        def only(name: str) -> Any:
            assert name == "notebook"
            return plotter

        monkeypatch.setattr(plugins, "get_plotter", only)

    def test_a_package_that_draws_is_asked(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.use(monkeypatch, lambda thing: f"<b>{type(thing).__name__}</b>")
        x = Variable(np.ones(2))
        assert x._repr_html_() == "<b>Variable</b>"
        assert build_graph(x * 2)._repr_html_() == "<b>Graph</b>"
        assert notebook_view(3) == "<b>int</b>"

    def test_without_one_there_is_the_text(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(importlib.metadata, "entry_points", lambda **_: ())
        assert Variable(np.ones(2))._repr_html_() is None

    def test_one_that_fails_or_warns_disturbs_nobody(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def fails(thing: Any) -> str:
            warnings.warn("slow", RuntimeWarning, stacklevel=1)
            raise ZeroDivisionError

        for plotter in (fails, lambda thing: None, lambda thing: 3):
            self.use(monkeypatch, plotter)
            assert notebook_view(3) is None
