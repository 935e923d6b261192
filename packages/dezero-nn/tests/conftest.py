"""What the tests of this package share."""

from __future__ import annotations

import pytest

from dezero_core.backend import Backend, get_backend


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "gpu: needs a CUDA device and CuPy")


@pytest.fixture
def cuda() -> Backend:
    """The backend of the GPU; the test is skipped where there is none."""
    try:
        backend = get_backend("cuda")
    except LookupError as error:
        pytest.skip(str(error))
    if not backend.is_available():
        pytest.skip("there is no CUDA device here, or no CuPy")
    return backend
