"""Each choice of packages works by itself, without the umbrella and without the others.

A subset is allowed if it holds what its packages declare to need. Each is an environment with just
these, installed from wheels, where a small program for each of its packages has to run.
"""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ..conftest import ROOT, Environment, dependencies, siblings

PROGRAMS = Path(__file__).with_name("programs")
PACKAGES = sorted(path.parent.name for path in ROOT.glob("packages/*/pyproject.toml"))
PARTS = {name: name.partition("-")[2] or "all" for name in PACKAGES}

# An environment tells its distributions, what they need that is not there, and which of all our
# modules can be found; then it runs the programs.
SCRIPT = """
import importlib.util, json, re, runpy, sys
from importlib.metadata import distributions
name_of = lambda text: re.sub("[-_.]+", "-", re.match("[A-Za-z0-9._-]+", text)[0]).lower()
found = {name_of(d.metadata["Name"]): d for d in distributions()}
ours = sorted(name for name in found if name.startswith("dezero"))
needed = {
    name_of(text) for name in ours for text in found[name].requires or () if "extra ==" not in text
}
modules, programs = map(json.loads, sys.argv[1:])
print(json.dumps({
    "distributions": ours,
    "lacking": sorted(needed - set(found)),
    "modules": [name for name in modules if importlib.util.find_spec(name)],
}))
for program in programs:
    runpy.run_path(program)
"""


def subsets() -> Iterator[tuple[str, ...]]:
    for size in range(1, len(PACKAGES) + 1):
        for chosen in itertools.combinations(PACKAGES, size):
            if all(set(siblings(package)) <= set(chosen) for package in chosen):
                yield chosen


SUBSETS = list(subsets())


def short(chosen: tuple[str, ...]) -> str:
    return "+".join(PARTS[name] for name in chosen)


@pytest.fixture(scope="module")
def installed(wheels: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A folder for each package with what its wheel holds, and one with all that they need.

    That pip installs each package with what it needs and no more is tested in `install`. To put
    such folders on the path takes a hundredth of the time.
    """
    folders = {}
    for package, wheel in wheels.items():
        folders[package] = tmp_path_factory.mktemp(package)
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(folders[package])
    folders["others"] = tmp_path_factory.mktemp("others")
    needed = {name for package in PACKAGES for name in dependencies(package)}
    others = sorted(name for name in needed if not name.startswith("dezero"))
    pip = ["-m", "pip", "--quiet", "--disable-pip-version-check", "install"]
    command = [sys.executable, *pip, "--target", str(folders["others"]), *others]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    return folders


@pytest.fixture
def compose(installed: dict[str, Path], tmp_path: Path) -> Callable[..., Environment]:
    """Return a function that makes an environment of some packages."""

    def make(*packages: str) -> Environment:
        environment = Environment.create(tmp_path / "environment")
        base = {"base": str(environment.folder), "platbase": str(environment.folder)}
        site = Path(sysconfig.get_path("purelib", "venv", base))
        folders = [str(installed[name]) for name in (*packages, "others")]
        (site / "packages.pth").write_text("\n".join(folders), encoding="utf-8")
        return environment

    return make


def test_the_subsets_are_those_of_the_arrows() -> None:
    # Five packages need the core alone: each is there or not. The umbrella needs four of them.
    assert len(SUBSETS) == 2**5 + 2
    assert SUBSETS[0] == ("dezero-core",)
    assert all("dezero-core" in chosen for chosen in SUBSETS)
    assert SUBSETS[-1] == tuple(PACKAGES)


@pytest.mark.parametrize("chosen", SUBSETS, ids=short)
def test_a_subset_works(chosen: tuple[str, ...], compose: Callable[..., Environment]) -> None:
    environment = compose(*chosen)
    names = {package: package.replace("-", "_") for package in PACKAGES}
    programs = [str(PROGRAMS / f"with_{PARTS[package]}.py") for package in chosen]
    script = ["-W", "error", "-c", SCRIPT]
    told = environment.run(*script, json.dumps(list(names.values())), json.dumps(programs))
    assert json.loads(told) == {
        "distributions": list(chosen),
        "lacking": [],
        "modules": [names[package] for package in chosen],
    }


def test_data_feeds_a_loop_of_pytorch(tmp_path: Path) -> None:
    pytest.importorskip(
        "torch", reason="PyTorch is not installed here, the environment `bench` has it"
    )
    sources = [str(ROOT / "packages" / name / "src") for name in ("dezero-core", "dezero-data")]
    done = subprocess.run(
        [sys.executable, str(PROGRAMS / "with_torch.py")],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sources)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
