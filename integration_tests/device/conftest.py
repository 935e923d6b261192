"""What the tests on devices share: the devices, and the comparison with the host.

Each test runs on the strict fake device, which counts what moves and what waits, and once more on
the GPU, with the marker `gpu`, where there is one.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from dezero_core import as_numpy
from dezero_core.backend import Backend, get_backend
from dezero_core.testing import FakeDevice, fake_device

# For tables that several tests share.
sys.path.insert(0, str(Path(__file__).parent / "tools"))


@dataclass
class Place:
    """Where a test runs.

    Attributes:
        name: The device, as ``to(device)`` takes it.
        backend: Its backend.
        quiet: A context manager within which nothing may move, and nothing may wait; on a GPU,
            where nobody counts, it does nothing.
        rtol: How exactly results in single precision equal the host's.
    """

    name: str
    backend: Backend
    quiet: Callable[[], AbstractContextManager[None]]
    rtol: float

    def put(self, *arrays: Any) -> Any:
        """Return arrays on the device."""
        moved = tuple(map(self.backend.asarray, arrays))
        return moved if len(moved) > 1 else moved[0]

    def holds(self, x: Any) -> bool:
        """Tell whether a Variable, or an array, lies here."""
        return isinstance(getattr(x, "data", x), self.backend.array_types) or isinstance(
            x, self.backend.array_types
        )

    def assert_same(self, found: Any, wanted: Any, what: str) -> None:
        """Compare a result from here with the host's."""
        wanted = as_numpy(wanted)
        scale = float(np.abs(wanted).max(initial=1.0))
        assert found.dtype == wanted.dtype, what
        np.testing.assert_allclose(
            as_numpy(found), wanted, rtol=self.rtol, atol=self.rtol * scale, err_msg=what
        )

    @property
    def traffic(self) -> list[Any]:
        """What moved and waited since the last look; empty on a GPU."""
        device = self.backend
        if not isinstance(device, FakeDevice):
            return []
        events = list(device.traffic)
        device.reset()
        return events


@pytest.fixture(params=["fake", pytest.param("cuda", marks=pytest.mark.gpu)])
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    """The fake device, or the GPU."""
    if request.param == "fake":
        with fake_device() as device:
            yield Place("fake", device, device.forbid, 1e-5)
        return
    cuda = get_backend("cuda")
    if not cuda.is_available():
        pytest.skip("there is no CUDA device here, or no CuPy")
    yield Place("cuda", cuda, nullcontext, 2e-4)


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], ModuleType]]:
    """The function that imports a script: its modules are called as those of others are."""
    mine: set[str] = set()

    def load(script: str) -> ModuleType:
        folder = (Path(__file__).parents[2] / "examples" / script).parent
        monkeypatch.syspath_prepend(str(folder))
        for name in {path.stem for path in folder.glob("*.py")}:
            mine.add(name)
            sys.modules.pop(name, None)
        return importlib.import_module(Path(script).stem)

    yield load
    for name in mine:
        sys.modules.pop(name, None)
