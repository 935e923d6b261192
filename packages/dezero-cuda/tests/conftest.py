"""Where the kernels' tests run: on a device that is emulated on the host, and on a card."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent / "tools"))

from cuda_emulator import compiler, emulate

import dezero_cuda


class Place:
    """An array library, and the way there and back.

    Attributes:
        xp: Its namespace.
        cuda: What stands in for `cupy.cuda`; None on a card.
    """

    def __init__(self, xp: Any, cuda: Any = None) -> None:
        self.xp = xp
        self.cuda = cuda

    def put(self, x: Any) -> Any:
        """Return an array, None or a tuple of these, there; other things as they are."""
        if isinstance(x, tuple):
            return tuple(map(self.put, x))
        return self.xp.asarray(x) if isinstance(x, np.ndarray) else x

    def get(self, x: Any) -> Any:
        """Return what `put` put, or what was computed of it, on the host."""
        if isinstance(x, (tuple, list)):
            return tuple(map(self.get, x))
        if x is None or x is NotImplemented or isinstance(x, np.ndarray):
            return x
        return self.xp.asnumpy(x)


@pytest.fixture(params=["emulated", pytest.param("card", marks=pytest.mark.gpu)])
def place(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Place:
    if request.param == "card":
        if not dezero_cuda.is_available():
            pytest.skip(str(dezero_cuda.diagnose()))
        return Place(dezero_cuda.backend.xp)
    if compiler() is None:
        pytest.skip("there is no C++ compiler (g++) to emulate a device with")
    return Place(np, emulate(monkeypatch))
