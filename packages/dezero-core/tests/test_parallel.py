"""Work in threads gives what it gives in one, whatever happens."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from threadpoolctl import threadpool_info, threadpool_limits

from dezero_core import Variable, parallel, using_config
from dezero_core import functions as F
from dezero_core.config import Config
from dezero_core.testing import fake_device


def blas_threads() -> list[int]:
    return [library["num_threads"] for library in threadpool_info()]


@pytest.fixture
def three_threads(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Three threads, whatever the machine has; the pool of before comes back."""
    monkeypatch.setenv("DEZERO_NUM_THREADS", "3")
    monkeypatch.setattr(parallel, "_pool", None)
    parallel.in_threads(len, "abc", start=True)
    yield


def test_shares_are_slices_in_order(three_threads: None) -> None:
    names: list[str] = []

    def work(share: Sequence[int]) -> Sequence[int]:
        names.append(threading.current_thread().name)
        return share

    shares = parallel.in_threads(work, range(8))
    assert shares == [range(0, 2), range(2, 5), range(5, 8)]
    assert threading.current_thread().name in names
    assert len(names) == 3


def test_no_more_shares_than_items(three_threads: None) -> None:
    assert parallel.in_threads(list, "ab") == [["a"], ["b"]]
    assert parallel.in_threads(list, "") == []


