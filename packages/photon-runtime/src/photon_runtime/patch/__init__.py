"""Blocking calls of the standard library that pause one coroutine instead of all.

====================  =========================================================================
``_stdlib``           `patch_stdlib`, `is_patched`
``_replacements``     the list of what is replaced
``_late``             modules that were imported earlier and hold originals
``_saved``            the originals
``_running``          the running task, and its number as a thread
``_waiter``           a wait that any thread may end
``_lock``, ``_local``, ``_thread``, ``_handle``  the building blocks of `threading`
``_queue``            `queue.SimpleQueue`
``_descriptors``      waiting for pipes, processes and other descriptors that are not sockets
``_turns``            letting others run in calls that poll
``_select``, ``_process``, ``_signal``, ``_time``  the calls of these modules
``_delivery``, ``_alarm``, ``_alarm_owner``  the task of a signal handler; timers for each task
``_thread_state``     what C keeps for each thread, kept for each task
``_asyncio``, ``_event_loop_end``, ``_trio``, ``_grpc``  event loops, their end in a cancelled task
``_wakeup_fd``        `signal.set_wakeup_fd`
``_transfers``        `os.read`, `os.write` and the like
``_pipe_files``, ``_buffers``, ``_standard_streams``  file objects of pipes and terminals
``_fifos``, ``_file_locks``, ``_terminals``  FIFOs, locks of files, `termios`
``_semaphores``, ``_connections``  locks and messages of `multiprocessing`
``_own_thread``       calls that wait in C, each on a real thread of its own
``_fork_guard``       forks while other tasks hold locks of the standard library
``_on_import``        functions that are called when a library is imported
``_psycopg``, ``_pymysql``, ``_sqlite``  let drivers cooperate, see `photon_runtime.drivers`
``_module_threads``   libraries whose calls go to threads
``_psycopg2``, ``_libraries_in_c``  the callback of psycopg2, and a warning for other libraries
``__main__``, ``_program``  ``python -m photon_runtime.patch script.py``
====================  =========================================================================

Importing this package patches nothing.
"""

from .._runtime_settings import RuntimeSettings as RuntimeSettings
from ._descriptors import READ as READ
from ._descriptors import WRITE as WRITE
from ._descriptors import let_others_run as let_others_run
from ._descriptors import wait_descriptor as wait_descriptor
from ._late import PatchReport as PatchReport
from ._lock import Lock as Lock
from ._module_threads import send_to_threads as send_to_threads
from ._running import get_ident as get_ident
from ._saved import real_allocate_lock as real_allocate_lock
from ._saved import real_get_ident as real_get_ident
from ._saved import real_poll as real_poll
from ._saved import real_sleep as real_sleep
from ._stdlib import PatchWarning as PatchWarning
from ._stdlib import is_patched as is_patched
from ._stdlib import patch_stdlib as patch_stdlib
from ._waiter import Waiter as Waiter
from ._waiter import drop_waiter as drop_waiter
from ._waiter import new_waiter as new_waiter
from ._waiter import wake_first as wake_first
