"""The whole suite in several processes, because it takes longer than one core should.

The processes share the test files (`shared_files`) and end at about the same time. Each has servers
of its own. The first prints while it runs, and the output of the others follows at the end.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

_PROCESSES = 3
"""More than a machine of continuous integration has cores: about half of the tests wait."""
_STOPPING = 30  # seconds that an interrupted process has for stopping its servers


def run_suite(
    python: Path, arguments: Sequence[str], *, folder: Path, variables: Mapping[str, str]
) -> int:
    """Run all tests.

    Args:
        python: The interpreter.
        arguments: Arguments of pytest for all processes.
        folder: The root of the repository.
        variables: The environment.

    Returns:
        The first exit status of pytest that is not 0, or 0.

    Raises:
        KeyboardInterrupt: Ctrl-C, which the terminal sends to the processes, too; all have ended.

    Blocks: until all have ended.
    """
    _compile_packages(python, folder=folder, variables=variables)
    with tempfile.TemporaryDirectory() as taken, contextlib.ExitStack() as stack:
        outputs = [stack.enter_context(tempfile.TemporaryFile()) for _ in range(1, _PROCESSES)]
        processes = []
        for number, output in enumerate([None, *outputs]):
            place = [f"--share-files={taken}", f"--begin-at={number / _PROCESSES}"]
            command = [str(python), "-m", "pytest", *place, *arguments]
            errors = None if output is None else subprocess.STDOUT
            processes.append(
                subprocess.Popen(command, cwd=folder, env=variables, stdout=output, stderr=errors)
            )
        try:
            statuses = [process.wait() for process in processes]
        except KeyboardInterrupt:
            _end(*processes)
            raise
        finally:
            for output in outputs:
                output.seek(0)
                sys.stdout.write(output.read().decode(errors="replace"))
            sys.stdout.flush()
    return next((status for status in statuses if status), 0)


def _compile_packages(python: Path, *, folder: Path, variables: Mapping[str, str]) -> None:
    """Write the bytecode of the packages and the demo once.

    Tests start hundreds of programs. With PYTHONDONTWRITEBYTECODE each of them would compile the
    packages again, which takes half a second. Errors are left to the tests.
    """
    sources = [*sorted(folder.glob("packages/*/src")), *folder.glob("demo")]
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
