"""Flows: jobs that follow one another, and jobs side by side.

====================  =========================================================================
``_flow``             `Flow`, `group`, `pipeline`: calls, one after another or side by side
``_nodes``            the calls and groups of a flow, and what is checked when it is made
``_compatibility``    whether the result of one task can be an argument of the next one
``_planning``         the jobs of a flow
``_stages``           what follows a job, as the text that it carries
``_following``        what is enqueued when a job is completed
``_enqueued_flow``    `EnqueuedFlow`: a flow, as the code that has enqueued it sees it
====================  =========================================================================

The job that has the results of a group is in `photon_tasks._group_results`.
"""

from ._enqueued_flow import EnqueuedFlow as EnqueuedFlow
from ._enqueued_flow import FlowProgress as FlowProgress
from ._enqueued_flow import flow_from_json as flow_from_json
from ._flow import Flow as Flow
from ._flow import call_of as call_of
from ._flow import group as group
from ._flow import pipeline as pipeline
from ._following import follow_up as follow_up
from ._planning import COLLECT as COLLECT
