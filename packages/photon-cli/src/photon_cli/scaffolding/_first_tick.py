"""The first tick of a schedule, for its test; a text that is invalid has none.

The command line does not know the texts of schedules: ``python -m photon_tasks.schedules`` does, in
a process of its own. So a text is refused here as it would be at the start of the application.
"""

from __future__ import annotations

import subprocess
import sys
from typing import Final

from photon_runtime.generators import GeneratorError

BEGIN: Final = "2026-01-01T00:00:00+00:00"
"""The moment that the tick follows; the templates have it, too."""


def first_tick(name: str, text: str, zone: str) -> str:
    """Return the first tick in 2026 in the time zone of a schedule, in the form of ISO 8601.

    Args:
        name: The task, for messages.
        text: The text of the schedule.
        zone: Its time zone.

    Raises:
        GeneratorError: One of them is invalid.

    Blocks: for a moment, while another process reads the text.
    """
    done = subprocess.run(
        [sys.executable, "-m", "photon_tasks.schedules", "--after", BEGIN, "--", text, zone],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode == 0:
        return done.stdout.strip()
    lines = done.stderr.strip().splitlines() or [f"the check ended with {done.returncode}"]
    example = f'write, for example, photon generate schedule {name} "every day at 3:00"'
    raise GeneratorError(f"{text!r} is not a schedule: {lines[-1]}; {example}")
