"""Jobs in a database, announced by RabbitMQ.

====================  =========================================================================
``_store``            `RabbitStore`
``_announcements``    `Announcer`, `Listener`: what workers are woken by
====================  =========================================================================
"""

from ._store import RabbitStore as RabbitStore
