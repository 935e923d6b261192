"""Pillow, which only images need, and only for some of what is done with them."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

__all__ = ["is_pillow", "pillow_image"]


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


def is_pillow(x: Any) -> bool:
    """Tell whether x is an image of Pillow's, without importing Pillow for it."""
    module = sys.modules.get("PIL.Image")
    return module is not None and isinstance(x, module.Image)
