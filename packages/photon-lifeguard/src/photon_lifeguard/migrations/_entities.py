"""Models from the tables of an existing database: `entities`.

The text is a module with a class for each table that has a primary key, in the style of SQLAlchemy
2, and a `sqlalchemy.Table` for each other one. Compared with the database it was made from, it has
no differences.
"""

from __future__ import annotations

import datetime as dt
import decimal
import keyword
import re
import uuid
import warnings
from collections.abc import Iterator
from typing import Any

from alembic.autogenerate.api import AutogenContext
from alembic.runtime.migration import MigrationContext
from sqlalchemy import (
    CheckConstraint,
    Column,
    Connection,
    Enum,
    ForeignKeyConstraint,
    MetaData,
    Table,
    UniqueConstraint,
)
from sqlalchemy.exc import SAWarning
from sqlalchemy.schema import Constraint
from sqlalchemy.types import NullType, TypeEngine

from photon_runtime.code_formatting import formatted

from ..database import Database
from ._engine import migration_engine
from ._log import OWN_TABLES
from ._rendering import rendered_type

_PYTHON: dict[type, str] = {
    dt.datetime: "dt.datetime",
    dt.date: "dt.date",
    dt.time: "dt.time",
    dt.timedelta: "dt.timedelta",
    decimal.Decimal: "decimal.Decimal",
    uuid.UUID: "uuid.UUID",
    int: "int",
    str: "str",
    bool: "bool",
    float: "float",
    bytes: "bytes",
    list: "list[Any]",
}
_IMPLIED = {
    "int": "sa.Integer()",
    "str": "sa.String()",
    "bool": "sa.Boolean()",
    "bytes": "sa.LargeBinary()",
    "dt.datetime": "sa.DateTime()",
    "dt.date": "sa.Date()",
    "dt.time": "sa.Time()",
    "dt.timedelta": "sa.Interval()",
    "decimal.Decimal": "sa.Numeric()",
    "uuid.UUID": "sa.Uuid()",
}
_RESERVED = frozenset(["metadata", "registry"])


def entities(database: Database) -> str:
    """Return the source of models for the tables of a database.

    Args:
        database: The database.

    Blocks: the thread, while the tables are read.
    """
    with migration_engine(database) as engine, engine.connect() as connection:
        metadata = MetaData()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SAWarning)
            metadata.reflect(connection, only=lambda name, _: name not in OWN_TABLES)
        return _Writer(connection, metadata).source()


