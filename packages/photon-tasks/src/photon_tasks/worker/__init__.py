"""The worker: it claims jobs, runs them, and records what has become of them.

====================  =========================================================================
``_worker``           `Worker`: claims as many jobs as have room, and starts them
``_attempt``          one attempt at a job: from the claim to its outcome
``_finishing``        outcomes, recorded together
``_inline``           jobs that are run by the call that enqueues them
``_heart``            heartbeats, from another thread
``_suspects``         jobs that may be what ends their worker: one at a time
``_recovery``         jobs of workers that have died; what is not kept any more
====================  =========================================================================
"""

from ._inline import InlineJobs as InlineJobs
from ._worker import Worker as Worker
