"""``python -m photon_runtime.patch``: patch, then run a script or a module in tasks."""

import sys

from ._program import run_program
from ._stdlib import patch_stdlib

if __name__ == "__main__":
    patch_stdlib()
    sys.exit(run_program(sys.argv[1:]))
