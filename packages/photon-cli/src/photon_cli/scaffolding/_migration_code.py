"""The statements of migrations, as ``photon db revision`` writes them.

Theory of operation. A migration that adds a column works on a table with rows, or fails as a whole
and names what to do. A column that may be null is simply added. A column that may not be null, of a
type that has an obvious empty value, is added with that value as the default of the database, and
the default is dropped again: rows that exist get the value, and later INSERTs must name one. A
reference, a unique column and binary data have no such value; these migrations count the rows
first, and apply to an empty table only.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from typing import Final

import attrs

from photon_runtime.code_formatting import formatted

from ._field_types import MOMENT
from ._fields import Field
from ._names import ModelName

_UTC_NOW: Final = "from photon_lifeguard.models import utc_now"
_INDENT: Final = 4


@attrs.frozen
class MigrationCode:
    """The two functions of a migration.

    Attributes:
        upgrade: Statements, formatted and not indented.
        downgrade: The same for the way back.
        imports: Imports beside those of ``sa`` and ``op``.
    """

    upgrade: str
    downgrade: str
    imports: frozenset[str] = frozenset()


def create_table(
    model: ModelName, fields: Sequence[Field], *, has_timestamps: bool
) -> MigrationCode:
    """Return the migration that creates the table of a model."""
    table = model.table
    parts = [
        f'"{table}"',
        'sa.Column("id", sa.Integer(), nullable=False)',
        *(field.migration_column for field in fields),
        *(_TIMESTAMP.format(name) for name in ("created_at", "updated_at") if has_timestamps),
        *(_check(field) for field in fields if field.check_name),
        *sorted(_foreign_key(field) for field in fields if field.foreign_key_name),
        f'sa.PrimaryKeyConstraint("id", name=op.f("pk_{table}"))',
        *sorted(_unique(field) for field in fields if field.unique_name),
    ]
    indexes = sorted(field.index_name for field in fields if field.index_name)
    by_name = {field.index_name: field for field in fields}
    statements = [
        f"op.create_table({', '.join(parts)})",
        *(_create_index(by_name[name]) for name in indexes),
    ]
    imports = _imports(fields)
    if has_timestamps:
        imports |= {"from sqlalchemy.dialects import mysql", _UTC_NOW}
    return MigrationCode(_code(statements), f'op.drop_table("{table}")', imports)


def create_join_table(table: str, first: ModelName, second: ModelName) -> MigrationCode:
    """Return the migration that creates the table between two models."""
    columns = [(f"{each.singular}_id", each.table) for each in (first, second)]
    parts = [
        f'"{table}"',
        *(f'sa.Column("{column}", sa.Integer(), nullable=False)' for column, _ in columns),
        *(
            f'sa.ForeignKeyConstraint(["{column}"], ["{target}.id"], '
            f'name=op.f("fk_{table}_{column}_{target}"), ondelete="CASCADE")'
            for column, target in columns
        ),
        f'sa.PrimaryKeyConstraint("{columns[0][0]}", "{columns[1][0]}", name=op.f("pk_{table}"))',
    ]
    index = f"ix_{table}_{columns[1][0]}"
    statements = [
        f"op.create_table({', '.join(parts)})",
        f'op.create_index(op.f("{index}"), "{table}", ["{columns[1][0]}"])',
    ]
    return MigrationCode(_code(statements), f'op.drop_table("{table}")')


def add_columns(table: str, fields: Sequence[Field]) -> MigrationCode:
    """Return the migration that adds columns."""
    up, down = _added(table, fields), _dropped(table, fields)
    return MigrationCode(up, down, _imports(fields) | _default_imports(fields))


def drop_columns(table: str, fields: Sequence[Field]) -> MigrationCode:
    """Return the migration that drops columns."""
    up, down = _dropped(table, fields), _added(table, fields)
    return MigrationCode(up, down, _imports(fields) | _default_imports(fields))


def rename_column(table: str, old: Field, new: Field) -> MigrationCode:
    """Return the migration that renames a column, with what is named after it."""
    up = _renamed(table, old, new)
    return MigrationCode(_code(up), _code(_renamed(table, new, old)), _imports([old]))


def _added(table: str, fields: Sequence[Field]) -> str:
    up: list[str] = []
    checked = [field for field in fields if _needs_empty_table(field)]
    for field in fields:
        default = _default(field)
        column = field.migration_column
        if default:
            column = f"{column[:-1]}, server_default={default})"
        up.append(f'op.add_column("{table}", {column})')
        if default:
            up.append(
                f'op.alter_column("{table}", "{field.column}", '
                f"existing_type={field.migration_type}, existing_nullable=False, "
                "server_default=None)"
            )
        up += _constraints(table, field)
    code = _code(up)
    return f"{_row_check(table, checked)}\n{code}" if checked else code


def _dropped(table: str, fields: Sequence[Field]) -> str:
    down = []
    for field in reversed(fields):
        down += _without_constraints(table, field)
        down.append(f'op.drop_column("{table}", "{field.column}")')
    return _code(down)


def _renamed(table: str, old: Field, new: Field) -> list[str]:
    return [
        *_without_constraints(table, old),
        f'op.alter_column("{table}", "{old.column}", new_column_name="{new.column}", '
        f"existing_type={old.migration_type}, existing_nullable={old.is_nullable})",
        *_constraints(table, new),
    ]


def _constraints(table: str, field: Field) -> list[str]:
    made = []
    if field.check_name:
        condition = _text(field.check_condition)
        made.append(
            f'op.create_check_constraint(op.f("{field.check_name}"), "{table}", {condition})'
        )
    if field.unique_name:
        made.append(
            f'op.create_unique_constraint(op.f("{field.unique_name}"), "{table}", '
            f'["{field.column}"])'
        )
    if field.index_name:
        made.append(_create_index(field))
    if field.reference:
        made.append(
            f'op.create_foreign_key(op.f("{field.foreign_key_name}"), "{table}", '
            f'"{field.reference.table}", ["{field.column}"], ["id"], '
            f'ondelete="{field.on_delete}")'
        )
    return made


def _without_constraints(table: str, field: Field) -> list[str]:
    names = (
        (field.foreign_key_name, "foreignkey"),
        (field.unique_name, "unique"),
        (field.check_name, "check"),
    )
    made = [
        f'op.drop_constraint(op.f("{name}"), "{table}", type_="{kind}")'
        for name, kind in names
        if name
    ]
    if field.index_name:
        made.insert(1, f'op.drop_index(op.f("{field.index_name}"), table_name="{table}")')
    return made


def _needs_empty_table(field: Field) -> bool:
    return not field.is_nullable and (field.is_unique or not field.type.server_default)


def _default(field: Field) -> str:
    """Return what rows that exist get in a new column; empty if there is nothing to give."""
    if field.is_nullable or _needs_empty_table(field):
        return ""
    return field.type.server_default


def _default_imports(fields: Iterable[Field]) -> frozenset[str]:
    uses_now = any(_default(field) == MOMENT for field in fields)
    return frozenset({_UTC_NOW} if uses_now else ())


def _row_check(table: str, fields: Sequence[Field]) -> str:
    columns = " and ".join(field.column for field in fields)
    message = (
        f" rows of {table} would not have a value for {columns}: let this migration add the column "
        "as nullable, fill it, and set it to NOT NULL afterwards, or delete the rows"
    )
    lines = textwrap.wrap(message, 80, drop_whitespace=False)
    return "\n".join(
        [
            f'count = sa.select(sa.func.count()).select_from(sa.table("{table}"))',
            "rows = 0 if op.get_context().as_sql else op.get_bind().scalar(count)",
            "if rows:",
            "    raise RuntimeError(",
            '        f"{rows}"',
            *(f'        "{line}"' for line in lines),
            "    )",
        ]
    )


_TIMESTAMP: Final = (
    'sa.Column("{0}", sa.DateTime().with_variant(sa.DateTime(timezone=True), "postgresql")'
    '.with_variant(mysql.DATETIME(fsp=6), "mysql"), server_default=utc_now(), nullable=False)'
)


def _check(field: Field) -> str:
    condition = _text(field.check_condition)
    return f'sa.CheckConstraint({condition}, name=op.f("{field.check_name}"))'


def _foreign_key(field: Field) -> str:
    target = field.reference.table if field.reference else ""
    return (
        f'sa.ForeignKeyConstraint(["{field.column}"], ["{target}.id"], '
        f'name=op.f("{field.foreign_key_name}"), ondelete="{field.on_delete}")'
    )


def _unique(field: Field) -> str:
    return f'sa.UniqueConstraint("{field.column}", name=op.f("{field.unique_name}"))'


def _create_index(field: Field) -> str:
    table = field.model.table
    return f'op.create_index(op.f("{field.index_name}"), "{table}", ["{field.column}"])'


def _text(text: str) -> str:
    return "'" + text + "'" if '"' in text and "'" not in text else repr(text)


def _imports(fields: Iterable[Field]) -> frozenset[str]:
    return frozenset[str]().union(*(field.migration_imports for field in fields))


def _code(statements: Sequence[str]) -> str:
    return formatted("\n".join(statements), indent=_INDENT)
