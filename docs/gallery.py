"""Make the pictures of the gallery: `hatch run gallery`, or `hatch run gallery curves graph`.

The page `docs/gallery.md` is the list. Its blocks of Python run in order, with the same names; the
value of a block's last line is what the image after the block shows. To add a picture, add to the
page a block and a line such as ``![What it shows](_static/gallery/name.png)``, and run this. The
tests run the page as well, so a block should take a second or two, and draw the same each time.

Pictures are png. What a notebook shows as HTML, and text, is photographed by Chromium; where that
is missing, the old picture stays.
"""

from __future__ import annotations

import ast
import io
import os
import re
import shutil
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from PIL import Image, ImageChops

from dezero_core.files import atomic_write

DOCS = Path(__file__).resolve().parent
PAGE = DOCS / "gallery.md"
#: Pictures are read on a screen, over a network.
MOST_BYTES = 80_000
# A block of Python, and the image that follows it with nothing but an empty line between.
ENTRY = re.compile(
    r"^```python\n(?P<code>.*?)^```\n(?:\s*!\[[^\]]*\]\((?P<picture>_static/gallery/[\w.-]+)\))?",
    re.MULTILINE | re.DOTALL,
)
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")


@dataclass(frozen=True, slots=True)
class Entry:
    """A block of the page.

    Attributes:
        code: Its lines.
        picture: The file that shows the value of its last line; None if there is no picture.
    """

    code: str
    picture: Path | None


def entries(page: Path = PAGE) -> list[Entry]:
    """Return the blocks of the page, in order."""
    found = ENTRY.finditer(page.read_text(encoding="utf-8"))
    return [
        Entry(match["code"], DOCS / match["picture"] if match["picture"] else None)
        for match in found
    ]


def values(page: Path = PAGE) -> Iterator[tuple[Entry, Any]]:
    """Run the page in an empty folder; yield each block with the value of its last line."""
    names: dict[str, Any] = {"__name__": "__gallery__"}
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            for entry in entries(page):
                *statements, last = ast.parse(entry.code).body
                value = None
                if not isinstance(last, ast.Expr):
                    statements.append(last)
                exec(compile(ast.Module(statements, []), page.name, "exec"), names)
                if isinstance(last, ast.Expr):
                    value = eval(compile(ast.Expression(last.value), page.name, "eval"), names)
                yield entry, value
        finally:
            os.chdir(before)


def draw(value: Any, target: Path) -> None:
    """Write the picture of a value into a file."""
    if hasattr(value, "savefig"):
        buffer = io.BytesIO()
        value.savefig(buffer, format="png", dpi=100)
        content = buffer.getvalue()
    elif hasattr(value, "_repr_html_") or isinstance(value, str):
        photo = photograph(html_of(value), wide=900)
        if photo is None:
            warnings.warn(f"{target.name} stays as it was: there is no Chromium", stacklevel=2)
            return
        content = photo
    elif hasattr(value, "content"):  # a drawing of a graph, in the format of its file
        content = value.content
    else:
        raise TypeError(f"gallery: no picture can be made of {type(value).__name__}")
    with atomic_write(target) as file:
        file.write(small(content))


def small(content: bytes) -> bytes:
    """Return a small png, without a word on when and by what it was made."""
    image = Image.open(io.BytesIO(content)).convert("RGB")
    for version in (image, image.quantize(256)):
        buffer = io.BytesIO()
        version.save(buffer, format="png", optimize=True)
        if buffer.tell() <= 0.7 * MOST_BYTES:
            break
    return buffer.getvalue()


def html_of(value: Any) -> str:
    """Return a page with what a notebook shows; plain text is shown as on a console."""
    if getattr(value, "path", Path()).suffix == ".html":  # a page of its own
        return str(value.content)
    body = value if isinstance(value, str) else value._repr_html_()
    if not body.lstrip().startswith("<"):
        body = f"<pre>{escape(body)}</pre>"
    return f'<meta charset="utf-8"><body style="font: 14px sans-serif; margin: 16px">{body}</body>'


def photograph(html: str, wide: int) -> bytes | None:
    """Let a browser draw a page; return the picture, or None where there is no browser."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        page, picture = Path(folder, "page.html"), Path(folder, "page.png")
        page.write_text(html, encoding="utf-8")
        command = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
        command += [f"--user-data-dir={folder}/profile", f"--screenshot={picture}"]
        command += [f"--window-size={wide},560", "--virtual-time-budget=3000", page.as_uri()]
        subprocess.run(command, check=True, capture_output=True, timeout=120)
        image = Image.open(picture).convert("RGB")
    # What is as empty as the last corner, below and to the right, is cut off.
    empty = Image.new("RGB", image.size, image.getpixel((image.width - 1, image.height - 1)))
    _, _, right, bottom = ImageChops.difference(image, empty).getbbox() or (0, 0, *image.size)
    image = image.crop((0, 0, min(right + 16, image.width), min(bottom + 16, image.height)))
    buffer = io.BytesIO()
    image.save(buffer, format="png")
    return buffer.getvalue()


def main(wanted: Sequence[str]) -> int:
    """Make the pictures whose names are given, or all; return the exit code."""
    known = {entry.picture.stem for entry in entries() if entry.picture is not None}
    if unknown := set(wanted) - known:
        print(f"gallery: no picture {', '.join(sorted(unknown))}; there are {sorted(known)}")
        return 2
    too_large = 0
    for entry, value in values():
        picture = entry.picture
        if picture is None or (wanted and picture.stem not in wanted):
            continue
        picture.parent.mkdir(parents=True, exist_ok=True)
        draw(value, picture)
        if picture.exists():
            size = picture.stat().st_size
            too_large += size > MOST_BYTES
            print(f"{picture.name:28} {size / 1000:6.1f} kB{'  too large' * (size > MOST_BYTES)}")
    return 1 if too_large else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
