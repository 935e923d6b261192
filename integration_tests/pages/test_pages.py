"""The code of the README and of the tutorial runs as it stands, and prints what it says."""

from __future__ import annotations

import contextlib
import doctest
import importlib
import io
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("packages/*/*.md"), *ROOT.glob("docs/**/*.md")])
FENCE = re.compile(r"^(`{3,})(\w*)[^\n]*\n(.*?)^\1`*$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s#]+)[^)]*\)")
PROMISE = re.compile(r"print\(.*\)  # (?P<text>.+)$")


def label(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def blocks(page: Path) -> list[tuple[str, str]]:
    """Return (language, code) of each block of Python: a program, or a session with prompts."""
    text = page.read_text(encoding="utf-8")
    return [(found, code) for _, found, code in FENCE.findall(text) if found in LANGUAGES]


def run_session(code: str, names: dict[str, Any], page: Path) -> None:
    """Run a session with prompts; each answer must be what the page shows."""
    report: list[str] = []
    session = doctest.DocTestParser().get_doctest(code, names, label(page), None, None)
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS, verbose=False)
    runner.run(session, out=report.append, clear_globs=False)
    names.update(session.globs)
    assert report == [], "".join(report)


def run_program(code: str, names: dict[str, Any], page: Path) -> None:
    """Run a program; it must print, in order, what the comments after `print(...)` say."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(code, label(page), "exec"), names)
    lines = printed.getvalue().splitlines()
    promises = [found["text"] for line in code.splitlines() if (found := PROMISE.search(line))]
    rest = iter(lines)
    assert [text for text in promises if text not in rest] == [], f"printed instead: {lines}"


LANGUAGES = {"pycon": run_session, "python": run_program}


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page)], ids=label)
def test_the_code_of_a_page_runs(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DEZERO_HOME", str(tmp_path / "home"))
    names: dict[str, Any] = {"__name__": "__page__"}
    for language, code in blocks(page):
        LANGUAGES[language](code, names, page)


@pytest.mark.parametrize("page", PAGES, ids=label)
def test_the_commands_of_a_page_exist(page: Path) -> None:
    environments = tomllib.loads((ROOT / "hatch.toml").read_text(encoding="utf-8"))["envs"]
    commands = set(environments["default"]["scripts"])
    text = page.read_text(encoding="utf-8")
    for environment, command in re.findall(r"hatch run (?:([\w-]+):)?([\w-]+)", text):
        if environment:
            assert environment in environments, f"no environment {environment}"
            own = set(environments[environment].get("scripts", {}))
            template = environments[environment].get("template", "default")
            known = own | (commands if template == "default" else set())
            assert command in known, f"no command {environment}:{command}"
        else:
            assert command in commands, f"no command {command}"


@pytest.mark.parametrize("page", PAGES, ids=label)
def test_the_links_of_a_page_lead_somewhere(page: Path) -> None:
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    for target in LINK.findall(text):
        path = (page.parent / target).resolve()
        if path.parent == ROOT / "docs" / "api":  # made when the site is built
            assert importlib.import_module(path.stem).__doc__
        else:
            assert "://" in target or path.exists(), f"{target} leads nowhere"