def test_nothing_is_divided_before_somebody_starts_the_threads(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DEZERO_NUM_THREADS", "2")
    monkeypatch.setattr(parallel, "_pool", None)
    assert parallel.in_threads(list, "ab") == [["a", "b"]]
    assert parallel.in_threads(list, "ab", start=True) == [["a"], ["b"]]
    assert parallel.in_threads(list, "ab") == [["a"], ["b"]]


def test_work_inside_of_work_is_not_divided(three_threads: None) -> None:
    def work(share: Sequence[str]) -> list[str]:
        return parallel.in_threads("".join, share)

    assert parallel.in_threads(work, ["a", "b", "c", "d", "e", "f"]) == [["ab"], ["cd"], ["ef"]]


@pytest.mark.parametrize("place", [0, 1, 2])
def test_an_error_comes_when_all_have_ended(three_threads: None, place: int) -> None:
    ended = []

    def work(share: Sequence[int]) -> None:
        if place in share:
            raise ValueError(f"share {place}")
        ended.append(share)

    with pytest.raises(ValueError, match=f"share {place}"):
        parallel.in_threads(work, range(3))
    assert len(ended) == 2
    assert parallel.in_threads(len, range(3)) == [1, 1, 1]  # and the threads go on


def test_the_first_error_wins_and_state_is_restored(three_threads: None) -> None:
    before = blas_threads()

    def work(share: Sequence[int]) -> None:
        raise ValueError(str(share[0]))

    with pytest.raises(ValueError, match=r"^0$"):
        parallel.in_threads(work, range(3))
    assert blas_threads() == before


def test_threads_see_the_callers_context(three_threads: None) -> None:
    with using_config("train", False), np.errstate(divide="ignore", over="raise"):
        seen = parallel.in_threads(lambda _: (Config.train, np.geterr()["over"]), range(3))
    assert seen == [(False, "raise")] * 3


def test_blas_has_one_thread_meanwhile_and_its_own_number_afterwards(three_threads: None) -> None:
    with threadpool_limits(2, user_api="blas"):
        seen = parallel.in_threads(lambda _: blas_threads(), range(3))
        assert set(map(tuple, seen)) == {(1,) * len(blas_threads())}
        assert set(blas_threads()) <= {2}
        with parallel.one_blas_thread, parallel.one_blas_thread:
            assert set(blas_threads()) <= {1}
        assert set(blas_threads()) <= {2}


def test_callers_in_several_threads_do_not_mix(three_threads: None) -> None:
    results: dict[int, list[int]] = {}

    def call(number: int) -> None:
        items = range(number * 100, number * 100 + 30)
        for _ in range(50):
            results[number] = [i for share in parallel.in_threads(list, items) for i in share]

    threads = [threading.Thread(target=call, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {n: list(range(n * 100, n * 100 + 30)) for n in range(4)}


@pytest.mark.parametrize("text", ["0", "-1", "two", ""])
def test_a_senseless_number_of_threads(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("DEZERO_NUM_THREADS", text)
    with pytest.raises(ValueError, match=f"DEZERO_NUM_THREADS is a positive integer, not '{text}'"):
        parallel.thread_count()


def test_as_many_threads_as_blas_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DEZERO_NUM_THREADS", raising=False)
    if not threadpool_info():
        pytest.skip("this NumPy's BLAS is none that threadpoolctl knows")
    with threadpool_limits(2, user_api="blas"):
        assert parallel.thread_count() == 2
        with parallel.one_blas_thread:
            assert parallel.thread_count() == 2


lengths = st.integers(1, 70)
stacks = st.sampled_from([(), (1,), (2,), (5,), (2, 3)])


@given(lengths, lengths, lengths, stacks, stacks, st.booleans(), st.booleans())
def test_matmul_is_numpys(
    m: int,
    k: int,
    n: int,
    stack_a: tuple[int, ...],
    stack_b: tuple[int, ...],
    turned: bool,
    given_out: bool,
) -> None:
    rng = np.random.default_rng(m + 100 * k + 10_000 * n)
    a = rng.normal(size=(*stack_a, m, k))
    b = rng.normal(size=(*stack_b, n, k)).swapaxes(-1, -2) if turned else None
    b = rng.normal(size=(*stack_b, k, n)) if b is None else b
    try:
        expected = np.matmul(a, b)
    except ValueError:
        return  # stacks that do not broadcast
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DEZERO_NUM_THREADS", "3")
        patch.setattr(parallel, "_BLAS_DIVIDES", 0)
        patch.setattr(parallel, "_SHARED_PRODUCT", 1)
        if parallel._pool is None:
            parallel.in_threads(len, "abc", start=True)
        assert parallel._pool is not None
        patch.setattr(parallel._pool, "size", 3)
        out = np.empty_like(expected) if given_out else None
        y = parallel.matmul(np, a, b, out)
    np.testing.assert_allclose(y, expected, atol=1e-12)
    assert y.shape == expected.shape
    assert out is None or y is out


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_process_starts_threads_of_its_own() -> None:
    program = """
import os, sys, warnings
warnings.simplefilter("ignore")
from dezero_core import parallel
parallel.in_threads(len, "abc", start=True)
child = os.fork()
if not child:
    assert parallel._pool is None
    os._exit(0 if parallel.in_threads(len, "abc", start=True) == [1, 1, 1] else 1)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    environment = {**os.environ, "DEZERO_NUM_THREADS": "3"}
    done = subprocess.run([sys.executable, "-c", program], env=environment, timeout=60)
    assert done.returncode == 0


def test_importing_the_core_starts_and_loads_nothing() -> None:
    program = (
        "import sys, threading, dezero_core.parallel;"
        "assert 'threadpoolctl' not in sys.modules; assert threading.active_count() == 1"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def test_products_elsewhere_go_through_the_kernel_of_matmul() -> None:
    calls: list[tuple[int, ...]] = []

    def kernel(xp: Any, x0: Any, x1: Any) -> Any:
        calls.append(x0.shape)
        return NotImplemented if x0.dtype == np.float16 else xp.matmul(x0, x1) * 2

    with fake_device() as device:
        device.kernels["matmul"] = kernel
        x, half = (device.asarray(np.ones((2, 3), dtype)) for dtype in (np.float64, np.float16))
        y = parallel.matmul(device.xp, x, x.T)
        np.testing.assert_array_equal(device.to_numpy(y), np.full((2, 2), 6.0))
        # What it declines, the backend multiplies as it does without.
        y = parallel.matmul(device.xp, half, half.T)
        np.testing.assert_array_equal(device.to_numpy(y), np.full((2, 2), 3.0))
        assert calls == [(2, 3), (2, 3)]
        # Rules reach it too: y has the value 6, and its gradient is twice that of the product.
        x0, x1 = Variable(x), Variable(device.asarray(np.ones((3, 4))))
        y = F.matmul(x0, x1)
        y.backward()
        assert x0.grad is not None
        np.testing.assert_array_equal(device.to_numpy(x0.grad.data), np.full((2, 3), 8.0))
        assert calls[2:] == [(2, 3), (2, 4), (3, 2)]


def test_products_of_variables_are_recorded() -> None:
    x = Variable(np.ones((2, 2)))
    y = parallel.matmul(F, x, x)
    y.backward()
    assert x.grad is not None
    np.testing.assert_array_equal(x.grad.data, np.full((2, 2), 4.0))
