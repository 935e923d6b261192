"""The code of the README and of the tutorial runs as it stands, and prints what it says."""

from __future__ import annotations

import ast
import doctest
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("packages/*/*.md"), *ROOT.glob("docs/**/*.md")])
FENCE = re.compile(r"^(`{3,})(\w*)[^\n]*\n(.*?)^\1`*$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s#]+)[^)]*\)")
PROMISE = re.compile(r"print\(.*\)  # (?P<text>.+)$")


def label(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def blocks(page: Path, language: str) -> list[str]:
    text = page.read_text(encoding="utf-8")
    return [code for _, found, code in FENCE.findall(text) if found == language]


def script_of(page: Path) -> str:
    """Return the page's Python blocks as one program, as a reader would type it."""
    return "\n".join(blocks(page, "python"))


def promised_lines(program: str) -> list[str]:
    """Return what the comments after `print(...)` say that it prints."""
    return [found["text"] for line in program.splitlines() if (found := PROMISE.search(line))]


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "python")], ids=label)
def test_the_code_of_a_page_runs(page: Path, tmp_path: Path) -> None:
    program = script_of(page)
    if ">>>" in program:
        report: list[str] = []
        example = doctest.DocTestParser().get_doctest(program, {}, label(page), None, None)
        doctest.DocTestRunner(optionflags=doctest.ELLIPSIS, verbose=False).run(
            example, out=report.append
        )
        assert report == [], "".join(report)
        return
    ast.parse(program)
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    printed = iter(run.stdout.splitlines())
    missing = [line for line in promised_lines(program) if line not in printed]
    assert missing == [], f"never printed, or not in this order; printed:\n{run.stdout}"


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
    local = [target for target in LINK.findall(text) if "://" not in target]
    assert [target for target in local if not (page.parent / target).exists()] == []
