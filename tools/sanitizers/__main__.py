"""Run the checks: ``python3 tools/sanitizers``."""

import sys
from pathlib import Path


def _start() -> int:
    # Started as a folder, Python puts the folder itself on the path; the package is its parent's.
    sys.path[0] = str(Path(__file__).resolve().parents[1])
    from sanitizers._command import main

    return main(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(_start())
