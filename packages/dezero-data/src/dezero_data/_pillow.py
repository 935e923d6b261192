"""Pillow, which only images need, and only for some of what is done with them."""

from __future__ import annotations

from types import ModuleType

__all__ = ["pillow_image"]


def pillow_image(caller: str) -> ModuleType:
    """Return the module `PIL.Image`.

    Args:
        caller: Who needs it, for the error.

    Raises:
        ImportError: Pillow is not installed.
    """
    try:
        from PIL import Image
    except ImportError:
        raise ImportError(f'{caller} needs Pillow: pip install "dezero-data[images]"') from None
    return Image
