"""Run CPython's own tests under Photon's patch, and beside it under a peer's.

``python tools/cpython_tests [--peer gevent] [--peer plain] [MODULE ...]``

A test that fails and is not in ``expected_failures.toml`` is an error; so is one that is there and
passes. The peers are only counted.
"""

from __future__ import annotations

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    from cpython_tests._command import main

    sys.exit(main())
