"""What the jobs of the jobs suite do, for every worker alike: they append to a file.

The size of the file, or its lines, are the effects that the benchmark counts.
"""

import os
import time

# Without a buffer: one call of the system for each write, whatever patches the module `os`.
_FILE = open(os.environ["JOBS_EFFECTS"], "ab", buffering=0)  # noqa: SIM115  as long as the process


def note() -> None:
    """Append one byte: a job has run."""
    _FILE.write(b".")


def note_latency(sent: float) -> None:
    """Append a line with the seconds since ``sent``, a time of the monotonic clock."""
    _FILE.write(f"{time.monotonic() - sent}\n".encode())
