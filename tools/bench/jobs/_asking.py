"""Programs that enqueue: they run on the other core, and print figures as JSON."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from typing import Any

from bench._servers import FOLDER
from bench.errors import BenchError

_TIMEOUT = 120.0  # seconds
_LOG_TAIL = 300  # characters


def ask(command: Sequence[str], environ: Mapping[str, str], core: int) -> Any:
    """Run a program to its end, and return what it has printed.

    Raises:
        BenchError: It has failed, or does not end.

    Blocks: until it has ended.
    """
    return json.loads(run_command(command, environ, core))


def run_command(command: Sequence[str], environ: Mapping[str, str], core: int) -> str:
    """Run a program to its end, and return its output.

    Raises:
        BenchError: It has failed, or does not end.

    Blocks: until it has ended.
    """
    try:
        done = subprocess.run(
            ["taskset", "-c", str(core), *command],
            cwd=FOLDER,
            env={**os.environ, **environ},
            capture_output=True,
            text=True,
            timeout=_TIMEOUT,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise BenchError(f"{' '.join(command)} has not ended in {_TIMEOUT:.0f} s") from error
    if done.returncode != 0:
        raise BenchError(f"{' '.join(command)} has failed: {done.stderr.strip()[-_LOG_TAIL:]}")
    return done.stdout
