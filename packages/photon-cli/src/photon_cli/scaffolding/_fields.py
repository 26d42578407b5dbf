"""`Field`: one field of a model, and the grammar in which the command line names fields.

::

    title                       a string
    body:text                   a type
    nickname:string?            may be null
    slug:string^                unique; ``!`` writes out that it is not null, which is the default
    price:decimal_len:24:8      a type with arguments
    status:enum:draft,published
    author:references           the model Author; the column is author_id
    editor:references:users     the model User, in the role of an editor
    user:references:editor_id   the same, with the name of the column
    parent:references:self?     the same model; may be null, and has to

``?``, ``!`` and ``^`` may follow any part. A ``Field`` has the code that describes the field in
each of the places of an application; code templates put it there.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from typing import Final

import attrs
import inflection

from photon_runtime.generators import GeneratorError

from ._field_types import FieldType, field_type, member_name
from ._names import LONGEST_IDENTIFIER, ModelName, in_ascii
from ._reserved_names import why_not_a_field
from ._sql_words import quoted_column

_NAME: Final = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_TIMESTAMPS: Final = ("created_at", "updated_at")
_SUFFIXES: Final = "?!^"
_LONGEST_LABEL: Final = 20


@attrs.frozen
class Reference:
    """The model that a field refers to.

    Attributes:
        target: The model.
        table: Its table.
        is_self: It is the model that the field belongs to.
    """

    target: ModelName
    table: str
    is_self: bool = False

    @property
    def class_name(self) -> str:
        """The class of the model."""
        return self.target.class_name


@attrs.frozen(kw_only=True)
class Field:
    """A field of a model.

    Attributes:
        name: Name of the field; of a reference, its role: ``author``.
        model: Model that has the field.
        type: Its type.
        is_nullable: The column may be null.
        is_unique: No two rows have the same value.
        reference: The model that it refers to; ``None`` for values.
        is_owner: It refers to the owner of the row, which clients never set.
        has_siblings: Another field refers to the same model.
    """

    name: str
    model: ModelName
    type: FieldType
    is_nullable: bool = False
    is_unique: bool = False
    reference: Reference | None = None
    is_owner: bool = False
    has_siblings: bool = False

    # Names

    @property
    def column(self) -> str:
        """The column, and the attribute of the model that holds its value: ``author_id``."""
        return f"{self.name}_id" if self.reference else self.name

    @property
    def label(self) -> str:
        """The name for people: ``Published at``."""
        text = self.name.replace("_", " ")
        return text[:1].upper() + text[1:]

    @property
    def enum_class(self) -> str:
        """The class of an enumeration, in the module of the model; empty for other fields."""
        if not self.type.values:
            return ""
        return self.model.class_name + inflection.camelize(self.name)

    @property
    def is_client_writable(self) -> bool:
        """Whether clients may set the field."""
        return not self.is_owner

    @property
    def word(self) -> str:
        """The field in the grammar, without its suffixes, for messages."""
        return f"{self.name}:{self.type.name}"

    # The model

    @property
    def python(self) -> str:
        """The annotation of a value that is not null."""
        return self.enum_class or self.type.python

    @property
    def annotation(self) -> str:
        """The annotation of a value: ``str | None``."""
        return f"{self.python} | None" if self.is_nullable else self.python

    @property
    def model_lines(self) -> tuple[str, ...]:
        """The statements of the class of the model, not wrapped."""
        arguments = [*self._model_type()]
        if self.is_unique:
            arguments.append("unique=True")
        elif self.reference:
            arguments.append("index=True")
        made = f" = mapped_column({', '.join(arguments)})" if arguments else ""
        return (f"{self.column}: Mapped[{self.annotation}]{made}",)

    @property
    def relationship_line(self) -> str:
        """The statement of the relationship of a reference, not wrapped; else empty."""
        if self.reference is None:
            return ""
        cls = self.reference.class_name
        optional = f"{cls} | None" if self.is_nullable else cls
        # Always written out: a second reference to the same model must not make this one ambiguous.
        options = [f"foreign_keys=[{self.column}]"]
        if self.reference.is_self:
            options.append(f'remote_side="{cls}.id"')
        return f"{self.name}: Mapped[{optional}] = relationship({', '.join(options)})"

    @property
    def model_imports(self) -> frozenset[str]:
        """The imports that the model needs for the field."""
        found = {self.type.python_import, self.type.column_import}
        if "sa." in "".join(self.model_lines):
            found.add("import sqlalchemy as sa")
        if self.enum_class:
            found |= {"from enum import StrEnum", "from photon_lifeguard.models import enum_type"}
        if "mapped_column(" in "".join(self.model_lines):
            found.add("from sqlalchemy.orm import mapped_column")
        if self.reference:
            found.add("from sqlalchemy.orm import relationship")
        return frozenset(found - {""})

    @property
    def enum_members(self) -> tuple[tuple[str, str], ...]:
        """The members of the enumeration and their values."""
        return tuple((member_name(value), value) for value in self.type.values)

    @property
    def on_delete(self) -> str:
        """What happens to the row when the row that it refers to is deleted."""
        return "SET NULL" if self.is_nullable else "RESTRICT"

    def _model_type(self) -> Sequence[str]:
        if self.reference:
            return (f'sa.ForeignKey("{self.reference.table}.id", ondelete="{self.on_delete}")',)
        if self.enum_class:
            return (f'enum_type({self.enum_class}, name="{self.name}")',)
        return (self.type.column,) if self.type.column else ()

    # Migrations

    @property
    def migration_type(self) -> str:
        """The type of the column in a migration."""
        return self.type.migration.replace("NAME", f'"{self.name}"')

    @property
    def migration_column(self) -> str:
        """The column in a migration, on one line."""
        nullable = f"nullable={self.is_nullable}"
        return f'sa.Column("{self.column}", {self.migration_type}, {nullable})'

    @property
    def migration_imports(self) -> frozenset[str]:
        """The imports of a migration, beside ``sqlalchemy as sa`` and Alembic's ``op``."""
        dialects = re.findall(r"(?<=[ (])(mysql|postgresql)\.", self.type.migration)
        return frozenset(f"from sqlalchemy.dialects import {each}" for each in dialects)

    @property
    def check_name(self) -> str:
        """The name of the check of an enumeration; empty for other fields."""
        return f"ck_{self.model.table}_{self.name}" if self.type.values else ""

    @property
    def check_condition(self) -> str:
        """The condition of that check, in SQL."""
        values = ", ".join(f"'{each}'" for each in self.type.values)
        return f"{quoted_column(self.column)} IN ({values})"

    @property
    def unique_name(self) -> str:
        """The name of the unique constraint; empty without one."""
        return f"uq_{self.model.table}_{self.column}" if self.is_unique else ""

    @property
    def index_name(self) -> str:
        """The name of the index of a reference; empty without one."""
        has_index = self.reference and not self.is_unique
        return f"ix_{self.model.table}_{self.column}" if has_index else ""

    @property
    def foreign_key_name(self) -> str:
        """The name of the foreign key of a reference; empty for other fields."""
        if self.reference is None:
            return ""
        return f"fk_{self.model.table}_{self.column}_{self.reference.table}"

    # Schemas

    @property
    def schema_annotation(self) -> str:
        """The annotation of the member of a schema that clients send."""
        limits = self._limits()
        inner = self.python
        if limits:
            inner = f"Annotated[{inner}, Param({limits})]"
        return f"{inner} | None" if self.is_nullable else inner

    @property
    def schema_line(self) -> str:
        """The same as a statement, with ``None`` as the default of what may be null."""
        default = " = None" if self.is_nullable else ""
        return f"{self.column}: {self.schema_annotation}{default}"

    @property
    def schema_imports(self) -> frozenset[str]:
        """The imports of that line; `enum_class` comes from the module of the model."""
        found = {self.type.python_import}
        annotation = self.schema_annotation
        if "Annotated[" in annotation:
            found.add("from typing import Annotated")
        if "Param(" in annotation:
            found.add("from photon import Param")
        return frozenset(found - {""})

    @property
    def output_line(self) -> str:
        """The member of a schema that clients get: the column without constraints."""
        return f"{self.column}: {self.annotation}"

    @property
    def output_imports(self) -> frozenset[str]:
        """The imports of `output_line`; `enum_class` comes from the module of the model."""
        return frozenset({self.type.python_import} - {""})

    def _limits(self) -> str:
        needs_text = self.type.has_minimum_length and not self.is_nullable
        limits = [
            "min_length=1" if needs_text else "",
            "tz=True" if self.type.must_have_zone else "",
            self.type.limits,
        ]
        return ", ".join(filter(None, limits))

    # Examples

    def example(self, number: int = 1) -> str:
        """Return Python code of a value; different numbers give different values.

        A reference is made by the factory of its model, with the session ``db``.
        """
        return self._example(self.type.example(self._example_label, number))

    @property
    def factory_example(self) -> str:
        """Python code of a value for the variable ``number``, an int from 1."""
        return self._example(self.type.factory(self._example_label))

    @property
    def example_imports(self) -> frozenset[str]:
        """The imports of `example` and `factory_example`; `enum_class` is in the model's module."""
        code = self.factory_example + self.example()
        known = {"dt.": "import datetime as dt", "Decimal(": "from decimal import Decimal"}
        known["UUID("] = "from uuid import UUID"
        return frozenset(line for part, line in known.items() if part in code)

    def wire_example(self, number: int = 1) -> str:
        """Return Python code of the value in JSON, as clients send and get it.

        What a client gets of a reference is the number of the row: ``make_user(db).id``.
        """
        return self._example(self.type.wire(self._example_label, number), is_wire=True)

    @property
    def invalid_example(self) -> str | None:
        """Python code of a JSON value that is refused; ``None`` if all are valid."""
        if self.type.has_minimum_length and self.is_nullable:
            limit = re.search(r"max_length=(\d+)", self.type.limits)
            return f'"x" * {int(limit[1]) + 1}' if limit else "1"
        return self.type.invalid

    @property
    def _example_label(self) -> str:
        return self.label[:_LONGEST_LABEL].strip()

    def _example(self, code: str, *, is_wire: bool = False) -> str:
        if self.reference:
            is_endless = self.reference.is_self
            return "None" if is_endless else f"{self.reference.target.factory}(db).id"
        if self.enum_class and not is_wire:
            return f"{self.enum_class}.{code}"
        return code

    # Forms

    @property
    def input(self) -> str:
        """The kind of the HTML input, see `FieldType.input`."""
        return self.type.input

    @property
    def is_required(self) -> bool:
        """Whether a client must send a value."""
        return not self.is_nullable and self.is_client_writable


