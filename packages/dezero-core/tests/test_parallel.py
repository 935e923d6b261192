"""Work in threads gives what it gives in one, whatever happens."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from dezero_core import parallel, using_config
from dezero_core.config import Config


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
