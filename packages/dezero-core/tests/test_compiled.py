"""Modules of compiled loops: when they are used, and what happens where they cannot be."""

from __future__ import annotations

import subprocess
import sys
import threading
import types
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from dezero_core.compiled import Loops, fused, loop, summed, using_compiled

MODULE = "loops_of_a_test"
ENOUGH = 1 << 11


@pytest.fixture
def loops(monkeypatch: pytest.MonkeyPatch) -> Iterator[Loops]:
    """Loops whose module is there, and a Numba, if need be one that is never called."""
    monkeypatch.setitem(sys.modules, MODULE, types.ModuleType(MODULE))
    monkeypatch.setattr("dezero_core.compiled.find_spec", lambda name: object())
    monkeypatch.delenv("DEZERO_COMPILED", raising=False)
    yield Loops(MODULE)


def test_a_module_is_found_for_large_arrays_of_one_kind(loops: Loops) -> None:
    x = np.zeros(ENOUGH, np.float32)
    assert loops.find(x, x.copy()) is sys.modules[MODULE]
    assert loops.find(x.astype(np.float64)) is sys.modules[MODULE]
    assert repr(loops) == "Loops('loops_of_a_test')"


@pytest.mark.parametrize(
    "others",
    [
        pytest.param([np.zeros(ENOUGH - 1, np.float32)], id="small"),
        pytest.param([np.zeros(ENOUGH, np.int32)], id="integers"),
        pytest.param([np.zeros(ENOUGH, np.float16)], id="half precision"),
        pytest.param([np.zeros(ENOUGH, np.complex64)], id="complex"),
        pytest.param([np.zeros(ENOUGH, ">f4")], id="of another byte order"),
        pytest.param([np.zeros(2 * ENOUGH, np.float32)[::2]], id="with gaps"),
        pytest.param([np.zeros((64, 64), np.float32).T], id="transposed"),
        pytest.param([np.broadcast_to(np.float32(0), (ENOUGH,))], id="not to be written to"),
        pytest.param([np.zeros(4 * ENOUGH + 1, np.int8)[1:].view(np.float32)], id="unaligned"),
        pytest.param([np.zeros(ENOUGH, np.float32), np.zeros(ENOUGH)], id="of two dtypes"),
        pytest.param([[0.0] * ENOUGH], id="a list"),
        pytest.param([1.0], id="a number"),
    ],
)
def test_all_else_is_left_to_numpy(loops: Loops, others: list[Any]) -> None:
    assert loops.find(*others) is None


def test_a_variable_is_left_to_its_operations(loops: Loops) -> None:
    from dezero_core import Variable

    assert loops.find(Variable(np.zeros(ENOUGH, np.float32))) is None


def test_loops_can_be_left_out_in_a_block_of_one_thread(loops: Loops) -> None:
    x = np.zeros(ENOUGH, np.float32)
    elsewhere: list[Any] = []
    with using_compiled(False):
        assert loops.find(x) is None
        assert loops.module() is None
        thread = threading.Thread(target=lambda: elsewhere.append(loops.find(x)))
        thread.start()
        thread.join()
        with using_compiled(True):
            assert loops.find(x) is not None
    assert elsewhere == [sys.modules[MODULE]]
    assert loops.find(x) is loops.module() is not None


def test_without_numba_numpy_does_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dezero_core.compiled.find_spec", lambda name: None)
    loops = Loops("a_module_that_is_not_there")
    assert loops.find(np.zeros(ENOUGH)) is None
    assert loops.find(np.zeros(ENOUGH)) is None


def test_an_environment_variable_switches_loops_off(
    loops: Loops, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEZERO_COMPILED", "0")
    assert loops.find(np.zeros(ENOUGH)) is None


def test_a_module_that_fails_is_a_warning_and_numpy_does_it(loops: Loops) -> None:
    broken = Loops("a_module_that_is_not_there")
    with pytest.warns(RuntimeWarning, match=r"a_module_that_is_not_there is left out.*No module"):
        assert broken.find(np.zeros(ENOUGH)) is None
    assert broken.find(np.zeros(ENOUGH)) is None


def test_importing_dezero_core_imports_no_numba() -> None:
    script = "import dezero_core, sys; print('numba' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"


def scale(x: Any, factor: Any) -> None:
    for i in range(len(x)):
        x[i] = x[i] * factor + factor


@pytest.mark.parametrize("decorate", [loop, fused, summed])
def test_a_compiled_function_computes_what_python_computes(decorate: Any) -> None:
    pytest.importorskip("numba", reason="Numba is not installed")
    x = np.linspace(-1, 1, 5)
    y = x.copy()
    scale(x, 3.0)
    decorate(scale)(y, 3.0)
    np.testing.assert_allclose(y, x, rtol=1e-15)


def total(x: Any) -> Any:
    s = x.dtype.type(0)
    for i in range(len(x)):
        s += x[i]
    return s


def test_a_sum_in_any_order_is_made_of_partial_sums() -> None:
    pytest.importorskip("numba", reason="Numba is not installed")
    x = np.full(1 << 20, 0.1, np.float32)
    exact = float(x.sum(dtype=np.float64))
    in_order = np.cumsum(x)[-1]
    in_any_order = summed(total)(x)
    assert abs(in_any_order - exact) < 1e-3 * exact < abs(in_order - exact)


def test_another_thread_waits_for_a_module_that_is_being_loaded(
    loops: Loops, monkeypatch: pytest.MonkeyPatch
) -> None:
    began, go_on = threading.Event(), threading.Event()

    def import_slowly(name: str) -> Any:
        began.set()
        assert go_on.wait(timeout=60)
        return sys.modules[name]

    monkeypatch.setattr("dezero_core.compiled.import_module", import_slowly)
    found: list[Any] = []
    threads = [threading.Thread(target=lambda: found.append(loops.module())) for _ in range(3)]
    for thread in threads:
        thread.start()
    assert began.wait(timeout=60)
    go_on.set()
    for thread in threads:
        thread.join()
    assert found == [sys.modules[MODULE]] * 3
