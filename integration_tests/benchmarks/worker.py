"""The process of one library: it does what it is told, line by line, and answers with numbers.

Started by `run.py` as ``python worker.py LIBRARY THREADS [DEVICE]``. Requests and answers are
lines of JSON. What libraries print goes to standard error, out of the answers' way.
"""

from __future__ import annotations

import json
import os
import sys
import time
import traceback
from collections.abc import Mapping
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any

from harness.clock import Clock
from harness.workload import Call, Comparison, Figure, Workload
from workloads import WORKLOADS
from workloads.devices import DEVICE_WORKLOADS, select

#: How long a library is let run before a batch, in seconds.
WARM_UP = 0.06


class Worker:
    """What a library's process can do."""

    def __init__(self, library: str, threads: int, device: str | None = None) -> None:
        self._library = library
        self._workloads: Mapping[str, Workload] = WORKLOADS
        self._clock = Clock(library, device or "cpu")
        if device is not None:
            select(device)
            self._workloads = DEVICE_WORKLOADS
        self._call: Call | None = None
        if library == "torch":
            import torch

            torch.set_num_threads(threads)
        elif library == "released":
            import numpy as np

            # It was written for a NumPy that still had this name, and does not import without.
            np.int = int  # type: ignore[attr-defined]

    def facts(self) -> dict[str, Any]:
        """Tell the versions that matter."""
        import numpy as np

        blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
        package = {"ours": "dezero-core", "released": "dezero"}.get(self._library, self._library)
        facts = {
            package: version(package),
            "python": ".".join(map(str, sys.version_info[:3])),
            "numpy": np.__version__,
            "blas": f"{blas['name']} {blas['version']}",
        }
        if self._library == "ours":
            from dezero_core import engine

            facts["modules"] = "in Python" if engine.__file__.endswith(".py") else "compiled"
            is_used = os.environ.get("DEZERO_COMPILED") != "0" and find_spec("numba") is not None
            facts["numba"] = version("numba") if is_used else "not used"
        if "cupy" in sys.modules:
            facts["cupy"] = sys.modules["cupy"].__version__
        if self._library == "torch":
            import torch

            facts["threads"] = torch.get_num_threads()
            facts["blas"] = "MKL" if torch.backends.mkl.is_available() else "without MKL"
        return facts

    def load(self, workload: str) -> dict[str, Any]:
        """Set a comparison up and make its first calls; tell what the third one returned."""
        row = self._workloads[workload]
        assert isinstance(row, Comparison)
        self._call = None  # frees the last workload's memory before there is more
        call: Call | None = getattr(row, self._library)()
        if call is None:
            return {"values": None}
        call()
        call()
        values = [float(value) for value in call()]
        self._call = call
        return {"values": values}

    def batch(self, calls: int) -> dict[str, Any]:
        """Make calls that are not timed, for a while and at least one, and time some."""
        call = self._call
        assert call is not None
        # The other libraries had the machine, and the first calls wake threads that sleep.
        end = time.perf_counter() + WARM_UP
        call()
        while time.perf_counter() < end:
            call()
        return {"seconds": self._clock.seconds(call, calls)}

    def device(self) -> dict[str, Any]:
        """Tell what one more call starts and takes on the device, and what device that is."""
        call = self._call
        assert call is not None
        return {
            "peak": self._clock.peak_memory(call),
            "launches": self._clock.launches(call),
        }

    def figure(self, workload: str) -> dict[str, Any]:
        """Measure a figure."""
        row = self._workloads[workload]
        assert isinstance(row, Figure)
        return {"values": getattr(row, self._library)()}


def main() -> None:
    """Answer requests until there are no more."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    worker = Worker(sys.argv[1], int(sys.argv[2]), *sys.argv[3:4])
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = getattr(worker, request.pop("do"))(**request)
        except Exception:
            answer = {"error": traceback.format_exc()}
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
