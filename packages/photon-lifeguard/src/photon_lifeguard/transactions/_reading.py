"""Which statements only read, and which leave something behind in the session of the server.

Theory of operation. A statement that only reads needs no transaction: outside of one it sees the
same as at the isolation level READ COMMITTED, the default of PostgreSQL, and costs one round trip
instead of three. Every other statement begins one. When in doubt a statement is taken for one that
writes: a transaction too many costs time, one too few costs data.

A SELECT reads if SQLAlchemy has compiled it (its text is then known), it does not lock rows, and
every function that it calls is one of SQLAlchemy's own, such as ``count`` and ``coalesce``, or one
that SQL defines. A function of the database may write. A statement written as text is not examined
further than for its first word and begins a transaction, too.

The answer depends on the compiled statement alone and is kept with it; SQLAlchemy caches those.
"""

from __future__ import annotations

import re
from typing import Any

from sqlalchemy.engine.interfaces import ExecutionContext
from sqlalchemy.sql import Select, visitors
from sqlalchemy.sql.dml import UpdateBase
from sqlalchemy.sql.elements import ColumnClause, TextClause
from sqlalchemy.sql.functions import FunctionElement, GenericFunction
from sqlalchemy.sql.selectable import CompoundSelect, TextualSelect

_ATTRIBUTE = "_photon_only_reads"
_LEAVES = "_photon_leaves_state"
# Functions of SQL without side effects that SQLAlchemy has no class for.
_PURE = frozenset(
    """abs avg ceil ceiling date date_part date_trunc exp extract floor greatest ifnull instr
    json_array_length json_extract json_type jsonb_array_length jsonb_extract_path
    jsonb_extract_path_text lag lead least left length ln log lower lpad ltrim mod nullif
    octet_length plainto_tsquery position power regexp_replace replace reverse right round
    row_number rpad rtrim sign split_part sqrt strftime string_agg string_to_array strpos substr
    substring time to_char to_date to_number to_timestamp to_tsquery to_tsvector total trim trunc
    ts_rank typeof unnest upper websearch_to_tsquery""".split()  # noqa: SIM905  a long list
)
_WRITING_GENERIC = frozenset(["next_value"])
_LEAVES_NOTHING = frozenset(
    """select insert update delete merge replace with values table explain show savepoint release
    rollback commit begin start lock notify analyze create alter drop truncate comment grant revoke
    copy reindex vacuum refresh call""".split()  # noqa: SIM905  a long list
)
_SESSION_STATE = re.compile(
    r"set_config\s*\(|pg_(try_)?advisory_lock|get_lock\s*\(|\btemp(orary)?\b", re.IGNORECASE
)
_LOCAL = re.compile(r"\s*set\s+(local|transaction|constraints)\b", re.IGNORECASE)
_HARMLESS_TEXT = re.compile(r"\*|\d+")  # of count(*) and exists(select(1))
_FIRST_WORD = re.compile(r"[\s(;]*(?:--[^\n]*\n\s*|/\*.*?\*/\s*)*([A-Za-z]+)", re.DOTALL)


def is_read(context: ExecutionContext | None) -> bool:
    """Return whether the statement that is about to be executed reads and does nothing else."""
    compiled = None if context is None else context.compiled
    if compiled is None:
        return False
    known: bool | None = compiled.__dict__.get(_ATTRIBUTE)
    if known is None:
        known = reads_only(compiled.statement)
        compiled.__dict__[_ATTRIBUTE] = known
    return known


def may_leave_state(context: ExecutionContext, statement: str) -> bool:
    """Return whether the statement that is about to be executed may change the server's session.

    Its values do not matter, so the answer is kept with the compiled statement, too: searching the
    text takes microseconds, and many for a long INSERT.
    """
    compiled = context.compiled
    if compiled is None:
        return leaves_state(statement)
    known: bool | None = compiled.__dict__.get(_LEAVES)
    if known is None:
        known = compiled.__dict__[_LEAVES] = leaves_state(compiled.string or statement)
    return known


def leaves_state(statement: str) -> bool:
    """Return whether a statement may change the session of the server, beyond its transaction."""
    match = _FIRST_WORD.match(statement)
    if match is None:
        return False
    word = match.group(1).lower()
    if word == "set":
        return _LOCAL.match(statement) is None
    return word not in _LEAVES_NOTHING or _SESSION_STATE.search(statement) is not None


def reads_only(statement: object) -> bool:
    """Return whether a statement of SQLAlchemy reads and does nothing else."""
    if not isinstance(statement, Select | CompoundSelect):
        return False
    return all(_element_reads(element) for element in visitors.iterate(statement))


def _element_reads(element: Any) -> bool:
    if isinstance(element, UpdateBase | TextClause | TextualSelect):
        return False
    if not type(element).__module__.startswith("sqlalchemy.") or _is_literal(element):
        return False
    if isinstance(element, FunctionElement):
        return _function_reads(element)
    return getattr(element, "_for_update_arg", None) is None


def _is_literal(element: Any) -> bool:
    """Return whether an element is SQL that was written as text."""
    return (
        isinstance(element, ColumnClause)
        and element.is_literal
        and _HARMLESS_TEXT.fullmatch(element.name) is None
    )


def _function_reads(function: FunctionElement[Any]) -> bool:
    name = getattr(function, "name", "").lower()
    if isinstance(function, GenericFunction):
        is_own = type(function).__module__.startswith("sqlalchemy.")
        return is_own and name not in _WRITING_GENERIC
    return name in _PURE
