"""`ExecutedStatement`: one statement that was executed, for reports in development and tests."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import attrs

from .._call_site import call_site
from ..transactions import is_read
from ._loading import Load, is_batch, is_flush, load_of
from ._statement_text import StatementText, redacted, statement_text

_WRITES = frozenset(("INSERT", "UPDATE", "DELETE", "MERGE"))
_VOLATILE = re.compile(
    r"\bFOR (?:NO KEY )?(?:UPDATE|(?:KEY )?SHARE)\b|\brand(?:om)?\(", re.IGNORECASE
)
# A comparison with a parameter: a query for one value, and not for a range.
_BY_KEY = re.compile(r"=\s*(?:%\(|%s|\?|\$\d|:\w|CAST\((?:%\(|%s|\?|\$\d|:\w))")


@attrs.frozen(eq=False)
class ExecutedStatement:
    """One statement that was executed.

    Attributes:
        statement: Its text, without values.
        parameters: Types and lengths of its parameters.
        line: File and line of the application that caused it; empty where only libraries did.
        seconds: Its duration.
        error: Class of the error it failed with; ``None`` if it succeeded.
        load: What the ORM executed it for; ``None`` for a statement of the application.
        identity: Equal for the same statement with the same parameters.
        is_single: True if it handles one value, as a query by a key does; False for batches, for
            ranges, and for what a session writes at once.
        is_repeatable: True if it only reads, so that its result could be reused.
    """

    statement: StatementText
    parameters: str
    line: str
    seconds: float
    error: str | None
    load: Load | None
    identity: tuple[str, int]
    is_single: bool
    is_repeatable: bool

    def __str__(self) -> str:
        """Describe the statement in one line."""
        place = f" at {self.line}" if self.line else ""
        failure = f" ({self.error})" if self.error else ""
        return f"{self.statement.text}{place}{failure}"


def executed_statement(
    statement: str,
    parameters: Any,
    context: Any,
    *,
    system: str,
    seconds: float,
    error: BaseException | None,
) -> ExecutedStatement:
    """Return the record of a statement that was just executed by the caller's caller."""
    shown = statement_text(statement, system)
    site = call_site(3)
    load = load_of(context)
    return ExecutedStatement(
        statement=shown,
        parameters=redacted(parameters),
        line="" if site is None else str(site),
        seconds=seconds,
        error=None if error is None else type(error).__qualname__,
        load=load,
        identity=(statement, _fingerprint(parameters)),
        is_single=_is_single(shown.operation, statement, context),
        is_repeatable=_is_repeatable(shown, context),
    )


def _is_single(operation: str, statement: str, context: Any) -> bool:
    if is_batch(context, statement):
        return False
    if operation == "SELECT":
        return _BY_KEY.search(statement) is not None
    return operation in _WRITES and not is_flush()


def _is_repeatable(shown: StatementText, context: Any) -> bool:
    if shown.operation != "SELECT" or not shown.tables or _VOLATILE.search(shown.text):
        return False
    return is_read(context) or _is_plain_text(context)


def _fingerprint(parameters: Any) -> int:
    """Return a number that is equal for equal parameters, and rarely for others."""
    try:
        return hash(tuple(parameters.items() if isinstance(parameters, Mapping) else parameters))
    except TypeError:  # there is a list among them
        return hash(repr(parameters))


def _is_plain_text(context: Any) -> bool:
    """Return whether the application wrote the statement as text, which is not examined further."""
    compiled = getattr(context, "compiled", None)
    return compiled is None or getattr(compiled, "isplaintext", False)