_REFERENCE_TYPE: Final = FieldType(
    name="references",
    python="int",
    migration="sa.Integer()",
    limits="ge=1, le=2147483647",
    input="number",
    step="1",
    server_default="",
    example=lambda _label, number: str(number),
    factory=lambda _label: "number",
    wire=lambda _label, number: str(number),
    invalid='"x"',
)


def parse_fields(
    model: ModelName,
    words: Sequence[str],
    *,
    tables: Mapping[str, str] | None = None,
    owner: str | None = None,
    has_timestamps: bool = True,
) -> tuple[Field, ...]:
    """Return the fields that words of the command line name.

    Args:
        model: Model that has the fields.
        words: Words such as ``title:string``.
        tables: Tables of the models that exist, by their classes; ``None`` permits references to
            every model.
        owner: Name of the reference to the owner of a row; by default ``owner``, if there is one.
        has_timestamps: The model has ``created_at`` and ``updated_at`` without a field.

    Raises:
        GeneratorError: A word is invalid, or two do not fit together; the message says what to
            write.
    """
    fields = [_parse(model, word, tables, has_timestamps=has_timestamps) for word in words]
    _check_duplicates(model, fields)
    for field in fields:
        _check_lengths(field)
    return tuple(_related(each, fields, owner) for each in _with_owner_check(fields, owner))


