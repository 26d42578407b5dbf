"""Repeated statements of one request or block: where they come from, and the remedy.

Theory of operation. Statements are grouped while they are executed, so that a request that executes
a million of them needs no more memory than one that executes a few. Four kinds of repetition are
reported:

* a relationship that is loaded for one object after the other at the same line (N+1);
* columns that are reloaded for one object after the other;
* a statement that is executed at the same line with one set of parameters after the other;
* a query that is executed again with the same parameters, wherever it is.

Statements that are repeated by design are not: batches (``executemany``, pages, ``in_`` with a part
of the keys), the loads of ``selectinload``, and what a session writes in one flush.
"""

from __future__ import annotations

from collections.abc import Hashable

import attrs

from ._executed import ExecutedStatement

_MAX_GROUPS = 1_000
_MAX_LINES = 3
_NO_LINE = "outside of the application's code"


@attrs.frozen
class Repetition:
    """Statements that could have been one.

    Attributes:
        line: File and line of the application that caused them; empty where only libraries did.
        count: Their number.
        seconds: Their total duration.
        problem: What is repeated.
        remedy: What to do.
        statement: Their text, without values.
    """

    line: str
    count: int
    seconds: float
    problem: str
    remedy: str
    statement: str

    def __str__(self) -> str:
        """Describe the repetition in one sentence."""
        place = f"at {self.line}" if self.line else _NO_LINE
        return (
            f"{self.count} statements in {self.seconds:.3f} s {place}: {self.problem}; "
            f"{self.remedy}"
        )


@attrs.define(eq=False)
class _Group:
    """Executions that are counted together."""

    first: ExecutedStatement
    count: int = 0
    seconds: float = 0.0
    lines: dict[str, None] = attrs.field(factory=dict)
    identities: set[Hashable] = attrs.field(factory=set)

    def add(self, executed: ExecutedStatement, limit: int) -> None:
        self.count += 1
        self.seconds += executed.seconds
        if len(self.lines) < _MAX_LINES:
            self.lines[executed.line] = None
        if len(self.identities) < limit:
            self.identities.add(executed.identity)


class Repetitions:
    """Finds repeated statements.

    Args:
        threshold: Number of executions from which a statement counts as repeated, at least 2.
    """

    def __init__(self, threshold: int) -> None:
        """Begin without statements."""
        self._threshold = max(threshold, 2)
        self._loads: dict[Hashable, _Group] = {}
        self._by_line: dict[Hashable, _Group] = {}
        self._identical: dict[Hashable, _Group] = {}

    def add(self, executed: ExecutedStatement) -> None:
        """Note a statement."""
        load = executed.load
        if load is not None and load.kind == "eager":
            return
        if load is not None:
            self._add(self._loads, (load, executed.line), executed)
            return
        text = executed.identity[0]
        if executed.is_single:
            self._add(self._by_line, (text, executed.line), executed)
        if executed.is_repeatable:
            self._add(self._identical, executed.identity, executed)

    def find(self) -> list[Repetition]:
        """Return what is repeated, the most frequent first."""
        found = [_load(group) for group in self._for_many_values(self._loads)]
        loops = self._for_many_values(self._by_line)
        found += [_loop(group) for group in loops]
        in_loops = {group.first.identity[0] for group in loops}
        found += [
            _identical(group)
            for group in self._often(self._identical)
            if group.first.identity[0] not in in_loops
        ]
        return sorted(found, key=lambda repetition: -repetition.count)

    def _add(
        self, groups: dict[Hashable, _Group], key: Hashable, executed: ExecutedStatement
    ) -> None:
        group = groups.get(key)
        if group is None:
            if len(groups) >= _MAX_GROUPS:
                return
            group = groups[key] = _Group(executed)
        group.add(executed, self._threshold)

    def _often(self, groups: dict[Hashable, _Group]) -> list[_Group]:
        return [group for group in groups.values() if group.count >= self._threshold]

    def _for_many_values(self, groups: dict[Hashable, _Group]) -> list[_Group]:
        often = self._often(groups)
        return [group for group in often if len(group.identities) >= self._threshold]


def _load(group: _Group) -> Repetition:
    load = group.first.load
    if load is None:
        raise ValueError("a group of loads has one")
    if load.remedy:
        problem = f"{load.name} is loaded for one object after the other"
        remedy = f"load it with the query of the objects: .options({load.remedy})"
    else:
        problem = f"{load.name} is reloaded, one object after the other"
        remedy = (
            "a commit, expire() or refresh() discards the columns: use expire_on_commit=False, "
            "or read the objects again by one query with populate_existing"
        )
    return _repetition(group, problem, remedy)


def _loop(group: _Group) -> Repetition:
    if group.first.statement.operation == "SELECT":
        remedy = "read all rows by one statement: a join, or in_() with all values"
    else:
        remedy = "pass the list of all parameters to one execute()"
    name = group.first.statement.summary
    return _repetition(group, f"{name} is executed for one value after the other", remedy)


def _identical(group: _Group) -> Repetition:
    name = group.first.statement.summary
    others = [line for line in group.lines if line and line != group.first.line]
    places = f" (also at {', '.join(others)})" if others else ""
    return _repetition(
        group,
        f"{name} is executed again with the same parameters{places}",
        "execute it once and pass the result on, or cache it",
    )


def _repetition(group: _Group, problem: str, remedy: str) -> Repetition:
    first = group.first
    return Repetition(first.line, group.count, group.seconds, problem, remedy, first.statement.text)
