"""dramatiq's actors and middleware on Photon's worker.

An application with actors sets another broker, before the modules of its actors are imported, and
changes nothing else::

    import dramatiq
    from photon_tasks.actors import PhotonBroker

    dramatiq.set_broker(PhotonBroker())

====================  =========================================================================
``_broker``           `PhotonBroker`: messages are jobs, in the store of the application
``_processing``       one message in a worker, with the hooks of middleware in dramatiq's order
``_middleware``       which middleware is replaced, and which is refused
``_results``          `JobResults`: the results of messages are those of their jobs
``_for_tasks``        dramatiq's middleware around tasks of Photon
====================  =========================================================================
"""

from ._broker import PhotonBroker as PhotonBroker
from ._broker import actors_in as actors_in
from ._for_tasks import as_job_middleware as as_job_middleware
from ._results import JobResults as JobResults
