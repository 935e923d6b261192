"""A strict device for machines that have none: NumPy's memory, CuPy's manners.

Code that runs here with no sync, no transfer and no error meets none of the mistakes that
otherwise show on a machine with a GPU only: a hidden copy between host and device, a value read
in the middle of a step, a function that CuPy lacks or calls otherwise, memory that was never
written.

Where CuPy and this device may differ: kernels of CuPy sum in another order; an index array out
of range wraps around on CuPy and raises here; `matmul` and the like ignore CuPy's gaps in dtypes.
"""

from __future__ import annotations

import contextlib
import weakref
from collections.abc import Callable, Iterator
from typing import Any, Literal, NamedTuple

import numpy.typing as npt

from dezero_core.backend import _unregister_backend, register_backend
from dezero_core.testing._fake_array import FakeArray, wrap
from dezero_core.testing._fake_namespace import FakeNamespace

__all__ = ["FakeArray", "FakeDevice", "Traffic", "fake_device"]


class Traffic(NamedTuple):
    """One event that made the host wait, or moved data.

    Attributes:
        kind: ``"sync"`` when the host read a value, ``"transfer"`` when an array was copied.
        name: The call that did it, such as ``"float"`` or ``"asarray"``.
    """

    kind: Literal["sync", "transfer"]
    name: str


class FakeDevice:
    """A backend whose arrays lie on a device that is not there.

    It counts what would stall a GPU. See `fake_device` for how to use it in a test.

    Attributes:
        name: ``"fake"``.
        xp: The names that CuPy and NumPy share, with CuPy's parameters.
        array_types: `FakeArray`.
        kernels: Empty. A test may put kernels in, to see that they are used.
        traffic: The events so far, in order.
    """

    name = "fake"
    array_types: tuple[type, ...] = (FakeArray,)

    def __init__(self) -> None:
        self.kernels: dict[str, Callable[..., Any]] = {}
        self.traffic: list[Traffic] = []
        self._forbidden = False
        # Of each ndarray, the device array that stands for it, so that views know their base.
        self._owners: weakref.WeakValueDictionary[int, FakeArray] = weakref.WeakValueDictionary()
        self.xp: Any = FakeNamespace(self)

    def __repr__(self) -> str:
        return f"<fake device: {self.syncs} syncs, {self.transfers} transfers>"

    @property
    def syncs(self) -> int:
        """How often the host waited to read a value."""
        return sum(event.kind == "sync" for event in self.traffic)

    @property
    def transfers(self) -> int:
        """How often an array was copied between host and device."""
        return sum(event.kind == "transfer" for event in self.traffic)

    def reset(self) -> None:
        """Forget the traffic so far."""
        self.traffic.clear()

    @contextlib.contextmanager
    def forbid(self) -> Iterator[None]:
        """Make every sync and transfer inside an AssertionError that names the call.

        Example:
            >>> with fake_device() as device, device.forbid():
            ...     float(device.xp.ones(3).sum())
            Traceback (most recent call last):
                ...
            AssertionError: float: a sync, where the fake device forbids it
        """
        before = self._forbidden
        self._forbidden = True
        try:
            yield
        finally:
            self._forbidden = before

    def is_available(self) -> bool:
        """Tell that it is there."""
        return True

    def asarray(self, x: Any, dtype: Any = None) -> Any:
        """Return `x` as an array of this device. From the host, it is a transfer."""
        return self.xp.asarray(x, dtype=dtype)

    def to_numpy(self, x: Any) -> npt.NDArray[Any]:
        """Return a copy on the host. A transfer."""
        host: npt.NDArray[Any] = self.xp.asnumpy(x)
        return host

    def synchronize(self) -> None:
        """Wait for nothing. A sync."""
        self._note("sync", "synchronize")

    def _note(self, kind: Literal["sync", "transfer"], name: str) -> None:
        if self._forbidden:
            raise AssertionError(f"{name}: a {kind}, where the fake device forbids it")
        self.traffic.append(Traffic(kind, name))

    def _owner(self, root: npt.NDArray[Any]) -> FakeArray:
        array: FakeArray = wrap(self, root)
        return array


@contextlib.contextmanager
def fake_device() -> Iterator[FakeDevice]:
    """Register a new strict fake device as the backend ``"fake"`` for a while.

    Yields:
        The device, which counts syncs and transfers.

    Raises:
        ValueError: There is one already: they do not nest.

    Example:
        >>> import numpy as np
        >>> with fake_device() as device:
        ...     x = device.asarray(np.arange(3.0))
        ...     y = (x * 2).sum()
        ...     before = (device.syncs, device.transfers)
        ...     value = float(y)
        >>> before, value, device.syncs
        ((0, 1), 6.0, 1)
    """
    device = FakeDevice()
    register_backend(device)
    try:
        yield device
    finally:
        _unregister_backend(device.name)
