"""Replicas: reads on servers that follow the primary, as current as the caller needs.

====================  =========================================================================
``_replicas``         `Replicas`: the replicas of one database, and which of them may be read
``_routing``          sessions that read from a replica until they write
``_replica``          `Replica`: one replica and what is known of it
``_monitor``          `watch`: measures how far the replicas have come
``_timeline``         `PrimaryTimeline`: where the primary was, and when
``_probe``            `Probe`: the monitor's connection to one server
``_positions``        positions in the write-ahead log, as text and as numbers
``_commits``          `follow_commits`: the position of each commit
``_client``           `ClientPosition`: what the reads of the current client must have seen
``_recent_writers``   `RecentWriters`: the last positions of clients without cookies
``_middleware``       positions in cookies and header fields
``_observer``         `ReplicaObserver`, `ReplicaMetrics`
====================  =========================================================================
"""

from ._client import ClientPosition as ClientPosition
from ._commits import follow_commits as follow_commits
from ._middleware import COOKIE as COOKIE
from ._middleware import HEADER as HEADER
from ._middleware import position_middleware as position_middleware
from ._monitor import watch as watch
from ._observer import ReplicaMetrics as ReplicaMetrics
from ._observer import ReplicaObserver as ReplicaObserver
from ._positions import UNKNOWN as UNKNOWN
from ._positions import format_positions as format_positions
from ._positions import parse_positions as parse_positions
from ._probe import Probe as Probe
from ._recent_writers import RecentWriters as RecentWriters
from ._replica import Replica as Replica
from ._replicas import Replicas as Replicas
from ._replicas import ReplicaStatus as ReplicaStatus
from ._routing import route_reads as route_reads
from ._routing import routing_class as routing_class
from ._routing import use_primary as use_primary
from ._timeline import PrimaryTimeline as PrimaryTimeline
