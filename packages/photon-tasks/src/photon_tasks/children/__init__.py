"""Processes for functions that compute: ``@task(on="process")``.

Theory of operation. A function that computes would block the scheduler of its worker, and in a
thread it would take turns with all others for the interpreter. In a process it has a core. A child
process is another Python, which imports the module of the function; arguments and result are sent
as JSON. It is not patched and has no application: the function gets neither a `Job` nor provided
values.

A child runs one call at a time, and is used again for the next one. As many run as the machine has
cores; further calls wait. A call that is cancelled, or over its time limit, ends its child,
whatever that computes. A child that ends by itself (a segfault, ``os._exit``, no memory left) fails
its call and nothing else. Children end with the process that has started them, by the kernel,
however that one ends; see `photon_runtime.workers.end_with_parent`.

====================  =========================================================================
``_pool``             the children of a process, and calls in them
``_child``            the program of a child
``_messages``         what they send each other
====================  =========================================================================
"""

from ._pool import call_in_child as call_in_child
