"""The processes of the libraries, from the side that asks."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from threading import Timer
from types import TracebackType
from typing import Any

__all__ = ["Process", "WorkerError", "find_pythons"]

_HERE = Path(__file__).resolve().parents[1]
_ROOT = _HERE.parents[1]


class WorkerError(Exception):
    """A library failed at a workload, or its process ended."""


class Process:
    """A library in a process of its own, which stays alive between requests.

    In one process the thread pools of OpenBLAS and of PyTorch's OpenMP would slow each other.

    Args:
        library: Which one.
        python: The interpreter that has it.
        threads: How many threads it may use.
        timeout: After how many seconds without an answer it is ended.
        device: The device that it measures; None for the rows of the host.
        environment: Variables beside those of this process.
    """

    def __init__(
        self,
        library: str,
        python: Path,
        threads: int,
        timeout: float = 300.0,
        *,
        device: str | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.library = library
        self._timeout = timeout
        self._log = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115
        limits = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
        self._process = subprocess.Popen(
            [
                *(python, str(_HERE / "worker.py"), library, str(threads)),
                *([] if device is None else [device]),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            encoding="utf-8",
            env=os.environ | dict.fromkeys(limits, str(threads)) | dict(environment or {}),
        )

    def ask(self, do: str, **arguments: Any) -> dict[str, Any]:
        """Send a request and wait for its answer.

        Raises:
            WorkerError: It failed; the message is the worker's traceback, or what it last wrote.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        timer = Timer(self._timeout, self._process.kill)
        timer.start()
        try:
            self._process.stdin.write(json.dumps({"do": do, **arguments}) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        finally:
            timer.cancel()
        if not line:
            raise WorkerError(self._describe_end())
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise WorkerError(answer["error"])
        return answer

    def _describe_end(self) -> str:
        code = self._process.wait()
        self._log.seek(0)
        tail = self._log.read()[-2000:].strip()
        limit = f"after {self._timeout:g} s without an answer" if code == -9 else ""
        return f"the process of {self.library} ended with status {code} {limit}\n{tail}".strip()

    @property
    def is_alive(self) -> bool:
        """Whether it can be asked."""
        return self._process.poll() is None

    def close(self) -> None:
        """End it."""
        self._process.kill()
        self._process.communicate()
        self._log.close()

    def __enter__(self) -> Process:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def find_pythons(given: dict[str, Path]) -> dict[str, Path]:
    """Find an interpreter for each library.

    Args:
        given: Those that the user named, by library.

    Returns:
        The interpreters: ours is that with the compiled packages, if these are of the sources as
        they are. The released package is missing if its environment cannot be found.
    """
    here = Path(sys.executable)
    pythons = {"ours": here, "torch": here}
    # The released package has the name that our umbrella has, and compiled packages would hide the
    # sources, so hatch keeps both in environments of their own.
    native = None if "ours" in given else _find_environment("native")
    if native is not None and _is_ready(native):
        pythons["ours"] = native
    released = None if "released" in given else _find_environment("released")
    if released is not None:
        pythons["released"] = released
    return pythons | given


def _is_ready(native: Path) -> bool:
    ready = [str(native), str(_ROOT / "integration_tests" / "install" / "ready.py")]
    if subprocess.run([*ready, "--check"], check=False).returncode == 0:
        return True
    print("The compiled packages are older than the sources: `hatch run native:ready`. Without.")
    return False


def _find_environment(name: str) -> Path | None:
    hatch = shutil.which("hatch")
    if hatch is None:
        return None
    found = subprocess.run([hatch, "env", "find", name], cwd=_ROOT, capture_output=True, text=True)
    python = Path(found.stdout.strip()) / (
        "Scripts/python.exe" if os.name == "nt" else "bin/python"
    )
    return python if found.returncode == 0 and python.exists() else None
