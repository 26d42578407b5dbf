"""A snapshot of the tables of a database, as its server describes them.

Theory of operation. The models are created in an empty place of the same server, and two snapshots
are compared: both come from the same catalogue, in the server's own spelling. So a type, a default
or a condition differs if and only if the server sees a difference. Comparing what SQLAlchemy would
write with what a server answers needs a list of exceptions, and reports changes that do not exist.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import attrs
from sqlalchemy import Connection, inspect, text
from sqlalchemy.engine.reflection import Inspector

from ._log import OWN_TABLES
from .sqlite import TableSql, condition, plain


@attrs.define
class ColumnShape:
    """A column.

    Attributes:
        type: Type, as the server writes it.
        nullable: True if it may be NULL.
        default: Default, as the server writes it.
        computed: Expression of a generated column, and whether its values are stored.
        identity: Options of an identity column.
        comment: Comment.
    """

    type: str
    nullable: bool
    default: str | None = None
    computed: tuple[str, bool] | None = None
    identity: Mapping[str, Any] | None = None
    comment: str | None = None


@attrs.define
class Piece:
    """A constraint or an index.

    Attributes:
        name: Its name; ``None`` if it has none.
        definition: What makes it equal to another one, apart from its name.
        info: What SQLAlchemy's inspector knows of it.
    """

    name: str | None
    definition: Any
    info: Any = attrs.field(default=None, eq=False)

    @property
    def key(self) -> object:
        """What identifies it in its table."""
        return self.name or ("", repr(self.definition))


@attrs.define
class TableShape:
    """A table.

    Attributes:
        name: Name.
        schema: Schema; ``None`` for the default one.
        columns: Columns by name.
        primary_key: Columns of the primary key, with its name.
        foreign_keys: Foreign keys.
        uniques: Unique constraints.
        checks: Checks.
        indexes: Indexes.
        comment: Comment.
        stored_name: Name in the database before a rename; ``None`` without one.
        stored_columns: The same of its columns, by their new names.
    """

    name: str
    schema: str | None
    columns: dict[str, ColumnShape]
    primary_key: Piece
    foreign_keys: list[Piece]
    uniques: list[Piece]
    checks: list[Piece]
    indexes: list[Piece]
    comment: str | None = None
    stored_name: str | None = None
    stored_columns: dict[str, str] = attrs.field(factory=dict)

    @property
    def key(self) -> TableKey:
        """Its schema and its name."""
        return self.schema, self.name

    @property
    def shown(self) -> str:
        """Its name with its schema."""
        return ".".join(filter(None, self.key))


TableKey = tuple[str | None, str]


@attrs.define
class Snapshot:
    """The tables of a database.

    Attributes:
        tables: Tables by schema and name.
        enums: Values of the enum types of PostgreSQL by schema and name.
    """

    tables: dict[TableKey, TableShape]
    enums: dict[TableKey, tuple[str, ...]] = attrs.field(factory=dict)


def take_snapshot(connection: Connection, schemas: Mapping[str | None, str | None]) -> Snapshot:
    """Describe the tables of some schemas.

    Args:
        connection: Connection.
        schemas: Names of schemas on the server, by the names under which the snapshot has them;
            ``None`` is the default one.

    Blocks: the thread, for some round trips.
    """
    inspector = inspect(connection)
    snapshot = Snapshot({})
    for shown, actual in schemas.items():
        reader = _Reader(connection, inspector, actual, shown, schemas)
        for name in sorted(set(inspector.get_table_names(actual)) - OWN_TABLES):
            snapshot.tables[shown, name] = reader.table(name)
        snapshot.enums |= {(shown, name): values for name, values in reader.enums().items()}
    return snapshot


class _Reader:
    """Reads the tables of one schema."""

    def __init__(
        self,
        connection: Connection,
        inspector: Inspector,
        schema: str | None,
        shown: str | None,
        schemas: Mapping[str | None, str | None],
    ) -> None:
        self._connection = connection
        self._inspector = inspector
        self._schema = schema
        self._shown = shown
        self._schemas = {actual: name for name, actual in schemas.items()}
        self._dialect = connection.dialect.name
        self._types: dict[tuple[str, str], str] | None = None
        self._index_texts: dict[tuple[str, str], str] | None = None

    def table(self, name: str) -> TableShape:
        inspector, schema = self._inspector, self._schema
        key = inspector.get_pk_constraint(name, schema)
        return TableShape(
            name=name,
            schema=self._shown,
            columns={each["name"]: self._column(name, each) for each in self._columns(name)},
            primary_key=Piece(key.get("name"), tuple(key["constrained_columns"])),
            foreign_keys=[
                self._foreign_key(each) for each in inspector.get_foreign_keys(name, schema)
            ],
            uniques=[
                Piece(each["name"], tuple(each["column_names"]), each)
                for each in inspector.get_unique_constraints(name, schema)
                if not each.get("duplicates_index")  # of MySQL, where they are one thing
            ],
            checks=self._checks(name),
            indexes=self._indexes(name),
            comment=self._comment(name),
        )

    def enums(self) -> dict[str, tuple[str, ...]]:
        """Return the values of the enum types."""
        if self._dialect != "postgresql":
            return {}
        query = text(
            "SELECT t.typname, array_agg(e.enumlabel ORDER BY e.enumsortorder)::text[]"
            " FROM pg_type t JOIN pg_enum e ON e.enumtypid = t.oid"
            " WHERE t.typnamespace = cast(:schema AS regnamespace) GROUP BY t.typname"
        )
        rows = self._connection.execute(query, {"schema": self._schema_name()})
        return {row[0]: tuple(row[1]) for row in rows}

    def _schema_name(self) -> str:
        name = self._schema or self._inspector.default_schema_name or "public"
        return self._connection.dialect.identifier_preparer.quote(name)

    def _columns(self, name: str) -> Iterable[Any]:
        return self._inspector.get_columns(name, self._schema)

    def _column(self, table: str, info: Mapping[str, Any]) -> ColumnShape:
        computed = info.get("computed")
        default = None if computed or info.get("identity") else self._default(info)
        return ColumnShape(
            type=self._type(table, info),
            nullable=bool(info["nullable"]),
            default=default,
            computed=computed
            and (self._plain(computed["sqltext"]), bool(computed.get("persisted"))),
            identity=info.get("identity"),
            comment=info.get("comment"),
        )

    def _default(self, info: Mapping[str, Any]) -> str | None:
        default: str | None = info.get("default")
        if default is None:
            return None
        if default.startswith("nextval("):
            return "nextval"  # of the sequence that belongs to the column, whatever its name
        return self._plain(default)

    def _type(self, table: str, info: Mapping[str, Any]) -> str:
        if self._types is None:
            self._types = self._read_types()
        return self._types.get((table, info["name"])) or self._compiled(info["type"])

    def _compiled(self, type_: Any) -> str:
        try:
            shown: str = type_.compile(self._connection.dialect)
        except Exception:  # a type that SQLAlchemy does not know
            shown = repr(type_)
        return " ".join(shown.upper().split())

    def _read_types(self) -> dict[tuple[str, str], str]:
        if self._dialect == "postgresql":
            return self._postgresql_types()
        if self._dialect in ("mysql", "mariadb"):
            query = text(
                "SELECT table_name, column_name, column_type, collation_name"
                " FROM information_schema.columns WHERE table_schema = :schema"
            )
            schema = self._schema or self._inspector.default_schema_name
            rows = self._connection.execute(query, {"schema": schema})
            return {(row[0], row[1]): " ".join(filter(None, row[2:])) for row in rows}
        return {}

    def _postgresql_types(self) -> dict[tuple[str, str], str]:
        query = text(
            "SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod),"
            " CASE WHEN a.attcollation <> t.typcollation THEN o.collname END"
            " FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid"
            " JOIN pg_type t ON t.oid = a.atttypid"
            " LEFT JOIN pg_collation o ON o.oid = a.attcollation"
            " WHERE c.relnamespace = cast(:schema AS regnamespace) AND a.attnum > 0"
        )
        rows = self._connection.execute(query, {"schema": self._schema_name()})
        return {
            (row[0], row[1]): self._plain(" COLLATE ".join(filter(None, row[2:]))) for row in rows
        }

    def _foreign_key(self, info: Mapping[str, Any]) -> Piece:
        schema = info["referred_schema"]
        default = self._inspector.default_schema_name
        options = {
            name.lower(): value
            for name, value in info.get("options", {}).items()
            if value
            not in (None, False, "NO ACTION", "SIMPLE", "RESTRICT" if self._is_mysql else "")
        }
        return Piece(
            info["name"],
            (
                tuple(info["constrained_columns"]),
                self._schemas.get(schema, None if schema == default else schema),
                info["referred_table"],
                tuple(info["referred_columns"]),
                tuple(sorted(options.items())),
            ),
            info,
        )

    @property
    def _is_mysql(self) -> bool:
        return self._dialect in ("mysql", "mariadb")

    def _checks(self, name: str) -> list[Piece]:
        if self._dialect == "sqlite":
            return [
                Piece(clause.name, plain(clause.text), {"sqltext": condition(clause.text)})
                for clause in _checks_of(self._table_sql(name))
            ]
        found = self._inspector.get_check_constraints(name, self._schema)
        return [
            Piece(each["name"], _without_text_casts(self._plain(each["sqltext"])), each)
            for each in found
        ]

    def _table_sql(self, name: str) -> TableSql:
        sql = self._connection.exec_driver_sql(
            "SELECT sql FROM sqlite_master WHERE type = 'table' AND name = ?", (name,)
        ).scalar_one()
        return TableSql.parse(sql)

    def _indexes(self, name: str) -> list[Piece]:
        if self._dialect == "postgresql":
            return self._text_indexes(name, self._postgresql_indexes)
        if self._dialect == "sqlite":
            return self._text_indexes(name, self._sqlite_indexes)
        found = self._inspector.get_indexes(name, self._schema)
        return [
            Piece(
                each["name"],
                (
                    tuple(each.get("expressions") or each["column_names"]),
                    bool(each["unique"]),
                    tuple(sorted(map(str, each.get("dialect_options", {}).items()))),
                ),
                each,
            )
            for each in found
            if not each.get("duplicates_constraint")
        ]

    def _text_indexes(self, table: str, read: Any) -> list[Piece]:
        if self._index_texts is None:
            self._index_texts = read()
        return [
            Piece(name, _without_head(sql), {"sql": sql})
            for (owner, name), sql in sorted(self._index_texts.items())
            if owner == table
        ]

    def _postgresql_indexes(self) -> dict[tuple[str, str], str]:
        query = text(
            "SELECT t.relname, c.relname, pg_get_indexdef(i.indexrelid) FROM pg_index i"
            " JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_class t ON t.oid = i.indrelid"
            " WHERE t.relnamespace = cast(:schema AS regnamespace) AND NOT EXISTS"
            " (SELECT FROM pg_constraint k WHERE k.conindid = i.indexrelid AND k.contype IN"
            " ('p', 'u', 'x'))"
        )
        rows = self._connection.execute(query, {"schema": self._schema_name()})
        return {(row[0], row[1]): row[2] for row in rows}

    def _sqlite_indexes(self) -> dict[tuple[str, str], str]:
        rows = self._connection.exec_driver_sql(
            "SELECT tbl_name, name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
        )
        return {(row[0], row[1]): row[2] for row in rows}

    def _comment(self, name: str) -> str | None:
        if not self._connection.dialect.supports_comments:
            return None
        return self._inspector.get_table_comment(name, self._schema)["text"]

    def _plain(self, sql: str) -> str:
        """Return an expression without the differences that do not matter."""
        if self._dialect == "sqlite":
            return _without_parentheses(plain(sql))
        if self._schema is not None and self._schema != self._shown:
            replacement = f"{self._shown}." if self._shown else ""
            sql = sql.replace(f"{self._schema}.", replacement)
        return sql


def _checks_of(table: TableSql) -> Iterable[Any]:
    for clauses in (table.constraints, *(each.clauses for each in table.columns)):
        yield from (clause for clause in clauses if clause.kind == "CHECK")


def _without_head(sql: str) -> str:
    """Return the definition of an index without its own name and the name of its table."""
    head, _, rest = sql.partition(" ON ")
    unique = "unique " if head.upper().split()[1] == "UNIQUE" else ""
    if " USING " in rest:  # PostgreSQL: [ONLY] schema.table USING method (…)
        return unique + _without_text_casts(rest[rest.index(" USING ") + 1 :])
    return unique + plain(rest[rest.index("(") :])


def _without_text_casts(sql: str) -> str:
    """Return a condition of PostgreSQL without the casts of texts and what they put in parentheses.

    PostgreSQL adds other casts when it reads its own spelling of ``state IN ('a', 'b')`` again.
    """
    sql = re.sub(r"::(character varying|text|bpchar)(\(\d+\))?(\[\])?", "", sql)
    before = ""
    while sql != before:
        before, sql = sql, re.sub(r"(?<!\w)\((ARRAY\[[^\]]*\]|[\w.]+|'[^']*')\)", r"\1", sql)
    return sql


def _without_parentheses(sql: str) -> str:
    while re.fullmatch(r"\( [^()]* \)", sql):
        sql = sql[2:-2]
    return sql
