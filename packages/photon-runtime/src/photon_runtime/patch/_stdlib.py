"""`patch_stdlib`: put the replacements in place, once."""

from __future__ import annotations

import socket
import warnings

from .. import _socket
from ..errors import PatchError
from . import (
    _asyncio,
    _connections,
    _grpc,
    _late,
    _libraries_in_c,
    _psycopg,
    _psycopg2,
    _pymysql,
    _replacements,
    _semaphores,
    _sqlite,
    _standard_streams,
    _thread,
    _trio,
)
from ._late import PatchReport
from ._on_import import Hook, when_imported


class PatchWarning(RuntimeWarning):
    """The patch comes too late for something; the message names it."""


def patch_stdlib(*, strict: bool = False) -> PatchReport:
    """Let the blocking calls of the standard library pause one task instead of the thread.

    Call it first, before importing the modules that it should affect. Outside of tasks the calls
    still block the thread. A second call does nothing.

    Args:
        strict: True to refuse to patch when it is too late for something, instead of warning.

    Returns:
        A report of the modules that held originals.

    Raises:
        PatchError: ``strict`` is true, and something would keep the original behaviour. Nothing
            was changed.

    Warns:
        PatchWarning: Something keeps the original behaviour; the message names it.

    Example:
        >>> from photon_runtime.patch import is_patched
        >>> is_patched()
        False
    """
    if is_patched():
        return PatchReport()
    late = _late.find_late()
    if late and strict:
        raise PatchError(_explained(late))
    replacements = _replacements.replacements()
    for entry in replacements:
        entry.put_in_place()
    rebound = _late.rebind(replacements)
    _thread.let_main_be_joined()
    _standard_streams.let_standard_streams_cooperate()
    when_imported(_hooks())
    if late:
        warnings.warn(_explained(late), PatchWarning, stacklevel=2)
    return PatchReport(rebound, late)


def is_patched() -> bool:
    """Return whether the standard library is patched in this process."""
    return socket.socket is _socket.Socket


def _hooks() -> dict[str, Hook]:
    """Return the functions to call when libraries are imported."""
    return {
        **_libraries_in_c.hooks(),
        "asyncio.events": _asyncio.cooperate,
        "asyncio.runners": _asyncio.let_runners_end,
        "grpc._cython.cygrpc": _grpc.cooperate,
        "_multiprocessing": _semaphores.replace_semaphores,
        "_billiard": _semaphores.replace_semaphores,
        "multiprocessing.synchronize": _semaphores.let_conditions_be_cancelled,
        "multiprocessing.connection": _connections.keep_messages_whole,
        "multiprocessing.reduction": _connections.let_sockets_be_sent,
        "psycopg": _psycopg.cooperate,
        "psycopg2": _psycopg2.cooperate,
        "pymysql": _pymysql.cooperate,
        "sqlite3": _sqlite.cooperate,
        "trio": _trio.let_runs_be_cancelled,
        "trio._util": _trio.cooperate,
        "uvloop": _asyncio.refuse_uvloop,
    }


def _explained(late: tuple[str, ...]) -> str:
    lines = "".join(f"\n- {line}" for line in late)
    return (
        f"the standard library is patched too late for:{lines}\n"
        "These block the whole thread. Patch before importing anything else, or start the "
        "program with `python -m photon_runtime.patch`."
    )
