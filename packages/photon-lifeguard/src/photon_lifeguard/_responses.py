"""The responses to errors of the database.

==========================================  ======  =============================================
error                                       status  reason
==========================================  ======  =============================================
a constraint was violated                   409     the request contradicts what is stored
a value does not fit its type               422     such as a NUL character, or too large a number
all connections are in use                  503     with ``Retry-After``: the load is too high
the server cannot be reached, or was lost   503     with ``Retry-After``
the file of SQLite stayed locked            503     with ``Retry-After``
anything else                               500
==========================================  ======  =============================================

The details are in the log; a client sees the name of the constraint at the most.
"""

from __future__ import annotations

import logging

from sqlalchemy.exc import DataError, DBAPIError, IntegrityError

from photon_runtime.http import HttpError, Request, Response, problem_response
from photon_runtime.parts import Host

from .errors import DatabaseUnavailable, PoolExhausted

_log = logging.getLogger("photon.database")
_RETRY_AFTER = "1"


def add_error_handlers(host: Host) -> None:
    """Answer errors of the database in the application of ``host``."""

    @host.error_handler(IntegrityError)
    def conflict(request: Request, error: BaseException) -> Response:
        _log.info("%s %s: %s", request.method, request.raw_path, _without_values(error))
        return problem_response(HttpError(409, "the request conflicts with stored data"))

    @host.error_handler(DataError)
    def unfit(request: Request, error: BaseException) -> Response:
        _log.warning("%s %s: %s", request.method, request.raw_path, _without_values(error))
        return problem_response(
            HttpError(422, "a value of the request cannot be stored: it does not fit its type")
        )

    @host.error_handler(PoolExhausted, DatabaseUnavailable)
    def unavailable(request: Request, error: BaseException) -> Response:
        if isinstance(error, DatabaseUnavailable):  # the pool has logged the other one
            _log.error("%s %s: %s", request.method, request.raw_path, error)
        return _retry_later()

    @host.error_handler(DBAPIError)
    def failed(request: Request, error: BaseException) -> Response:
        if isinstance(error, DBAPIError) and error.connection_invalidated:
            _log.error(
                "%s %s: the connection was lost: %s", request.method, request.raw_path, error
            )
            return _retry_later()
        if "database is locked" in str(getattr(error, "orig", "")):  # SQLite, by another process
            _log.error("%s %s: %s", request.method, request.raw_path, error)
            return _retry_later()
        raise error  # as any other unexpected error


def _without_values(error: BaseException) -> str:
    """Return the first line of the driver's error; the values of the row are behind it."""
    original = error.orig if isinstance(error, DBAPIError) else error
    return str(original).partition("\n")[0]


def _retry_later() -> Response:
    return problem_response(
        HttpError(
            503,
            "the database is not available at the moment",
            headers={"Retry-After": _RETRY_AFTER},
        )
    )
