"""Alembic's operations as Python statements that depend on nothing but SQLAlchemy and Alembic.

A migration outlives the code of the application. So a type of the application is written as the
types of SQLAlchemy that it stands for, one for each kind of database where they differ; and a
default such as ``func.now()`` stays one, instead of the text that one kind of database has for it.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from typing import Any, Literal, cast

from alembic.autogenerate.api import AutogenContext
from alembic.autogenerate.render import _repr_type, render_op_text
from alembic.operations.ops import (
    AlterColumnOp,
    CreateIndexOp,
    CreatePrimaryKeyOp,
    MigrateOperation,
    RenameTableOp,
)
from alembic.runtime.migration import MigrationContext
from sqlalchemy import (
    Boolean,
    Connection,
    DefaultClause,
    Dialect,
    Enum,
    TypeDecorator,
    create_mock_engine,
)
from sqlalchemy.sql import functions
from sqlalchemy.sql.elements import False_, True_
from sqlalchemy.types import TypeEngine
from sqlalchemy.util import immutabledict

from photon_runtime.code_formatting import formatted

from ._enum_changes import DropEnum, PostgresqlOnly

_DIALECTS = ("postgresql", "mysql", "sqlite")


def render(connection: Connection, operations: Iterable[MigrateOperation]) -> tuple[str, set[str]]:
    """Return the statements for operations, and the imports that they need.

    Args:
        connection: Connection to a database of the kind that the models were compared with.
        operations: Operations.
    """
    context = MigrationContext.configure(connection)
    autogen = AutogenContext(
        context,
        opts={
            "sqlalchemy_module_prefix": "sa.",
            "alembic_module_prefix": "op.",
            "user_module_prefix": None,
            "render_as_batch": False,
            "render_item": _render_item,
        },
    )
    lines = [_statement(autogen, each) for each in operations]
    imports = {each for each in autogen.imports if each.startswith(("import ", "from "))}
    return formatted("\n".join(lines), indent=4), imports


def _statement(context: AutogenContext, operation: MigrateOperation) -> str:
    if isinstance(operation, PostgresqlOnly):
        return (
            'if op.get_context().dialect.name == "postgresql":\n'
            f"    op.execute({str(operation.sqltext)!r})"
        )
    if isinstance(operation, DropEnum):
        schema = f", schema={operation.schema!r}" if operation.schema else ""
        return f"sa.Enum(name={operation.name!r}{schema}).drop(op.get_bind(), checkfirst=True)"
    if isinstance(operation, CreatePrimaryKeyOp):
        schema = f", schema={operation.schema!r}" if operation.schema else ""
        names = f"{operation.constraint_name!r}, {operation.table_name!r}"
        return f"op.create_primary_key({names}, {list(operation.columns)!r}{schema})"
    if isinstance(operation, RenameTableOp):
        schema = f", schema={operation.schema!r}" if operation.schema else ""
        return f"op.rename_table({operation.table_name!r}, {operation.new_table_name!r}{schema})"
    text = render_op_text(context, operation)
    if isinstance(operation, CreateIndexOp):
        return text.replace(", unique=False", "")
    using = operation.kw.get("postgresql_using") if isinstance(operation, AlterColumnOp) else None
    if using is not None:
        text = f"{text[:-1]}, postgresql_using={using!r})"
    return text


def _render_item(kind: str, item: Any, context: AutogenContext) -> str | Literal[False]:
    if kind == "type":
        return _render_type(item, context)
    if kind == "server_default":
        return _render_default(item, context)
    return False


def _render_default(default: Any, context: AutogenContext) -> str | Literal[False]:
    if not isinstance(default, DefaultClause):
        return False
    value = default.arg
    if isinstance(value, str):
        return repr(value)
    if isinstance(value, True_ | False_):
        return f"sa.{'true' if isinstance(value, True_) else 'false'}()"
    if isinstance(value, functions.now | functions.current_timestamp):
        return f"sa.func.{value.name.lower()}()"
    if isinstance(value, functions.FunctionElement) and not list(value.clauses):
        return _render_function(value, context)
    return False


def _render_function(
    function: functions.FunctionElement[Any], context: AutogenContext
) -> str | Literal[False]:
    """Return a function that has a text of its own for each kind of database, such as `utc_now`."""
    cls = type(function)
    parts = cls.__module__.split(".")
    public = [part for part in parts if not part.startswith("_")]
    module = ".".join(parts[: len(public)])
    if parts[0] == "sqlalchemy" or not hasattr(sys.modules.get(module), cls.__name__):
        return False
    context.imports.add(f"from {module} import {cls.__name__}")
    return f"{cls.__name__}()"


def rendered_type(type_: TypeEngine[Any], context: AutogenContext) -> str:
    """Return the constructor of a type; what it imports is added to ``context``."""
    return _render_type(type_, context) or _repr_type(type_, context)


def _render_type(type_: TypeEngine[Any], context: AutogenContext) -> str | Literal[False]:
    variants: Any = type_._variant_mapping
    if variants:
        return _with_variants(type_, variants, context)
    module = type(type_).__module__
    if module.startswith("sqlalchemy.dialects."):
        name = module.split(".")[2]
        context.imports.add(f"from sqlalchemy.dialects import {name}")
        return f"{name}.{_repr(type_)}"
    if module.startswith("sqlalchemy."):
        if isinstance(type_, Enum | Boolean) and type_.create_constraint:
            return _repr_type(_without_check(type_), context)
        return False
    if isinstance(type_, TypeDecorator):
        return _render_decorated(type_, context)
    context.imports.add(f"import {module}")
    return f"{module}.{type_!r}"


def _with_variants(type_: TypeEngine[Any], variants: Any, context: AutogenContext) -> str:
    base = type_.copy()
    base._variant_mapping = immutabledict()
    shown = _repr_type(base, context)
    for name, variant in variants.items():
        shown += f'.with_variant({_repr_type(variant, context)}, "{name}")'
    return shown


def _without_check(type_: Enum | Boolean) -> TypeEngine[Any]:
    """Return a type without its check, which migrations write as a constraint with a name."""
    copy: Any = type_.copy()  # type: ignore[no-untyped-call]  # of SQLAlchemy
    copy.create_constraint = False
    return cast("TypeEngine[Any]", copy)


def _repr(type_: TypeEngine[Any]) -> str:
    """Return the constructor of a type of a dialect; its arguments may be types of SQLAlchemy."""
    shown = re.sub(r"(, )?astext_type=Text\(\)", "", repr(type_))
    return re.sub(r"(?<=[(=\[ ])(?=[A-Z]\w*\()", "sa.", shown)


def _render_decorated(type_: TypeDecorator[Any], context: AutogenContext) -> str:
    """Return the types that a type of the application stands for."""
    general = _plain(type_.impl_instance)
    shown = _repr_type(general, context)
    for name in _DIALECTS:
        dialect = _dialect(name)
        own = _plain(type_.load_dialect_impl(dialect))
        if own.compile(dialect) != general.compile(dialect):
            shown += f'.with_variant({_repr_type(_public(own), context)}, "{name}")'
    return shown


def _public(type_: TypeEngine[Any]) -> TypeEngine[Any]:
    """Return a type as the class that the library documents: dialects use private subclasses."""
    for cls in type(type_).__mro__:
        module = ".".join(cls.__module__.split(".")[:3])
        is_of_dialect = module.startswith("sqlalchemy.dialects.")
        if cls is type(type_) and not cls.__name__.startswith("_"):
            return type_
        if cls.__module__ == "sqlalchemy.sql.sqltypes" or (
            is_of_dialect and hasattr(sys.modules[module], cls.__name__)
        ):
            return type_.adapt(cls)
    return type_


def _plain(type_: TypeEngine[Any]) -> TypeEngine[Any]:
    while isinstance(type_, TypeDecorator):
        type_ = type_.impl_instance
    return type_


def _dialect(name: str) -> Dialect:
    dialect: Dialect = create_mock_engine(f"{_ADDRESSES[name]}://", lambda *_: None).dialect
    return dialect


_ADDRESSES = {"postgresql": "postgresql+psycopg", "mysql": "mysql+pymysql", "sqlite": "sqlite"}
