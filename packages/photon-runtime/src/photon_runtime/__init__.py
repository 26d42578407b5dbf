"""Coroutines that look like ordinary Python, and an HTTP/1.1 server on them.

===================  ==========================================================================
``_hub``             the scheduler of one thread; `run`, `spawn`, `sleep`, `yield_now`
``_task``            `Task`: one function that runs as a coroutine
``_pooled_greenlet``  the greenlets that tasks run on; `current_task`
``_cancel``          the tree of scopes and the rule by which cancellation reaches tasks
``_scope``           `scope`, `deadline`, `shield`
``_sync``            `Event`, `Semaphore`
``_lock``            `Lock`, `RLock`, `Condition`
``_rendezvous``      `Barrier`, `WaitGroup`
``_channel``         `Channel`
``_broadcast``       `Broadcast`: every subscriber gets every item
``_select``          `select`: the first of several cases
``_case``, ``_descriptor_cases``  the cases: channels and times; sockets and descriptors
``_offload``         `offload`, `blocking`: real threads for blocking calls
``collector``        the garbage collector, paused while something large is made
``made_once``        `MadeOnce`: values that a thread makes at their first use
``_socket``          `Socket`, `create_connection`
``_tls``             TLS sockets, for the sockets that `ssl` contexts wrap
``_poll``, ``_watcher``  readiness of descriptors; the waits for one descriptor
``_timer``           timers
``_at_exit``         the end of the process while hubs run on other threads
``limit_clock``      the clock of time limits that a sweep checks
``slices``           loops over very many items that let other tasks run
``stats``            `stats`, `dump_tasks`, `watch_hub`: the state of a hub
``_report``, ``_watchdog``  readable stacks; the thread that finds code that blocks the scheduler
``libraries_in_c``   libraries that wait in C, and which one a call has entered
``errors``           the error tree
``escapes``          exceptions that end programs, in a service that must go on
``settings``         photon.toml, config/<env>.toml, PHOTON__SECTION__KEY
``project``          the project around a folder: environment, settings, application by name
``process``          limits, logs, patch, application: what a serving or working process needs
``tracebacks``       errors for the author of an application
``generators``       what generators of code describe, and the command line applies
``code_formatting``, ``revision_files``  generated statements; files of migrations
``patch``            blocking calls of the standard library that pause one coroutine
``drivers``          database drivers that wait in the scheduler, with and without the patch
``workers``          pre-forked processes and their supervisor
``observability``    metrics, spans, log fields and readiness checks, for every package
``transactions``     calls after the commit, for code that knows no database layer
``units_of_work``    what ends with each message of a connection that outlives its request
``isolation``        context variables whose values change in place: each request has its own
``logs``             the log: settings, fields, formats; lines are written in batches
``wakeups``          processes that share a file wake each other
``media_types``      names of media types, and what can be read from one
``http``             requests, responses, the server
``testing``          for tests: a live server; virtual time, seeded order, streams in memory
``_virtual``, ``_memory``  the part of `testing` for coroutine code
===================  ==========================================================================

Importing this package never changes the standard library.
"""

from ._broadcast import Broadcast as Broadcast
from ._broadcast import Subscription as Subscription
from ._case import After as After
from ._case import Case as Case
from ._case import Receive as Receive
from ._case import Send as Send
from ._channel import Channel as Channel
from ._descriptor_cases import Readable as Readable
from ._descriptor_cases import Writable as Writable
from ._lock import Condition as Condition
from ._lock import Lock as Lock
from ._lock import RLock as RLock
from ._offload import blocking as blocking
from ._offload import offload as offload
from ._pooled_greenlet import current_task as current_task
from ._rendezvous import Barrier as Barrier
from ._rendezvous import WaitGroup as WaitGroup
from ._run import go as go
from ._run import run as run
from ._run import sleep as sleep
from ._run import spawn as spawn
from ._run import yield_now as yield_now
from ._runtime_settings import RuntimeSettings as RuntimeSettings
from ._scope import Scope as Scope
from ._scope import deadline as deadline
from ._scope import remaining_time as remaining_time
from ._scope import scope as scope
from ._scope import shield as shield
from ._select import select as select
from ._socket import Socket as Socket
from ._socket import create_connection as create_connection
from ._sync import Event as Event
from ._sync import Semaphore as Semaphore
from ._task import Task as Task
from .errors import Cancelled as Cancelled
from .errors import ChannelClosed as ChannelClosed
from .errors import DeadlineExceeded as DeadlineExceeded
from .errors import FellBehind as FellBehind
from .errors import NotRunning as NotRunning
from .errors import PhotonError as PhotonError
from .errors import SettingsError as SettingsError
from .errors import TaskCancelled as TaskCancelled
from .stats import Stats as Stats
from .stats import dump_tasks as dump_tasks
from .stats import stats as stats
from .stats import watch_hub as watch_hub
