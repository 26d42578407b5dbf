"""Values that a driver cannot send: the same error on every database.

Servers refuse a number that is too large with a `DataError`. SQLite's driver raises an
`OverflowError` before the statement is sent, which would look like an error of the application.
"""

from __future__ import annotations

from sqlalchemy import Engine, event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import DataError


def unify_value_errors(engine: Engine) -> None:
    """Raise `DataError` for numbers that the driver of an engine cannot send."""
    event.listen(engine, "handle_error", _as_data_error, retval=True)


def _as_data_error(context: ExceptionContext) -> DataError | None:
    error = context.original_exception
    if not isinstance(error, OverflowError):
        return None
    return DataError(context.statement, None, error, hide_parameters=True)
