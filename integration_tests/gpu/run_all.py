"""All that needs a card, in one command: the tests marked `gpu`, and the benchmark.

    python integration_tests/gpu/run_all.py --out runs/gpu

It needs this checkout, a Python from 3.11 on, and a driver. What is missing besides, CuPy and cuDNN
for the driver's CUDA among it, pip installs into a folder of its own; nothing else on the machine
changes.
Without network, `--wheels FOLDER` names wheels to install from.

It writes `summary.json`, the benchmark's `device.json`, and the log of each step into the folder
that `--out` names, and ends with 0 if all went well, 1 if something failed, and 2 without a card.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import subprocess
import sys
import tempfile
import time
import tomllib
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
TESTS = (
    "packages/dezero-core/tests",
    "packages/dezero-nn/tests",
    "packages/dezero-optim/tests",
    "packages/dezero-data/tests",
    "packages/dezero-cuda/tests",
    "integration_tests/device",
)
TOOLS = ("pytest>=9.0,<10", "hypothesis>=6.100", "ml_dtypes>=0.5")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run everything."""
    options = parse(arguments)
    end = time.monotonic() + options.seconds
    reason, driver = look_for_card()
    if reason is not None:
        print(f"There is no card to run on: {reason}")
        return 2
    out: Path = options.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    print(f"driver for CUDA {driver // 1000}.{driver % 1000 // 10}; writing to {out}", flush=True)
    with tempfile.TemporaryDirectory() as made:
        site = options.site.resolve() if options.site else Path(made) / "site"
        run = Runner(out, site, end)
        path = [*write_metadata(Path(made), site), str(run.site_of_torch)]
        run.environment["PYTHONPATH"] = os.pathsep.join(path)
        run.install(missing(run, driver), options.wheels, needed=True)
        if not options.no_torch:
            run.install(missing_torch(run), options.wheels, needed=False)
        run.step("device", [sys.executable, "-c", PROBE])
        if run.ok:
            report = out / "tests.xml"
            command = ["-m", "pytest", "-q", "-m", "gpu", "-p", "no:cacheprovider"]
            # A third of the time is the benchmark's.
            limit = (end - time.monotonic()) * 2 / 3
            run.step("tests", [sys.executable, *command, f"--junitxml={report}", *TESTS], limit)
            run.summary["tests"] = read_report(report)
        if not options.no_bench and run.has("device"):
            bench = ROOT / "integration_tests/benchmarks/run.py"
            command = [str(bench), "--device", "cuda", "--repeats", "7", "--seconds", "2"]
            run.step("bench", [sys.executable, *command, "--out", str(out)])
            run.summary["bench"] = read_json(out / "device.json")
    run.summary |= {"driver": driver, "steps": run.steps, "ok": run.ok}
    write_json(out / "summary.json", run.summary)
    print_summary(run)
    return 0 if run.ok else 1


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    add = parser.add_argument
    add("--out", type=Path, default=Path("runs/gpu"), metavar="FOLDER", help="(runs/gpu)")
    add("--seconds", type=float, default=470.0, metavar="S", help="to take no longer than (470)")
    add("--wheels", type=Path, metavar="FOLDER", help="install from here, without network")
    add("--site", type=Path, metavar="FOLDER", help="where to install, to be used again")
    add("--no-bench", action="store_true", help="run the tests alone")
    add("--no-torch", action="store_true", help="install no PyTorch: no ratios, no launches")
    return parser.parse_args(arguments)


# --- the card -----------------------------------------------------------------------------------


def look_for_card() -> tuple[str | None, int]:
    """Return why there is no card, or None, and the CUDA version of the driver."""
    name = "nvcuda.dll" if os.name == "nt" else "libcuda.so.1"
    try:
        driver = ctypes.CDLL(name)
    except OSError:
        return f"no NVIDIA driver is installed ({name} is not there)", 0
    version, count = ctypes.c_int(), ctypes.c_int()
    error = driver.cuInit(0)
    if error:
        return f"the driver finds no device (cuInit returned {error})", 0
    driver.cuDriverGetVersion(ctypes.byref(version))
    driver.cuDeviceGetCount(ctypes.byref(count))
    if not count.value:
        return "the driver is there, but no device", version.value
    if version.value < 12000:
        return f"the driver is for CUDA {version.value // 1000}; CuPy 14 needs 12", version.value
    return None, version.value


