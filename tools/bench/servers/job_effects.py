"""What the jobs of the jobs suite do, for every worker alike: they append to a file.

The size of the file, or its lines, are the effects that the benchmark counts.
"""

import os
import time

_FILE = os.open(os.environ["JOBS_EFFECTS"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)


def note() -> None:
    """Append one byte: a job has run."""
    os.write(_FILE, b".")


def note_latency(sent: float) -> None:
    """Append a line with the seconds since ``sent``, a time of the monotonic clock."""
    os.write(_FILE, f"{time.monotonic() - sent}\n".encode())
