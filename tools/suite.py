"""The whole suite in two processes, because it takes longer than one core should.

The tests of single packages and of tools run beside those of several packages, which mostly wait
for programs that they start. Each process has servers of its own. The first prints while it runs,
and what the second has printed follows it.
"""

import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

PARTS = (("packages", "README.md", "docs", "demo", "tools"), ("integration-tests",))


def run_suite(
    python: Path, arguments: Sequence[str], *, folder: Path, variables: Mapping[str, str]
) -> int:
    """Run all tests.

    Args:
        python: The interpreter.
        arguments: Options of pytest for both processes.
        folder: The root of the repository.
        variables: The environment.

    Returns:
        The first exit status of pytest that is not 0, or 0.

    Blocks: until both have ended.
    """
    first, second = ([python, "-m", "pytest", *arguments, *part] for part in PARTS)
    with tempfile.TemporaryFile() as output:
        beside = subprocess.Popen(
            second, cwd=folder, env=variables, stdout=output, stderr=subprocess.STDOUT
        )
        try:
            status = subprocess.call(first, cwd=folder, env=variables)
            other = beside.wait()
        finally:
            beside.terminate()  # has no effect if it has ended
            beside.wait()
            output.seek(0)
            sys.stdout.write(output.read().decode(errors="replace"))
    return status or other
