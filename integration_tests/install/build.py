"""Build the wheel of every package: `hatch run build [--native] [folder] [package ...]`."""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = sorted(path.parent.name for path in ROOT.glob("packages/*/pyproject.toml"))


def build_wheel(package: str, folder: Path) -> Path:
    """Build one package with Hatch's backend and return the path of its wheel."""
    run = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder.resolve())],
        cwd=ROOT / "packages" / package,
        capture_output=True,
        text=True,
        check=False,
    )
    if run.returncode:
        raise RuntimeError(f"{package}: the build failed.\n{run.stdout}{run.stderr}")
    (wheel,) = folder.glob(f"{package.replace('-', '_')}-*.whl")
    return wheel


def main() -> None:
    """Build the packages that are named on the command line, or all of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=Path("dist"))
    parser.add_argument("packages", nargs="*", metavar="package", default=PACKAGES)
    parser.add_argument(
        "--native",
        action="store_true",
        help="compile the modules that training steps run through; wants Cython and a C compiler",
    )
    arguments = parser.parse_args()
    unknown = sorted(set(arguments.packages) - set(PACKAGES))
    if unknown:
        parser.error(f"no such package: {', '.join(unknown)}; there are {', '.join(PACKAGES)}")
    arguments.folder.mkdir(parents=True, exist_ok=True)
    for package in arguments.packages:
        for old in arguments.folder.glob(f"{package.replace('-', '_')}-*.whl"):
            old.unlink()
        wheel = build_wheel(package, arguments.folder)
        if arguments.native:
            from native import NATIVE, compile_wheel

            if package in NATIVE:
                wheel = compile_wheel(wheel)
        print(wheel)


if __name__ == "__main__":
    main()
