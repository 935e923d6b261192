"""The switch for TF32."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import pytest

import dezero_cuda
from dezero_cuda.precision import allow_tf32, tf32_allowed


def test_a_block_restores_what_held_before() -> None:
    before = tf32_allowed()
    with allow_tf32():
        assert tf32_allowed()
        with pytest.raises(KeyError), allow_tf32(False):
            assert not tf32_allowed()
            raise KeyError
        assert tf32_allowed()
    assert tf32_allowed() is before


def test_a_plain_call_holds_from_then_on() -> None:
    with allow_tf32(False):
        dezero_cuda.allow_tf32(True)
        assert tf32_allowed()
        dezero_cuda.allow_tf32(False)
        assert not tf32_allowed()


def test_it_holds_in_all_threads() -> None:
    seen: list[bool] = []
    before = tf32_allowed()
    with allow_tf32(not before):
        thread = threading.Thread(target=lambda: seen.append(tf32_allowed()))
        thread.start()
        thread.join()
    assert seen == [not before]


@pytest.mark.parametrize(("value", "allowed"), [(None, False), ("0", False), ("1", True)])
def test_the_variable_of_cupy_decides_at_first(value: str | None, allowed: bool) -> None:
    environment = {k: v for k, v in os.environ.items() if k != "CUPY_TF32"}
    if value is not None:
        environment["CUPY_TF32"] = value
    code = "from dezero_cuda.precision import tf32_allowed; print(tf32_allowed())"
    found = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == str(allowed)
