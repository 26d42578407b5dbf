"""The outbox: jobs beside the rows of the application, on their way to a store elsewhere.

===========  ==========================================================================
``_table``   `OutboxTable`: the rows in one database of the application
``_rows``    a delivery as the text of a row, and back
``_relay``   `Outbox`: puts deliveries into the tables, and relays them to the store
===========  ==========================================================================

It is the second home of SQLAlchemy in this package, beside the SQL store: its table belongs to a
database of the application, whatever store the jobs are in.
"""

from ._relay import Outbox as Outbox
from ._table import OutboxStatus as OutboxStatus