class _Writer:
    """Writes the module."""

    def __init__(self, connection: Connection, metadata: MetaData) -> None:
        self._dialect = connection.dialect
        self._context = AutogenContext(
            MigrationContext.configure(connection),
            opts={"sqlalchemy_module_prefix": "sa.", "user_module_prefix": None},
        )
        self._tables = metadata.sorted_tables
        self._classes = _class_names(self._tables)

    def source(self) -> str:
        """Return the text of the module."""
        body = [self._table(table) for table in self._tables]
        code = "\n\n\n".join(body)
        return "\n".join([*self._head(code), *([code, ""] if code else [])])

    def _head(self, code: str) -> Iterator[str]:
        yield '"""Models of an existing database, written by `photon db entities`."""\n'
        yield "from __future__ import annotations\n"
        modules = [name for name in ("decimal", "uuid") if f"{name}." in code]
        lines = [f"import {name}" for name in modules]
        lines += ["import datetime as dt"] if "dt." in code else []
        lines = sorted(lines)
        lines += ["from typing import Any"] if re.search(r"\bAny\b", code) else []
        yield from lines
        if lines:
            yield ""
        yield "import sqlalchemy as sa"
        dialects = sorted(each for each in self._context.imports if "dialects" in each)
        yield from (each for each in dialects if each.rsplit(" ", 1)[-1] + "." in code)
        names = [
            each
            for each in ("DeclarativeBase", "Mapped", "mapped_column", "relationship")
            if each == "DeclarativeBase" or re.search(rf"\b{each}\b", code)
        ]
        yield f"from sqlalchemy.orm import {', '.join(names)}\n\n"
        yield 'class Base(DeclarativeBase):\n    """Base of the models."""\n\n'

    def _table(self, table: Table) -> str:
        if not table.primary_key.columns:
            return self._plain_table(table)
        lines = [f"class {self._classes[table.name]}(Base):", f'"""A row of {table.name}."""', ""]
        lines.append(f"__tablename__ = {table.name!r}")
        arguments = list(self._arguments(table))
        if arguments:
            lines.append(f"__table_args__ = ({', '.join(arguments)},)")
        lines.append("")
        lines += [self._column(column) for column in table.columns]
        links = list(self._relationships(table))
        lines += ["", *links] if links else []
        head, *rest = lines
        shown = [formatted(line, indent=4) if "=" in line else line for line in rest]
        return "\n".join([head, *(_indented(line) for line in shown)])

    def _plain_table(self, table: Table) -> str:
        """Return a table without a primary key, of which there are no objects."""
        items = [f"sa.Column({each.name!r}, {self._options(each)})" for each in table.columns]
        items += self._arguments(table)
        name = _identifier(table.name)
        return formatted(f"{name} = sa.Table({table.name!r}, Base.metadata, {', '.join(items)})")

    def _column(self, column: Column[Any]) -> str:
        python = self._python(column.type)
        attribute = _identifier(column.name)
        name = f"{column.name!r}, " if attribute != column.name else ""
        shown = f"{python} | None" if column.nullable else python
        options = self._options(column, implied=_IMPLIED.get(python))
        if column.primary_key:
            options = ", ".join(filter(None, [options, "primary_key=True"]))
            if column.autoincrement is False:
                options += ", autoincrement=False"
        made = f" = mapped_column({name}{options})" if name or options else ""
        return f"{attribute}: Mapped[{shown}]{made}"

    def _options(self, column: Column[Any], *, implied: str | None = None) -> str:
        parts = [self._type(column.type)]
        if implied == parts[0]:
            parts.clear()
        foreign = [each for each in column.foreign_keys if self._is_simple(each.constraint)]
        for key in foreign:
            parts.append(self._foreign_key(key.constraint))
        if column.computed is not None:
            text = str(column.computed.sqltext)
            parts.append(f"sa.Computed({text!r}, persisted={column.computed.persisted!r})")
        elif column.server_default is not None and not self._is_sequence(column):
            default = getattr(column.server_default, "arg", None)
            if default is not None:
                parts.append(f"server_default=sa.text({str(default)!r})")
        if column.comment:
            parts.append(f"comment={column.comment!r}")
        return ", ".join(parts)

    def _is_sequence(self, column: Column[Any]) -> bool:
        return "nextval(" in str(getattr(column.server_default, "arg", ""))

    def _type(self, type_: TypeEngine[Any]) -> str:
        return rendered_type(self._general(type_), self._context)

    def _general(self, type_: TypeEngine[Any]) -> TypeEngine[Any]:
        """Return the type of SQLAlchemy that is the same here, if there is one."""
        if isinstance(type_, NullType):
            return type_
        try:
            general = type_.as_generic()
            is_same = general.compile(self._dialect) == type_.compile(self._dialect)
        except Exception:  # types of dialects that have no general one
            return type_
        return general if is_same else type_

    def _python(self, type_: TypeEngine[Any]) -> str:
        if isinstance(type_, Enum):
            return "str"
        try:
            python = self._general(type_).python_type
        except NotImplementedError:
            return "Any"
        return _PYTHON.get(python, "Any")

    def _arguments(self, table: Table) -> Iterator[str]:
        """Yield what belongs to the table and not to one column."""
        for constraint in sorted(table.constraints, key=_order):
            shown = self._constraint(constraint)
            if shown:
                yield shown
        for index in sorted(table.indexes, key=lambda index: str(index.name)):
            columns = [repr(each.name) for each in index.columns]
            options = ["unique=True"] if index.unique else []
            condition = index.dialect_kwargs.get(f"{self._dialect.name}_where")
            if condition is not None:
                options.append(f"{self._dialect.name}_where=sa.text({str(condition)!r})")
            yield f"sa.Index({', '.join([repr(index.name), *columns, *options])})"

    def _constraint(self, constraint: Constraint) -> str | None:
        name = f", name={constraint.name!r}" if constraint.name else ""
        if isinstance(constraint, UniqueConstraint):
            columns = ", ".join(repr(each.name) for each in constraint.columns)
            return f"sa.UniqueConstraint({columns}{name})"
        if isinstance(constraint, CheckConstraint):
            return f"sa.CheckConstraint({str(constraint.sqltext)!r}{name})"
        if isinstance(constraint, ForeignKeyConstraint) and not self._is_simple(constraint):
            names = [each.name for each in constraint.columns]
            targets = [each.target_fullname for each in constraint.elements]
            return f"sa.ForeignKeyConstraint({names!r}, {targets!r}{name}{_rules(constraint)})"
        return None

    def _is_simple(self, constraint: Constraint | None) -> bool:
        return isinstance(constraint, ForeignKeyConstraint) and len(constraint.elements) == 1

    def _foreign_key(self, constraint: Any) -> str:
        name = f", name={constraint.name!r}" if constraint.name else ""
        target = constraint.elements[0].target_fullname
        return f"sa.ForeignKey({target!r}{name}{_rules(constraint)})"

    def _relationships(self, table: Table) -> Iterator[str]:
        """Yield an attribute for each row that a foreign key refers to."""
        used = {_identifier(column.name) for column in table.columns}
        keys = [each for each in table.foreign_key_constraints if self._is_simple(each)]
        for key in sorted(keys, key=_order):
            column, target = next(iter(key.columns)), key.referred_table
            name = column.name.removesuffix("_id")
            if name in used or target.name not in self._classes or not target.primary_key.columns:
                continue
            used.add(name)
            cls = self._classes[target.name]
            shown = f"{cls} | None" if column.nullable else cls
            options = [f"foreign_keys=[{_identifier(column.name)}]"]
            if target is table:
                (key_column,) = [_identifier(each.column.name) for each in key.elements]
                options.append(f"remote_side=[{key_column}]")
            yield f"{_identifier(name)}: Mapped[{shown}] = relationship({', '.join(options)})"


