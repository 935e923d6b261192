"""Random numbers that are the same on the host and on a device."""

from __future__ import annotations

import secrets
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from dezero_core.typing import Array, Shape
from dezero_cuda.kernels._launch import current_device

__all__ = ["Philox", "philox_blocks"]

_U32 = np.uint64(0xFFFFFFFF)
_32 = np.uint64(32)
_MULTIPLIERS = (np.uint64(0xD2511F53), np.uint64(0xCD9E8D57))
_STEPS = (np.uint64(0x9E3779B9), np.uint64(0xBB67AE85))


def philox_blocks(counters: Any, streams: Any, key: int) -> npt.NDArray[np.uint32]:
    """Compute Philox4x32-10: four random numbers for each counter.

    Args:
        counters: The lower 64 bits of the counters, of shape (N,).
        streams: The upper 64 bits, of shape (N,), or one number.
        key: 64 bits.

    Returns:
        Integers of 32 random bits, of shape (N, 4).

    Example:
        >>> [f"{bits:08x}" for bits in philox_blocks(np.zeros(1), 0, 0)[0].tolist()]
        ['6627e8d5', 'e169c58d', 'bc57ac4c', '9b00dbd8']

    J. Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3", 2011.
    """
    low = np.asarray(counters).astype(np.uint64)
    high = np.broadcast_to(np.asarray(streams).astype(np.uint64), low.shape)
    c0, c1, c2, c3 = low & _U32, low >> _32, high & _U32, high >> _32
    k0, k1 = np.uint64(key) & _U32, np.uint64(key) >> _32
    for _ in range(10):
        a, b = _MULTIPLIERS[0] * c0, _MULTIPLIERS[1] * c2
        c0, c1, c2, c3 = (b >> _32) ^ c1 ^ k0, b & _U32, (a >> _32) ^ c3 ^ k1, a & _U32
        k0, k1 = (k0 + _STEPS[0]) & _U32, (k1 + _STEPS[1]) & _U32
    return np.stack([c0, c1, c2, c3], axis=-1).astype(np.uint32)


class Philox:
    """Random numbers that a seed determines, the same ones on every device and on the host.

    As `dropout`'s generator it gives the same masks on a GPU and on the CPU. On a device the place
    in the sequence lies in device memory: drawing waits for nothing, and a captured graph draws
    anew each time it is replayed. Each device, and the host, begins at the start of the sequence.
    Use a generator on one stream at a time.

    Args:
        seed: From 0 to less than 2**64. None for one from the operating system.

    Attributes:
        seed: As given, or as drawn.

    Raises:
        ValueError: `seed` is out of range.

    Example:
        >>> Philox(0).random(3)
        array([0.39904642, 0.88052016, 0.73571277], dtype=float32)
    """

    def __init__(self, seed: int | None = None) -> None:
        if seed is None:
            seed = secrets.randbits(64)
        if not 0 <= seed < 1 << 64:
            raise ValueError(f"Philox: seed is from 0 to less than 2**64, got {seed}")
        self.seed = seed
        self.restart()

    def __repr__(self) -> str:
        return f"Philox({self.seed})"

    def restart(self) -> None:
        """Go back to the start of the sequence, on the host and on all devices."""
        self._drawn = 0  # blocks of four, on the host
        self._states: dict[tuple[Any, int], Array] = {}

    def random(self, shape: int | Shape = ()) -> npt.NDArray[np.float32]:
        """Draw on the host, evenly from 0 to less than 1.

        Args:
            shape: How many.

        Returns:
            Multiples of 2**-24. Each call uses up whole blocks of four numbers.

        Example:
            >>> Philox(0).random((2, 2)).shape
            (2, 2)
        """
        shape = (shape,) if isinstance(shape, int) else tuple(shape)
        n = prod(shape)
        count = -(-n // 4)
        blocks = philox_blocks(np.arange(self._drawn, self._drawn + count), 0, self.seed)
        self._drawn += count
        bits = blocks.reshape(-1)[:n].reshape(shape)
        return (bits >> np.uint32(8)).astype(np.float32) * np.float32(2.0**-24)

    def state(self, xp: Any) -> Array:
        """Return the place in the sequence on the current device: what kernels read and advance.

        Args:
            xp: CuPy.

        Returns:
            Two unsigned integers of 64 bits in device memory: how many blocks were drawn, and how
            many blocks of threads of the running kernel are done.
        """
        key = (xp, current_device(xp))
        found = self._states.get(key)
        if found is None:
            found = self._states[key] = xp.zeros(2, np.uint64)
        return found
