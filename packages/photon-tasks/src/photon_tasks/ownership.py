"""Whom jobs belong to: a text that the application chooses, such as the number of a user.

The owner decides who may see a job through the routes of `photon_tasks.routes`. It is set where a
job is enqueued, by `owned_by` or by ``TasksPart(owner=...)``, and the jobs that a job enqueues
belong to its owner.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar


@contextmanager
def owned_by(owner: str) -> Iterator[None]:
    """Let jobs that are enqueued in the block belong to ``owner``.

    Args:
        owner: A text that identifies the owner; empty for no owner in particular.

    Raises:
        TypeError: It is not a text.
    """
    if not isinstance(owner, str):
        raise TypeError(f"the owner of jobs is a text, not {owner!r}: use str(...)")
    token = _OWNER.set(owner)
    try:
        yield
    finally:
        _OWNER.reset(token)


def current_owner() -> str:
    """Return the owner of jobs that the calling code enqueues; empty without one."""
    return _OWNER.get()


def set_owner(owner: str) -> None:
    """Set the owner for the rest of the current context, as the attempt at a job does."""
    _OWNER.set(owner)


_OWNER: ContextVar[str] = ContextVar("photon_job_owner", default="")