# --- what has to be there -----------------------------------------------------------------------

PROBE = """
import json, cupy, dezero_cuda
from dezero_core import Device
device = Device("cuda").backend
properties = cupy.cuda.runtime.getDeviceProperties(0)
found = {"card": properties["name"].decode(), "cupy": cupy.__version__}
print(json.dumps(found | {"cudnn": dezero_cuda.diagnose_cudnn() or "ok"}))
"""


def write_metadata(folder: Path, site: Path) -> list[str]:
    """Let Python find the packages where they lie, with their entry points; return its path."""
    sources = []
    for package in sorted((ROOT / "packages").iterdir()):
        project = read_project(package)
        if project is None:
            continue
        name = project["name"]
        sources.append(str(package / "src"))
        found = folder / f"{name.replace('-', '_')}-0.1.0.dist-info"
        found.mkdir()
        metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: 0.1.0\n"
        (found / "METADATA").write_text(metadata, encoding="utf-8")
        lines = []
        for group, points in project.get("entry-points", {}).items():
            lines += [f"[{group}]", *(f"{key} = {value}" for key, value in points.items())]
        (found / "entry_points.txt").write_text("\n".join(lines), encoding="utf-8")
    return [str(folder), *sources, str(site)]


def read_project(package: Path) -> dict[str, Any] | None:
    path = package / "pyproject.toml"
    if not path.is_file():
        return None
    project: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))["project"]
    return project


def missing(run: Runner, driver: int) -> list[str]:
    """Return the requirements that are not there: of packages and tests, CuPy, and cuDNN."""
    wanted = list(TOOLS)
    for package in sorted((ROOT / "packages").iterdir()):
        project = read_project(package)
        if project is not None:
            wanted += [text for text in project["dependencies"] if not text.startswith("dezero")]
    extras = (read_project(ROOT / "packages/dezero-cuda") or {})["optional-dependencies"]
    # Another CUDA than that of the CuPy that is there would be a second one in the same process.
    is_new = driver >= 13000 and not run.has_distribution("cupy-cuda12x>=14")
    cuda = "13" if is_new else "12"
    works = "import cupy; assert int(cupy.__version__.split('.')[0]) >= 14; cupy.arange(3) + 1"
    if not run.succeeds([sys.executable, "-c", works]):
        # With what compiles kernels, for a machine may have the driver alone.
        wanted += [text.replace(">=", "[ctk]>=", 1) for text in extras[f"cuda{cuda}"]]
    if not run.succeeds([sys.executable, "-c", "import cudnn; cudnn.backend_version()"]):
        wanted += extras[f"cudnn{cuda}"]
    return [text for text in dict.fromkeys(wanted) if not run.has_distribution(text)]


def missing_torch(run: Runner) -> list[str]:
    code = "import torch; assert torch.cuda.is_available()"
    return [] if run.succeeds([sys.executable, "-c", code]) else ["torch>=2.5"]