def _rules(constraint: ForeignKeyConstraint) -> str:
    rules = ("onupdate", "ondelete", "deferrable", "initially")
    values = {name: getattr(constraint, name) for name in rules}
    return "".join(f", {name}={value!r}" for name, value in values.items() if value)


def _order(constraint: Constraint) -> tuple[str, str]:
    columns = getattr(constraint, "columns", ())
    return str(constraint.name or ""), ",".join(str(each.name) for each in columns)


def _class_names(tables: list[Table]) -> dict[str, str]:
    names: dict[str, str] = {}
    for table in tables:
        name = "".join(part.capitalize() for part in re.split(r"\W|_", _singular(table.name)))
        name = name if name.isidentifier() else f"Table{name}"
        while name in names.values() or name in ("Base", "Any"):
            name += "Row"
        names[table.name] = name
    return names


def _singular(name: str) -> str:
    """Return a table's name as the name of a row; English, as far as rules go."""
    for ending, replacement in (("ies", "y"), ("sses", "ss"), ("xes", "x"), ("ches", "ch")):
        if name.endswith(ending) and len(name) > len(ending) + 1:
            return name.removesuffix(ending) + replacement
    return name[:-1] if name.endswith("s") and not name.endswith(("ss", "us", "is")) else name


def _identifier(name: str) -> str:
    """Return a name for Python: the same one where possible."""
    made = re.sub(r"\W", "_", name)
    made = f"_{made}" if made[:1].isdigit() else made
    return f"{made}_" if keyword.iskeyword(made) or made in _RESERVED else made


def _indented(text: str) -> str:
    return "\n".join(f"    {line}" if line else line for line in text.split("\n"))
