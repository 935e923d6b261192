"""What the doctor found."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape
from typing import Literal

__all__ = ["Diagnosis", "Finding"]

_SEVERITIES = ("error", "warning", "note")
_SIGNS = {"error": "✗", "warning": "!", "note": "·"}
_WIDTH = 96


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong.

    Attributes:
        check: The name of the check that found it, such as ``"dead units"``.
        severity: ``"error"``: training cannot succeed; ``"warning"``: it will probably suffer;
            ``"note"``: worth a look.
        what: What is wrong, in a sentence.
        where: The layer, operation, parameter or part of the batch.
        evidence: The figures that show it.
        advice: What to do.
    """

    check: str
    severity: Literal["error", "warning", "note"]
    what: str
    where: str
    evidence: str
    advice: str


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What `diagnose` found. Print it, or look at it in a notebook.

    Attributes:
        subject: What was examined.
        findings: What is wrong, the worst first. Empty where nothing is.
        facts: What was measured on the way, by name.
    """

    subject: str
    findings: tuple[Finding, ...]
    facts: Mapping[str, str] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.findings

    def __str__(self) -> str:
        lines = [f"{self.subject}: {self._verdict()}"]
        for finding in self.findings:
            lines += ["", f"{_SIGNS[finding.severity]} {finding.severity}: {finding.what}"]
            for title in ("where", "evidence", "advice"):
                lines += textwrap.wrap(
                    getattr(finding, title),
                    _WIDTH,
                    initial_indent=f"    {title:<10}",
                    subsequent_indent=" " * 14,
                )
        if self.facts:
            width = max(map(len, self.facts))
            lines += ["", "measured:"]
            lines += [f"    {name:<{width}}  {value}" for name, value in self.facts.items()]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        """Return the report as a notebook shows it."""
        parts = [
            f'<div style="{_STYLE}">',
            f"<div><b>{escape(self.subject)}</b>: {escape(self._verdict())}</div>",
        ]
        for finding in self.findings:
            rows = "".join(
                f'<div style="opacity: .65">{title}</div><div>{escape(text)}</div>'
                for title in ("where", "evidence", "advice")
                if (text := getattr(finding, title))
            )
            parts.append(
                '<details open style="margin: .5em 0; padding-left: .6em; '
                f'border-left: 4px {_BORDERS[finding.severity]}"><summary>'
                f"<b>{_SIGNS[finding.severity]} {finding.severity}</b>: {escape(finding.what)}"
                f'</summary><div style="{_GRID}">{rows}</div></details>'
            )
        if self.facts:
            rows = "".join(
                f'<div style="opacity: .65">{escape(name)}</div><div>{escape(value)}</div>'
                for name, value in self.facts.items()
            )
            parts.append(f'<details><summary>measured</summary><div style="{_GRID}">{rows}</div>')
            parts.append("</details>")
        return "".join([*parts, "</div>"])

    def _verdict(self) -> str:
        counts = [
            f"{n} {severity}{'s' * (n > 1)}"
            for severity in _SEVERITIES
            if (n := sum(finding.severity == severity for finding in self.findings))
        ]
        return ", ".join(counts) or "nothing wrong was found"


# The page's own colors for text, so that it is read in the dark as well. Severities differ by
# words, by signs and by the kind of line, not by colors alone.
_STYLE = "font-family: system-ui, sans-serif; font-size: 13px; line-height: 1.45; max-width: 60em"
_GRID = "display: grid; grid-template-columns: max-content 1fr; gap: .1em .8em; margin: .3em 0"
_BORDERS = {"error": "solid #D55E00", "warning": "dashed #E69F00", "note": "dotted #56B4E9"}
