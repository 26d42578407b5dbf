"""Run the benchmark: ``python3 tools/bench``."""

import sys
from pathlib import Path


def _start() -> int:
    # Started as a folder, Python puts the folder itself on the path; the package is its parent's.
    sys.path[0] = str(Path(__file__).resolve().parents[1])
    from bench._command import main

    return main(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(_start())
