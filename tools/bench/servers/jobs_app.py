# mypy: disable-error-code="import-not-found"
"""The tasks of the jobs suite.

The module that makes an application must not have a name of Photon's own packages (``photon_…``).
"""

import os
import time

import job_effects

from photon import Photon, task
from photon_lifeguard import DatabasePart

app = Photon(title="bench", version="1.0.0")
if "PHOTON__DATABASE__URL" in os.environ:
    app.add(DatabasePart())


@task
def noop() -> None:
    """Do nothing but what is counted."""
    job_effects.note()


@task
def wait() -> None:
    """Wait for a second."""
    time.sleep(1)
    job_effects.note()


@task
def stamp(sent: float) -> None:
    """Note how long it took to get here."""
    job_effects.note_latency(sent)