def _parse(
    model: ModelName, word: str, tables: Mapping[str, str] | None, *, has_timestamps: bool
) -> Field:
    parts, suffixes = _split(word)
    name, kind, arguments = parts[0], (parts[1:2] or ["string"])[0], tuple(parts[2:])
    is_nullable, is_unique = "?" in suffixes, "^" in suffixes
    if is_nullable and "!" in suffixes:
        raise GeneratorError(f"{word}: ? (may be null) and ! (not null) exclude each other")
    if kind == "references":
        return _parse_reference(
            model, word, name, arguments, tables, is_nullable=is_nullable, is_unique=is_unique
        )
    _check_name(name, word, has_timestamps=has_timestamps)
    _refuse_password(name, kind)
    type_ = field_type(kind, arguments, field=name)
    if is_unique and not type_.can_be_unique:
        raise GeneratorError(f"{word}: the type {kind} cannot be unique; leave out the ^")
    return Field(name=name, model=model, type=type_, is_nullable=is_nullable, is_unique=is_unique)


def _split(word: str) -> tuple[list[str], set[str]]:
    parts, suffixes = [], set()
    for part in word.split(":"):
        plain = part.rstrip(_SUFFIXES)
        if not plain:
            raise GeneratorError(
                f"{word!r} is not a field: write name:type, such as title:string, with ? for a "
                "field that may be null and ^ for a unique one"
            )
        suffixes |= set(part[len(plain) :])
        parts.append(plain)
    return parts, suffixes


def _check_name(name: str, word: str, *, has_timestamps: bool) -> None:
    if not _NAME.fullmatch(name):
        plain = re.sub(r"[^a-z0-9]+", "_", inflection.underscore(in_ascii(name))).strip("_")
        hint = plain if _NAME.fullmatch(plain) else "title"
        raise GeneratorError(
            f"{word}: the name of a field consists of the letters a to z, digits and underscores, "
            f"and begins with a letter, as in {word.replace(name, hint, 1)}"
        )
    if name == "id":
        raise GeneratorError(f"{word}: every model has the primary key id; leave out the field")
    if has_timestamps and name in _TIMESTAMPS:
        raise GeneratorError(
            f"{word}: the model has {name} by itself; leave it out, or add --without-timestamps"
        )
    reason = why_not_a_field(name)
    if reason is not None:
        raise GeneratorError(
            f"{word}: a field cannot be called {name}: {reason}; use another name, such as "
            f"{word.replace(name, f'{name}_value', 1)}"
        )


