"""Programs that tests run under the patch of the standard library.

A process is patched once and for all, before it imports anything else, so each program has an
interpreter of its own.
"""

from __future__ import annotations

import subprocess
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path


def run_patched(
    source: str,
    folder: Path,
    *arguments: str,
    options: Sequence[str] = (),
    timeout: float = 30.0,
) -> subprocess.CompletedProcess[str]:
    """Run a program under the patch.

    Args:
        source: Its text, which may be indented.
        folder: Where it is written, as ``program.py``.
        arguments: Its arguments.
        options: Options of the interpreter.
        timeout: Seconds that it may take.

    Raises:
        subprocess.TimeoutExpired: It has not ended in time.

    Blocks: until it has ended.
    """
    script = folder / "program.py"
    script.write_text(textwrap.dedent(source))
    return subprocess.run(
        [sys.executable, *options, "-m", "photon_runtime.patch", str(script), *arguments],
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
