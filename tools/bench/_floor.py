"""Compile the floor, the C program every figure is compared with."""

import functools
import shutil
import subprocess
from pathlib import Path

from bench.errors import BenchError

_SOURCE = Path(__file__).parent / "servers" / "floor.c"
PROGRAM = Path(__file__).resolve().parents[2] / ".venv" / "bench-floor"


@functools.cache
def compile_floor() -> None:
    """Compile ``servers/floor.c`` to ``.venv/bench-floor``, anew each time.

    Raises:
        BenchError: There is no C compiler, or it refuses the source.
    """
    if shutil.which("cc") is None:
        raise BenchError(
            "`cc` is not on the PATH; install a C compiler: apt-get install gcc libc6-dev"
        )
    PROGRAM.parent.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        ["cc", "-O2", "-Wall", "-o", str(PROGRAM), str(_SOURCE)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise BenchError(f"cc cannot compile {_SOURCE.name}: {done.stderr.strip()}")
