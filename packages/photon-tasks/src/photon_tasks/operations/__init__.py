"""What people do with jobs from outside of an application: look, repair, find out why.

====================  =========================================================================
``_selection``        jobs that match a filter, page by page; cancelling all of them
``_members``          jobs as members of JSON, and lines about them
``_files``            jobs written to a file, and enqueued again from it
``_replay``           a job run again in this process, with the debugger
====================  =========================================================================
"""

from ._files import import_jobs as import_jobs
from ._files import purge_all as purge_all
from ._files import write_jobs as write_jobs
from ._members import depth_members as depth_members
from ._members import job_lines as job_lines
from ._members import job_members as job_members
from ._members import job_row as job_row
from ._members import stats_lines as stats_lines
from ._members import worker_members as worker_members
from ._replay import Replay as Replay
from ._replay import replay as replay
from ._selection import cancel_all as cancel_all
from ._selection import selected as selected
