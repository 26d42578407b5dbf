"""The text of a ``CREATE TABLE``, cut into columns and constraints.

Theory of operation. SQLite stores the definition of a table as the text that created it. A change
replaces the part that it is about, and every other part stays as it was written: collations,
checks, defaults, generated columns, conflict clauses, comments, AUTOINCREMENT, STRICT. So nothing
that this module does not know can get lost, which a table made from reflection cannot promise.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import attrs

from ...errors import MigrationError
from ._tokens import Token, joined, mentions, name_of, quoted, significant, split, tokens

_TABLE_CONSTRAINTS = frozenset(["CONSTRAINT", "PRIMARY", "UNIQUE", "CHECK", "FOREIGN"])
_CLAUSES = _TABLE_CONSTRAINTS - {"FOREIGN"} | {
    "NOT",
    "NULL",
    "DEFAULT",
    "COLLATE",
    "REFERENCES",
    "GENERATED",
    "AS",
}
# (the word before, the word) that continue a clause: ON DELETE SET NULL, GENERATED ALWAYS AS, …
_CONTINUATIONS = frozenset(
    [
        ("NOT", "NULL"),
        ("SET", "NULL"),
        ("SET", "DEFAULT"),
        ("DEFAULT", "NULL"),
        ("ALWAYS", "AS"),
    ]
)


@attrs.frozen
class Clause:
    """A constraint of a column or of a table, or another clause of a column.

    Attributes:
        text: The clause as it is written.
        kind: Its first word after the name: ``UNIQUE``, ``CHECK``, ``FOREIGN``, ``DEFAULT``, …
        name: Its name, if it has one.
        columns: Names of the columns in its first parentheses; of a check, nothing.
        target: Table that it refers to.
    """

    text: str
    kind: str
    name: str | None = None
    columns: tuple[str, ...] = ()
    target: str | None = None


@attrs.define
class ColumnSql:
    """A column.

    Attributes:
        name: Name.
        written_name: Name as it is written, with its quotes.
        type: Type as it is written; may be empty.
        clauses: Its constraints and the like.
    """

    name: str
    written_name: str
    type: str
    clauses: list[Clause]

    def set_clause(self, kind: str, text: str | None) -> None:
        """Replace the clauses of a kind by one; ``None`` removes them."""
        self.clauses = [each for each in self.clauses if each.kind != kind]
        if text is not None:
            self.clauses.append(Clause(text, kind))

    def sql(self) -> str:
        """Return the definition."""
        parts = [self.written_name, self.type, *(each.text for each in self.clauses)]
        return " ".join(part for part in parts if part)


@attrs.define
class TableSql:
    """A table.

    Attributes:
        name: Name.
        columns: Columns.
        constraints: Constraints of the table.
        options: What follows the parentheses, such as ``STRICT``.
    """

    name: str
    columns: list[ColumnSql]
    constraints: list[Clause]
    options: str

    @classmethod
    def parse(cls, sql: str) -> TableSql:
        """Read a ``CREATE TABLE``.

        Raises:
            MigrationError: It is something else, such as a virtual table.
        """
        parts = tokens(sql)
        head = [part.keyword for part in significant(parts)[:2]]
        opening = next((at for at, part in enumerate(parts) if part.text == "("), None)
        if head != ["CREATE", "TABLE"] or opening is None:
            raise MigrationError(f"this is not the definition of an ordinary table: {sql[:60]}")
        closing = max(at for at, part in enumerate(parts) if (part.text, part.depth) == (")", 0))
        columns: list[ColumnSql] = []
        constraints: list[Clause] = []
        for item in split(parts[opening + 1 : closing], 1):
            first = next((part for part in item if part.kind != "space"), None)
            if first is not None and first.keyword in _TABLE_CONSTRAINTS:
                constraints += _clauses(item, _TABLE_CONSTRAINTS)
            else:
                columns.append(parse_column(item))
        name = name_of(significant(parts[:opening])[-1])
        return cls(name, columns, constraints, joined(parts[closing + 1 :]))

    def sql(self, name: str) -> str:
        """Return the definition of the table under a name."""
        items = [*(each.sql() for each in self.columns), *(each.text for each in self.constraints)]
        body = ",\n\t".join(items)
        return f"CREATE TABLE {quoted(name)} (\n\t{body}\n) {self.options}".rstrip()

    def column(self, name: str) -> ColumnSql:
        """Return a column.

        Raises:
            MigrationError: The table has none of that name.
        """
        for column in self.columns:
            if column.name.lower() == name.lower():
                return column
        raise MigrationError(f"the table {self.name} has no column {name}")

    def remove_column(self, name: str) -> None:
        """Remove a column, and all constraints that contain it, as PostgreSQL does."""
        self.columns.remove(self.column(name))
        self.constraints = [each for each in self.constraints if not _concerns(each, name)]
        for column in self.columns:
            column.clauses = [
                each for each in column.clauses if each.kind != "CHECK" or not _concerns(each, name)
            ]

    def remove_constraint(self, name: str) -> None:
        """Remove a constraint by its name.

        One without a name is found by the name that conventions or PostgreSQL give it.

        Raises:
            MigrationError: The table has none of that name.
        """
        for clauses, _ in self._all_clauses():
            for clause in clauses:
                if clause.name is not None and clause.name.lower() == name.lower():
                    clauses.remove(clause)
                    return
        for clauses, column in self._all_clauses():
            for clause in clauses:
                if clause.name is None and name.lower() in self._usual_names(clause, column):
                    clauses.remove(clause)
                    return
        raise MigrationError(f"the table {self.name} has no constraint {name}")

    def remove_check(self, text: str) -> None:
        """Remove a check without a name by its text.

        Raises:
            MigrationError: The table has no such check.
        """
        wanted = plain(text)
        for clauses, _ in self._all_clauses():
            for clause in clauses:
                if clause.kind == "CHECK" and plain(clause.text) == wanted:
                    clauses.remove(clause)
                    return
        raise MigrationError(f"the table {self.name} has no check {text}")

    def _all_clauses(self) -> Iterator[tuple[list[Clause], str]]:
        yield self.constraints, ""
        for column in self.columns:
            yield column.clauses, column.name

    def _usual_names(self, clause: Clause, column: str) -> set[str]:
        columns = clause.columns if not column else (column,)
        table = self.name
        names: set[str] = set()
        for part in {"_".join(columns), columns[0] if columns else ""}:
            match clause.kind:
                case "UNIQUE":
                    names |= {f"uq_{table}_{part}", f"{table}_{part}_key"}
                case "FOREIGN" | "REFERENCES":
                    names |= {f"fk_{table}_{part}_{clause.target}", f"{table}_{part}_fkey"}
                case "PRIMARY":
                    names |= {f"pk_{table}", f"{table}_pkey"}
        if clause.kind == "CHECK":
            names |= {f"{table}_{column}_check", f"ck_{table}_{column}"} if column else set()
            if sum(one.kind == "CHECK" for each, _ in self._all_clauses() for one in each) == 1:
                names.add(f"{table}_check")
        return {name.lower() for name in names}


def parse_column(item: Sequence[Token]) -> ColumnSql:
    """Read the definition of a column."""
    words = significant(item)
    if not words:
        raise MigrationError("the definition of a column is empty")
    start = item.index(words[0])
    rest = item[start + 1 :]
    cut = next((at for at in range(len(rest)) if _starts(rest, at, _CLAUSES)), len(rest))
    return ColumnSql(
        name_of(words[0]), words[0].text, joined(rest[:cut]), list(_clauses(rest[cut:], _CLAUSES))
    )


def column_from(sql: str) -> ColumnSql:
    """Read the definition of a column from its text."""
    return parse_column(tokens(sql))


def clause_from(sql: str) -> Clause:
    """Read a constraint of a table from its text."""
    (clause,) = _clauses(tokens(sql), _TABLE_CONSTRAINTS)
    return clause


def condition(check: str) -> str:
    """Return what is inside of the parentheses of a check, which may have a name."""
    parts = tokens(check)
    words = significant(parts)
    start = 2 if words[0].keyword == "CONSTRAINT" else 0
    rest = parts[parts.index(words[start]) + 1 :]
    return joined(rest)[1:-1].strip()


def plain(sql: str) -> str:
    """Return a text without the differences that do not matter: space, quotes of names, case."""
    parts = significant(tokens(sql))
    if parts and parts[0].keyword == "CONSTRAINT":
        parts = parts[2:]
    shown = [part.text if part.text.startswith("'") else name_of(part).lower() for part in parts]
    return " ".join(shown)


def _clauses(item: Sequence[Token], starts: frozenset[str]) -> Iterator[Clause]:
    cuts = [at for at in range(len(item)) if _starts(item, at, starts)]
    for first, last in itertools.pairwise([*cuts, len(item)]):
        yield _clause(item[first:last])


def _starts(item: Sequence[Token], at: int, starts: frozenset[str]) -> bool:
    """Return whether a clause starts at a token."""
    token = item[at]
    before = [part for part in item[:at] if part.kind != "space" and part.depth <= token.depth]
    base = min((part.depth for part in item), default=0)
    if token.keyword not in starts or token.depth != base:
        return False
    if len(before) > 1 and before[-2].keyword == "CONSTRAINT":
        return False  # the name is in between
    if before and before[-1].keyword == "CONSTRAINT":
        return False  # it is the name
    after = next((part.keyword for part in item[at + 1 :] if part.kind != "space"), "")
    if (token.keyword, after) == ("NOT", "DEFERRABLE"):
        return False
    return not before or (before[-1].keyword, token.keyword) not in _CONTINUATIONS


def _clause(item: Sequence[Token]) -> Clause:
    words = significant(item)
    name = None
    if words[0].keyword == "CONSTRAINT":
        name = name_of(words[1])
        words = words[2:]
    kind = words[0].keyword if words else ""
    kind = "GENERATED" if kind == "AS" else kind
    columns: tuple[str, ...] = ()
    if kind in ("PRIMARY", "UNIQUE", "FOREIGN"):
        columns = _first_parentheses(words)
    at = next((at for at, word in enumerate(words) if word.keyword == "REFERENCES"), None)
    target = None if at is None else name_of(words[at + 1])
    return Clause(joined(item), kind, name, columns, target)


def _first_parentheses(words: Sequence[Token]) -> tuple[str, ...]:
    base = words[0].depth
    inside = []
    is_inside = False
    for word in words:
        if word.depth == base and word.text == "(":
            is_inside = True
        elif word.depth == base and word.text == ")":
            break
        elif is_inside:
            inside.append(word)
    return tuple(name_of(part[0]) for part in split(inside, base + 1) if part)


def _concerns(clause: Clause, column: str) -> bool:
    """Return whether a constraint of the table contains a column."""
    if clause.kind == "CHECK":
        return mentions(clause.text, column)
    return column.lower() in (each.lower() for each in clause.columns)
