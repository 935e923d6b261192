"""Install all packages into this environment, compiled where that counts: `hatch run native:ready`.

To compile takes minutes, so nothing is done if the sources are what they were the last time. With
``--check`` nothing is done either way, and the exit status is 1 if they are not.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from build import PACKAGES, ROOT, build_wheel
from native import NATIVE, compile_wheel

STAMP = Path(sys.prefix) / "dezero-sources.sha256"


def main() -> int:
    """Build and install, or check."""
    digest = _digest()
    is_ready = STAMP.is_file() and STAMP.read_text() == digest
    if is_ready or sys.argv[1:] == ["--check"]:
        return int(not is_ready)
    STAMP.unlink(missing_ok=True)
    print("Compiling DeZero's packages for this environment; it takes a few minutes.", flush=True)
    with TemporaryDirectory() as folder:
        wheels = []
        for package in PACKAGES:
            wheel = build_wheel(package, Path(folder))
            wheels.append(str(compile_wheel(wheel) if package in NATIVE else wheel))
        _pip("uninstall", "--yes", *PACKAGES)
        _pip("install", *wheels)
    STAMP.write_text(digest)
    return 0


def _digest() -> str:
    """Return a checksum of all that wheels are made of."""
    files = [*Path(__file__).parent.glob("*.py"), *ROOT.glob("packages/*/pyproject.toml")]
    files += [path for path in ROOT.glob("packages/*/src/**/*") if path.suffix in {".py", ".pxd"}]
    digest = hashlib.sha256()
    for path in sorted(files):
        digest.update(f"{path.relative_to(ROOT)}\n".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _pip(command: str, *arguments: str) -> None:
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, command, *arguments], check=True)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except RuntimeError as error:  # what a compiler said; where it was called from tells nothing
        sys.exit(str(error))