def _refuse_password(name: str, kind: str) -> None:
    if kind == "password" or (kind in ("string", "text") and name in ("password", "passwd")):
        raise GeneratorError(
            f"{name}: a password is stored as its hash, and never sent; write "
            "password_hash:string, and set it with photon_router's hash_password"
        )


def _parse_reference(
    model: ModelName,
    word: str,
    name: str,
    arguments: tuple[str, ...],
    tables: Mapping[str, str] | None,
    *,
    is_nullable: bool,
    is_unique: bool,
) -> Field:
    if len(arguments) > 1:
        raise GeneratorError(
            f"{word}: write {name}:references, or with the model {name}:references:users"
        )
    target = arguments[0] if arguments else ""
    role = name
    if target.endswith("_id"):
        role, target = target.removesuffix("_id"), name
    if role.endswith("_id"):
        raise GeneratorError(
            f"{word}: the column of a reference gets its _id by itself; write "
            f"{word.replace(role, role.removesuffix('_id'), 1)}"
        )
    _check_name(role, word, has_timestamps=True)
    reference = _target(model, role, target, tables)
    if reference.is_self and not is_nullable:
        raise GeneratorError(f"{word}: the first row could not refer to another one; write {word}?")
    return Field(
        name=role,
        model=model,
        type=_REFERENCE_TYPE,
        is_nullable=is_nullable,
        is_unique=is_unique,
        reference=reference,
    )


def _target(
    model: ModelName, role: str, target: str, tables: Mapping[str, str] | None
) -> Reference:
    if target == "self":
        return Reference(model, model.table, is_self=True)
    name = ModelName.parse(target or role)
    if name.class_name == model.class_name:
        return Reference(model, model.table, is_self=True)
    if tables is None or name.class_name in tables:
        return Reference(name, (tables or {}).get(name.class_name, name.table))
    if role == "parent" and not target:
        return Reference(model, model.table, is_self=True)
    close = difflib.get_close_matches(name.class_name, tables, 1, 0.7)
    similar = f"; do you mean {role}:references:{close[0]}?" if close else ""
    other = "" if target else f", or name the model that it refers to: {role}:references:users"
    raise GeneratorError(
        f"{role}: the model {name.class_name} does not exist{similar}; generate it first: "
        f"photon generate model {name.singular} name:string{other}"
    )


def _check_duplicates(model: ModelName, fields: Sequence[Field]) -> None:
    seen: dict[str, Field] = {}
    for field in fields:
        for name in {field.name, field.column}:
            if name in seen:
                raise GeneratorError(
                    f"{seen[name].word} and {field.word} would both be {name} of "
                    f"{model.class_name}; rename one of them"
                )
            seen[name] = field
    classes = {each.reference.class_name for each in fields if each.reference}
    for field in fields:
        if field.enum_class and field.enum_class in classes | {model.class_name}:
            raise GeneratorError(
                f"{field.word}: its class would be {field.enum_class}, which is a model; use "
                "another name"
            )


def _check_lengths(field: Field) -> None:
    names = (
        field.column,
        field.check_name,
        field.unique_name,
        field.index_name,
        field.foreign_key_name,
    )
    for name in names:
        if len(name) > LONGEST_IDENTIFIER:
            raise GeneratorError(
                f"{field.word}: the name {name} has {len(name)} bytes, and PostgreSQL permits "
                f"{LONGEST_IDENTIFIER}; use a shorter name for the field or the model"
            )


def _with_owner_check(fields: Sequence[Field], owner: str | None) -> Sequence[Field]:
    if owner is None:
        return fields
    names = [field.name for field in fields if field.reference]
    if owner.removesuffix("_id") not in names:
        raise GeneratorError(
            f"--owner {owner}: it is not a reference of the model; the references are "
            f"{', '.join(names) or 'none'}. Add {owner}:references:users, for example"
        )
    return fields


def _related(field: Field, fields: Sequence[Field], owner: str | None) -> Field:
    if field.reference is None:
        return field
    owner_name = "owner" if owner is None else owner.removesuffix("_id")
    target = field.reference.class_name
    others = [each for each in fields if each.reference and each.reference.class_name == target]
    return attrs.evolve(field, is_owner=field.name == owner_name, has_siblings=len(others) > 1)