class Runner:
    """Runs steps one after the other, within the time that there is.

    Attributes:
        site: Where to install.
        site_of_torch: Where to install PyTorch.
        steps: What was run, how it ended, and how long it took.
        summary: What was found out.
        ok: Whether all that had to succeed did.
    """

    def __init__(self, out: Path, site: Path, end: float) -> None:
        self.out = out
        self.site = site
        self.end = end
        self.environment = dict(os.environ, PYTHONUNBUFFERED="1")
        # Where pip finds a folder, as that of NVIDIA's wheels, it adds nothing to it.
        self.site_of_torch = site.with_name(f"{site.name}-torch")
        self.steps: list[dict[str, Any]] = []
        self.summary: dict[str, Any] = {}
        self.ok = True

    def step(self, name: str, command: list[str], limit: float | None = None) -> bool:
        """Run a command, its output into a log and onto the screen."""
        start = time.monotonic()
        left = max(1.0, min(self.end - start, limit or float("inf")))
        print(f"\n== {name} (at most {left:.0f} s)", flush=True)
        log = self.out / f"{name}.log"
        with log.open("w", encoding="utf-8") as file:
            try:
                status = subprocess.run(
                    command,
                    cwd=ROOT,
                    env=self.environment,
                    stdout=file,
                    stderr=subprocess.STDOUT,
                    timeout=left,
                    check=False,
                ).returncode
            except subprocess.TimeoutExpired:
                status = 124
        print("\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-40:]))
        seconds = round(time.monotonic() - start, 1)
        self.steps.append({"name": name, "status": status, "seconds": seconds})
        self.ok = self.ok and status == 0
        return status == 0

    def install(self, requirements: list[str], wheels: Path | None, *, needed: bool) -> None:
        """Install with pip into the folder; what is not needed may fail."""
        if not requirements:
            return
        source = ["--no-index", "--find-links", str(wheels)] if wheels else []
        site = self.site if needed else self.site_of_torch
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(site)]
        before = self.ok
        name = "install" if needed else "install-torch"
        # PyTorch must not take what the tests need.
        limit = None if needed else (self.end - time.monotonic()) / 3
        self.step(name, [*command, *source, *requirements], limit)
        if not needed:
            self.ok = before

    def has(self, name: str) -> bool:
        return any(step["name"] == name and step["status"] == 0 for step in self.steps)

    def succeeds(self, command: list[str]) -> bool:
        try:
            done = subprocess.run(
                command, env=self.environment, capture_output=True, timeout=120, check=False
            )
        except subprocess.TimeoutExpired:
            return False
        return done.returncode == 0

    def has_distribution(self, requirement: str) -> bool:
        """Tell whether a requirement is there, in a version that fits as far as can be told."""
        name = requirement.partition("[")[0]
        for sign in "<>=!~; ":
            name = name.partition(sign)[0]
        code = f"from importlib.metadata import version; print(version({name!r}))"
        done = subprocess.run(
            [sys.executable, "-c", code],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        least = requirement.partition(">=")[2].partition(",")[0]
        return done.returncode == 0 and numbers(done.stdout) >= numbers(least)


def numbers(text: str) -> tuple[int, ...]:
    """Return the first two numbers of a version."""
    parts = text.strip().split(".")[:2]
    return tuple(int(part) for part in parts if part.isdigit())


# --- what came out ------------------------------------------------------------------------------


def read_report(path: Path) -> dict[str, Any] | None:
    """Return the counts of pytest's report, and the names of what failed."""
    if not path.is_file():
        return None
    suites = ET.parse(path).getroot().iter("testsuite")
    counts: dict[str, Any] = dict.fromkeys(("tests", "failures", "errors", "skipped"), 0)
    for suite in suites:
        for key in counts:
            counts[key] += int(suite.get(key, 0))
    counts["failed"] = [
        f"{case.get('classname')}::{case.get('name')}"
        for case in ET.parse(path).getroot().iter("testcase")
        if case.find("failure") is not None or case.find("error") is not None
    ]
    return counts


def read_json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None


def write_json(path: Path, content: Any) -> None:
    beside = path.with_suffix(".part")
    beside.write_text(json.dumps(content, indent=1), encoding="utf-8")
    beside.replace(path)


def print_summary(run: Runner) -> None:
    print("\n== summary")
    for step in run.steps:
        end = {0: "ok", 124: "took too long"}.get(step["status"], f"failed ({step['status']})")
        print(f"{step['name']:16}{end:16}{step['seconds']:8.1f} s")
    tests = run.summary.get("tests")
    if tests:
        print("tests: " + ", ".join(f"{tests[key]} {key}" for key in tests if key != "failed"))
        for name in tests["failed"][:20]:
            print(f"  {name}")
    for row in (run.summary.get("bench") or {}).get("rows", []):
        ratio = "failed" if row["ratio"] is None else f"{row['ratio']:.2f} of PyTorch's time"
        print(f"{row['title']:36}{ratio}")


if __name__ == "__main__":
    sys.exit(main())
