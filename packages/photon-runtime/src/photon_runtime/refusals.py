"""Registrations that are refused: raised where they are made, or collected.

An error of a registration is raised at its line, so that a program that makes it stops there. A
command that looks for *all* problems of an application imports it inside of `collecting_refusals`:
then the registrations that are made inside of `refusable` are noted and left out, and the import
continues with the next one.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import attrs

from .errors import SignatureError


@attrs.frozen
class Refusal:
    """A registration that was left out.

    Attributes:
        error: Why it was refused.
        subject: What was registered, such as the name of an operation; empty if it has no name.
    """

    error: Exception
    subject: str = ""


@contextmanager
def collecting_refusals() -> Iterator[list[Refusal]]:
    """Collect what is refused within the block, in the list that is yielded."""
    refusals: list[Refusal] = []
    token = _collected.set(refusals)
    try:
        yield refusals
    finally:
        _collected.reset(token)


@contextmanager
def refusable(subject: str = "") -> Iterator[None]:
    """Note a registration that is refused within the block, if refusals are collected.

    Args:
        subject: What is registered; see `Refusal`.

    Raises:
        SignatureError: The registration is refused, and refusals are not collected.
        ValueError: The same.
    """
    try:
        yield
    except (SignatureError, ValueError) as error:
        refusals = _collected.get()
        if refusals is None:
            raise
        refusals.append(Refusal(error, subject))


_collected: ContextVar[list[Refusal] | None] = ContextVar("photon_refusals", default=None)
