"""What DeZero does from the command line: ``python -m dezero --help``."""

from __future__ import annotations

import sys

from dezero._commands import main

__all__: list[str] = []

if __name__ == "__main__":
    sys.exit(main())
