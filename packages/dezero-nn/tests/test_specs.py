"""Every function of networks against its rows in the spec table, `specs/<family>.py`."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from dezero_core.backend import Backend
from dezero_core.testing import CHECKS, OperationSpec, check_spec
from dezero_nn import functions as F


def collect() -> list[OperationSpec]:
    specs: list[OperationSpec] = []
    for path in sorted((Path(__file__).parent / "specs").glob("*.py")):
        location = importlib.util.spec_from_file_location(f"nn_specs_{path.stem}", path)
        assert location is not None and location.loader is not None
        module = importlib.util.module_from_spec(location)
        location.loader.exec_module(module)
        specs += module.SPECS
    return specs


SPECS = collect()


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
@pytest.mark.parametrize("check", CHECKS)
def test_function(check: str, spec: OperationSpec) -> None:
    CHECKS[check](spec)


@pytest.mark.gpu
@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
def test_on_the_gpu(spec: OperationSpec, cuda: Backend) -> None:
    check_spec(spec, device=cuda)


def test_names_are_unique() -> None:
    names = [spec.name for spec in SPECS]
    assert sorted(names) == sorted(set(names))


def test_every_public_function_has_a_row() -> None:
    covered = {spec.name.partition("[")[0] for spec in SPECS}
    assert set(F.__all__) - covered == set()
