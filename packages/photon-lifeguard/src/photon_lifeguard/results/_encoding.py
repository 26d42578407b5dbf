"""Encoding a result executes no statement.

Theory of operation. When a handler has returned, its result is encoded. An attribute that loads
itself at that time would execute a statement for each object of a list, unnoticed. The router reads
attributes of mapped classes without loading them; properties, hybrids and proxies run code of the
application, and what that code loads is only seen where statements are executed. So the engine
refuses all of them while a result is encoded in the same task.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar, Token
from typing import Any

from sqlalchemy import Engine

from ..errors import StatementRefused
from ..observability import load_of

_is_encoding: ContextVar[bool] = ContextVar("photon_encoding", default=False)


class _WhileEncoding:
    """Marks the time in which a result is encoded; a context manager."""

    __slots__ = ("_tokens",)

    def __init__(self) -> None:
        self._tokens: list[Token[bool]] = []

    def __enter__(self) -> None:
        self._tokens.append(_is_encoding.set(True))

    def __exit__(self, *error: object) -> None:
        _is_encoding.reset(self._tokens.pop())


def while_encoding() -> _WhileEncoding:
    """Return a context manager inside of which the calling task cannot execute statements.

    It can be used again; not by several tasks at once.
    """
    return _WhileEncoding()


def refuse_statements(engine: Engine) -> None:
    """Refuse statements on ``engine`` while a result is encoded."""
    dialect = engine.dialect
    # The methods of this engine's dialect, not events, which cost more: see `begin_on_demand`.
    dialect.__dict__.update(
        do_execute=_refusing(dialect.do_execute),
        do_executemany=_refusing(dialect.do_executemany),
        do_execute_no_params=_refusing(dialect.do_execute_no_params),
    )


def _refusing(execute: Callable[..., None]) -> Callable[..., None]:
    """Return a method of a dialect that refuses; its last argument is the context."""

    def run(cursor: Any, statement: str, *rest: Any) -> None:
        if _is_encoding.get():
            raise StatementRefused(_message(statement, rest[-1]))
        execute(cursor, statement, *rest)

    return run


def _message(statement: str, context: Any) -> str:
    subject = "encoding a result executes no statement, and an attribute of it, such as a property,"
    load = load_of(context)
    if load is None:
        return (
            f"{subject} has executed one: {' '.join(statement.split())[:200]}. Compute its value "
            "in the handler, or leave it out of the class that the handler returns"
        )
    if load.kind == "eager":
        return (
            "encoding a result executes no statement, and the rows of a query are fetched while it "
            "is encoded: fetch them in the handler, by .all()"
        )
    if not load.remedy:
        return (
            f"{subject} uses {load.name}, which has expired: refresh the object in the handler by "
            "session.refresh()"
        )
    return (
        f"{subject} uses {load.name}, which is not loaded: load it with the query: "
        f".options({load.remedy})"
    )
