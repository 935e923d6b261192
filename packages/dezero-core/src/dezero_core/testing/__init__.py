"""Tools for testing code that is written on dezero_core."""

from dezero_core.testing.fake_device import FakeArray, FakeDevice, Traffic, fake_device

__all__ = ["FakeArray", "FakeDevice", "Traffic", "fake_device"]
