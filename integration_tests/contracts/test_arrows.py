"""What holds the packages apart: import arrows, private names, declared dependencies."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = sorted(path.parent for path in ROOT.glob("packages/*/pyproject.toml"))
IMPORT_NAMES = {path.name.replace("-", "_") for path in PACKAGES}
# What extras bring, under its import name.
EXTRAS = {
    "dezero_core": {"llvmlite", "ml_dtypes", "numba", "tqdm"},
    "dezero_cuda": {"cupy", "cupyx"},
    "dezero_data": {"PIL"},
    "dezero_nn": {"PIL", "numba", "safetensors"},
    # A notebook has loaded IPython by itself.
    "dezero_viz": {"IPython", "tensorboardX"},
}
NAMED_TUPLE_METHODS = {"_asdict", "_fields", "_make", "_replace"}


def import_name(package: Path) -> str:
    return package.name.replace("-", "_")


def sources(package: Path) -> Iterator[tuple[Path, ast.Module]]:
    for path in sorted((package / "src").rglob("*.py")):
        yield path, ast.parse(path.read_text(encoding="utf-8"), str(path))


def is_private(name: str) -> bool:
    return name.startswith("_") and not (name.startswith("__") and name.endswith("__"))


def imported(tree: ast.Module) -> Iterator[tuple[str, str | None, str, int]]:
    """Yield (module, name or None, local name, line) of each absolute import."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                local = alias.asname or alias.name.partition(".")[0]
                yield alias.name, None, local, node.lineno
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: imports are absolute here"
            for alias in node.names:
                yield node.module or "", alias.name, alias.asname or alias.name, node.lineno


def foreign_private_names(package: Path) -> Iterator[str]:
    """Yield a line for each private name of another package that this one reads."""
    trees = dict(sources(package))
    own = import_name(package)
    defined: set[str] = set()
    for tree in trees.values():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                defined.add(node.name)
            elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
                if isinstance(node.value, ast.Name) and node.value.id in {"self", "cls"}:
                    defined.add(node.attr)
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                defined.add(node.id)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                defined.add(node.value)  # __slots__
    for path, tree in trees.items():
        where = path.relative_to(ROOT)
        local_names: dict[str, str] = {}
        for module, name, local, line in imported(tree):
            top = module.partition(".")[0]
            local_names[local] = top
            names = [*module.split("."), *([name] if name else [])]
            if top in IMPORT_NAMES - {own} and any(is_private(part) for part in names):
                yield f"{where}:{line}: imports {'.'.join(names)}"
        for node in ast.walk(tree):
            if not isinstance(node, ast.Attribute) or not is_private(node.attr):
                continue
            if node.attr in NAMED_TUPLE_METHODS:
                continue
            root: ast.expr = node.value
            while isinstance(root, ast.Attribute):
                root = root.value
            top = local_names.get(root.id, own) if isinstance(root, ast.Name) else own
            if top in sys.stdlib_module_names:
                continue  # sys._getframe
            through_import = top in IMPORT_NAMES - {own}
            if through_import or node.attr not in defined:
                yield f"{where}:{node.lineno}: reads .{node.attr}, which {own} does not define"


def distributions() -> dict[str, set[str]]:
    """Which distributions provide each import name, ours (editable, so unlisted) included."""
    known = {name: set(found) for name, found in packages_distributions().items()}
    ours = {import_name(package): {package.name} for package in PACKAGES}
    return {name: set(map(requirement_name, found)) for name, found in (known | ours).items()}


def requirement_name(requirement: str) -> str:
    match = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert match is not None, requirement
    return re.sub(r"[-_.]+", "-", match[0]).lower()


def test_the_workspace_has_its_seven_packages() -> None:
    assert [path.name for path in PACKAGES] == [
        "dezero",
        "dezero-core",
        "dezero-cuda",
        "dezero-data",
        "dezero-nn",
        "dezero-optim",
        "dezero-viz",
    ]


def test_imports_follow_the_arrows() -> None:
    script = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    run = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert "0 broken" in run.stdout


@pytest.mark.parametrize("package", PACKAGES, ids=lambda path: path.name)
def test_no_package_reads_private_names_of_another(package: Path) -> None:
    assert list(foreign_private_names(package)) == []


@pytest.mark.parametrize("package", PACKAGES, ids=lambda path: path.name)
def test_every_import_is_declared(package: Path) -> None:
    project = tomllib.loads((package / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    declared = {requirement_name(item) for item in project["dependencies"]}
    allowed = {import_name(package), *sys.stdlib_module_names}
    allowed |= EXTRAS.get(import_name(package), set())
    allowed |= {name for name, providers in distributions().items() if declared & providers}
    undeclared = [
        f"{path.relative_to(ROOT)}:{line}: {module}"
        for path, tree in sources(package)
        for module, _, _, line in imported(tree)
        if module.partition(".")[0] not in allowed
    ]
    assert undeclared == []


@pytest.mark.parametrize("package", PACKAGES, ids=lambda path: path.name)
def test_every_dependency_is_a_range_and_is_used(package: Path) -> None:
    project = tomllib.loads((package / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    declared = {requirement_name(requirement) for requirement in project["dependencies"]}
    known = distributions()
    used: set[str] = set()
    for _, tree in sources(package):
        named = {module for module, _, _, _ in imported(tree)}
        words = {
            node.value
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant) and isinstance(node.value, str)
        }
        used |= words & declared  # a program that is looked up by the name of its distribution
        for module in named | words:  # importlib.import_module("module")
            used |= known.get(module.partition(".")[0], set())
    if any(group.startswith("dezero.") for group in project.get("entry-points", {})):
        used.add("dezero-core")  # which loads the plug-in
    for requirement in project["dependencies"]:
        assert re.search(r">=[^,]+,<", requirement), f"{requirement} is not a range"
        assert requirement_name(requirement) in used, f"{requirement} is never imported"
