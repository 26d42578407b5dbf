"""The page about jobs in development: queues, workers, schedules, jobs, and one job in detail.

==============  ================================================================================
``_pages``      `add_pages`: the handlers; what buttons do
``_access``     which requests may see the page, and which may change something
``_overview``   the page of all jobs
``_job``        the page of one job
``_markup``     parts of both: tables, badges, durations, buttons
==============  ================================================================================

Plain HTML with one style sheet and one script, which loads the page again while it is looked at. It
works without the script, and with a content security policy that allows nothing else.
"""

from ._pages import add_pages as add_pages
