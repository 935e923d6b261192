"""Tools for testing code that is written on dezero_core."""

from dezero_core.testing.fake_device import FakeArray, FakeDevice, Traffic, fake_device
from dezero_core.testing.spec_checks import CHECKS, check_spec
from dezero_core.testing.specs import OperationSpec

__all__ = [
    "CHECKS",
    "FakeArray",
    "FakeDevice",
    "OperationSpec",
    "Traffic",
    "check_spec",
    "fake_device",
]
