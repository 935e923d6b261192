"""The option `--device` of the examples: a device by its number, and those that are not there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from dezero_core import backend as core_backend
from dezero_core.testing import FakeDevice

from .watching import EXAMPLES

pytest.importorskip("PIL")
SCRIPTS = sorted(
    path.relative_to(EXAMPLES).as_posix()
    for path in EXAMPLES.glob("*/*.py")
    if '"--device"' in path.read_text(encoding="utf-8")
)


def test_fifteen_examples_have_the_option() -> None:
    assert len(SCRIPTS) == 15


class TwoDevices(FakeDevice):
    """Two fake devices, of which all is made on the second one."""

    name = "two"
    current = 0

    def require(self, operation: str, number: int | None = None) -> None:
        if number is not None and number > 1:
            raise RuntimeError(f"{operation}: there are 2 devices, from 0 on; not {number}")

    @contextmanager
    def device(self, number: int) -> Iterator[None]:
        before, self.current = self.current, number
        try:
            yield
        finally:
            self.current = before

    def asarray(self, x: Any, dtype: Any = None) -> Any:
        assert self.current == 1
        return super().asarray(x, dtype)


@pytest.fixture
def two(monkeypatch: pytest.MonkeyPatch) -> Iterator[TwoDevices]:
    backend = TwoDevices()
    core_backend.register_backend(backend)
    yield backend
    core_backend._unregister_backend("two")


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_device_that_is_not_there_is_told_in_a_line(
    script: str,
    load: Callable[[str], Any],
    two: TwoDevices,
    capsys: pytest.CaptureFixture[str],
) -> None:
    module = load(script)
    for name, message in (
        ("tpu", "there is no device 'tpu'; there is 'cpu'"),
        ("two:7", "there are 2 devices, from 0 on; not 7"),
        ("two:b", "a device is a text like"),
    ):
        with pytest.raises(SystemExit) as caught:
            module.main(["--device", name])
        assert caught.value.code == 2
        usage, _, last = capsys.readouterr().err.strip().rpartition("\n")
        assert usage.startswith("usage: ")
        assert message in last
    assert str(module.parse(["--device", "two:1"]).device) == "Device('two:1')"
    assert str(module.parse([]).device) == "Device('cpu')"


@pytest.mark.gpu
@pytest.mark.parametrize("script", SCRIPTS)
def test_a_number_too_high_is_told_on_a_card(
    script: str, load: Callable[[str], Any], capsys: pytest.CaptureFixture[str]
) -> None:
    if not core_backend.get_backend("cuda").is_available():
        pytest.skip("there is no CUDA device here, or no CuPy")
    with pytest.raises(SystemExit) as caught:
        load(script).main(["--device", "cuda:99"])
    assert caught.value.code == 2
    assert "argument --device: Device: CUDA: " in capsys.readouterr().err


def test_all_is_made_on_the_device_of_that_number(
    load: Callable[[str], Any], two: TwoDevices, tmp_path: Path
) -> None:
    script = load("digits/train.py")
    assert script.main(["--device", "two:1", "--epochs", "1", "--out", str(tmp_path)]) == 0
    assert two.transfers > 90
    assert (two.current, two.syncs) == (0, 0)
