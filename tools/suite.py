"""The whole suite in two processes, because it takes longer than one core should.

The processes share the test files (`shared_files`) and end at about the same time. Each has servers
of its own. The first prints while it runs, and the output of the second follows at the end.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

_STOPPING = 30  # seconds that an interrupted process has for stopping its servers


def run_suite(
    python: Path, arguments: Sequence[str], *, folder: Path, variables: Mapping[str, str]
) -> int:
    """Run all tests.

    Args:
        python: The interpreter.
        arguments: Arguments of pytest for both processes.
        folder: The root of the repository.
        variables: The environment.

    Returns:
        The first exit status of pytest that is not 0, or 0.

    Raises:
        KeyboardInterrupt: Ctrl-C, which the terminal sends to both processes, too; both have ended.

    Blocks: until both have ended.
    """
    _compile_packages(python, folder=folder, variables=variables)
    with tempfile.TemporaryDirectory() as taken, tempfile.TemporaryFile() as output:
        command = [str(python), "-m", "pytest", f"--share-files={taken}", *arguments]
        first = subprocess.Popen(command, cwd=folder, env=variables)
        second = subprocess.Popen(
            [*command, "--backwards"],
            cwd=folder,
            env=variables,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            statuses = [first.wait(), second.wait()]
        except KeyboardInterrupt:
            _end(first, second)
            raise
        finally:
            output.seek(0)
            sys.stdout.write(output.read().decode(errors="replace"))
            sys.stdout.flush()
    return next((status for status in statuses if status), 0)


def _compile_packages(python: Path, *, folder: Path, variables: Mapping[str, str]) -> None:
    """Write the bytecode of the packages once.

    Tests start hundreds of programs. With PYTHONDONTWRITEBYTECODE each of them would compile the
    packages again, which takes half a second. Errors are left to the tests.
    """
    sources = sorted(folder.glob("packages/*/src"))
    if sources:
        command = [str(python), "-m", "compileall", "-qq", *map(str, sources)]
        subprocess.call(command, cwd=folder, env=variables)


def _end(*processes: subprocess.Popen[bytes]) -> None:
    """Wait until interrupted processes end; terminate those that do not."""
    try:
        for process in processes:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_STOPPING)
    finally:
        for process in processes:
            process.terminate()  # has no effect if it has ended
            process.wait()
