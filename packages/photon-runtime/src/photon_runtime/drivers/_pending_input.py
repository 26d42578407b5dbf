"""`has_pending_input`: what a server has sent on an idle connection, as before it closes one."""

from __future__ import annotations

import select

from ..patch import real_poll


def has_pending_input(fileno: int) -> bool:
    """Return whether a socket has received something, its end or an error. Does not wait.

    It is one system call. The replacement of `select.poll` would let other tasks run, too.
    """
    poll = real_poll()
    poll.register(fileno, select.POLLIN)
    return bool(poll.poll(0))
