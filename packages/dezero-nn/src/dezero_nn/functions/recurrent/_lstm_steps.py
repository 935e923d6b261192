"""The equations of an LSTM on arrays: in passes of NumPy, or in compiled loops.

The gates f, i, o and u come first, (4, H, N), so that each is one block of memory.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from dezero_core.compiled import Loops
from dezero_core.typing import Array
from dezero_nn.functions.recurrent._common import activate

__all__ = ["find_step", "find_step_back"]

_loops = Loops("dezero_nn.loops.recurrent")


def _find_loops(*arrays: Array) -> Any:
    # In double precision NumPy's tanh is the faster one.
    return _loops.find(*arrays) if arrays[0].dtype.char == "f" else None


def find_step(xp: Any, *arrays: Array) -> Callable[[Array, Array, Array, Array, Array], None]:
    """Return what takes a step.

    Args:
        xp: The array library.
        *arrays: What it is to compute with, others' arrays included.

    Returns:
        A function of `gates`, what goes into the gates, (4, H, N), which become the gates; `c`, the
        cell, (H, N); and of three arrays to write to: `c_next`, the cell after the step; `tanh_c`,
        tanh of that; and `h`, the output.
    """
    loops = _find_loops(*arrays)
    return partial(_step, xp) if loops is None else loops.lstm_step


def find_step_back(
    xp: Any, *arrays: Array
) -> Callable[[Array, Array, Array, Array, Array, Array], None]:
    """Return what takes gradients back through a step.

    Args:
        xp: The array library.
        *arrays: What it is to compute with, others' arrays included.

    Returns:
        A function of `gates`, the gates, (4, H, N); `c`, the cell before the step; `tanh_c`, of the
        cell after it; `gh`, the gradient of the output; `gc`, that of the cell after the step,
        which becomes that of the cell before it; and `gz`, where to put the gradients of what goes
        into the gates, (4, H, N).
    """
    loops = _find_loops(*arrays)
    if loops is None:
        return partial(_step_back, xp)
    return loops.lstm_step_back  # type: ignore[no-any-return]


def _step(xp: Any, gates: Array, c: Array, c_next: Array, tanh_c: Array, h: Array) -> None:
    activate(xp, gates, 3)
    f, i, o, u = gates
    xp.multiply(f, c, out=c_next)
    xp.multiply(i, u, out=h)
    c_next += h
    xp.tanh(c_next, out=tanh_c)
    xp.multiply(o, tanh_c, out=h)


def _step_back(
    xp: Any, gates: Array, c: Array, tanh_c: Array, gh: Array, gc: Array, gz: Array
) -> None:
    f, i, o, u = gates
    slope = tanh_c * tanh_c
    xp.subtract(1, slope, out=slope)
    slope *= o
    slope *= gh
    gc += slope
    xp.subtract(1, gates[:3], out=gz[:3])
    gz[:3] *= gates[:3]
    gz[0] *= c
    gz[1] *= u
    gz[2] *= tanh_c
    gz[2] *= gh
    xp.multiply(u, u, out=gz[3])
    xp.subtract(1, gz[3], out=gz[3])
    gz[3] *= i
    gz[:2] *= gc
    gz[3] *= gc
    gc *= f
