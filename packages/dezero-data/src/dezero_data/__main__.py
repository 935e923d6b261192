"""The downloads of the data sets, from the command line: ``python -m dezero_data --help``."""

from __future__ import annotations

import sys

from dezero_data._commands import main

__all__: list[str] = []

if __name__ == "__main__":
    sys.exit(main())
