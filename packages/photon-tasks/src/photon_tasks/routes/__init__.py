"""Jobs for clients: the response that announces one, and the status that a client may read.

================  ==============================================================================
``_responses``    `Accepted`, `JobResponse`: a job in responses; `JobStatus`: what clients see of it
``_reader``       `JobReader`: reads, follows and cancels jobs for clients that may see them
================  ==============================================================================

The routes themselves are in `photon.jobs`, which knows a router.
"""

from ._reader import LONGEST_WAIT as LONGEST_WAIT
from ._reader import JobReader as JobReader
from ._reader import MaySee as MaySee
from ._responses import READ_JOB as READ_JOB
from ._responses import Accepted as Accepted
from ._responses import JobReference as JobReference
from ._responses import JobResponse as JobResponse
from ._responses import JobStatus as JobStatus
from ._responses import NotChanged as NotChanged
from ._responses import Status as Status
