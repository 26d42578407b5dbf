"""The types of fields: what each is in the model, in a migration, in a schema, and as an example.

Models write SQLAlchemy's types as ``sa.String``: a model may then be called ``Text`` or ``Index``
itself. Migrations have the types that those of the application stand for, as ``photon db revision``
writes them.

Whole numbers have the limits of their columns in the schema, so that a number that is too large is
a 422 and not an error of the database. The databases have no unsigned integers in common: the
unsigned types are the signed ones, from zero.
"""

from __future__ import annotations

import base64
import difflib
import json
import re
from collections.abc import Callable
from types import MappingProxyType
from typing import Final

import attrs

from photon_runtime.generators import GeneratorError

_DATETIME: Final = (
    'sa.DateTime().with_variant(sa.DateTime(timezone=True), "postgresql")'
    '.with_variant(mysql.DATETIME(fsp=6), "mysql")'
)
_JSON: Final = (
    'sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")'
)
MOMENT: Final = "utc_now()"
"""What rows that exist get in a new column of times; its import is ``photon_lifeguard.models``."""

_ENUM_LENGTH: Final = 50
_DIGITS: Final = 6  # of numbers in tests
_MODELS: Final = "from photon_lifeguard.models import {}"
_DT: Final = "import datetime as dt"
_DECIMAL: Final = "from decimal import Decimal"
_UUID: Final = "from uuid import UUID"
_ANY: Final = "from typing import Any"


@attrs.frozen(kw_only=True)
class FieldType:
    """A type, with its arguments.

    Attributes:
        name: Its name in the grammar.
        python: Annotation of a value that is not null: ``str``, ``dt.date``.
        python_import: Import that the annotation needs; empty without one.
        column: Type of the column in the model; empty where the annotation is enough.
        column_import: Import that `column` needs, beside ``import sqlalchemy as sa``.
        migration: Type of the column in a migration.
        limits: Constraints of a member of a schema, as arguments of ``Param``.
        has_minimum_length: An empty text is not a value, unless the field may be null.
        must_have_zone: Times need a time zone.
        input: Kind of the HTML input: ``text``, ``textarea``, ``number``, ``checkbox``, ``date``,
            ``time``, ``datetime-local``, ``select``, ``email``, ``url``, ``json``, ``list`` or
            ``file``.
        step: Attribute ``step`` of a number; empty for other inputs.
        can_be_unique: Whether ``^`` is allowed.
        server_default: What rows that exist get when such a column is added, as the default of a
            column in a migration; empty if the type has no such value.
        example: Python code of the value with a number, of a field with a label.
        factory: The same where the number is the variable ``number``.
        wire: Python code of the value in JSON.
        invalid: Python code of a JSON value that is refused; ``None`` if every value is valid.
        values: Values of an enumeration.
    """

    name: str
    python: str
    python_import: str = ""
    column: str = ""
    column_import: str = ""
    migration: str
    limits: str = ""
    has_minimum_length: bool = False
    must_have_zone: bool = False
    input: str = "text"
    step: str = ""
    can_be_unique: bool = True
    server_default: str
    example: Callable[[str, int], str]
    factory: Callable[[str], str]
    wire: Callable[[str, int], str]
    invalid: str | None = None
    values: tuple[str, ...] = ()


def field_type(name: str, arguments: tuple[str, ...], *, field: str) -> FieldType:
    """Return a type of the grammar.

    Args:
        name: Its name, such as ``decimal_len``.
        arguments: What follows it, between colons.
        field: Name of the field, for messages.

    Raises:
        GeneratorError: The type does not exist, or has other arguments.
    """
    if name in _PARAMETRIC:
        return _PARAMETRIC[name](arguments, field)
    if name not in _SIMPLE:
        raise GeneratorError(_unknown(name, field))
    if arguments:
        raise GeneratorError(
            f"{field}: the type {name} does not take arguments; write {field}:{name}"
        )
    return _SIMPLE[name]


def simple_type_names() -> tuple[str, ...]:
    """Return the names of the types without arguments."""
    return tuple(_SIMPLE)


def type_names() -> tuple[str, ...]:
    """Return the names of all types, in the order of the documentation."""
    return (*_SIMPLE, *_PARAMETRIC)


def _unknown(name: str, field: str) -> str:
    names = [*type_names(), "references"]
    foreign = _FOREIGN.get(name.lower())
    close = [foreign] if foreign else difflib.get_close_matches(name.lower(), names, 1, 0.5)
    hint = f"do you mean {field}:{close[0]}?" if close else f"the types are {', '.join(names)}"
    return f"{field}: the type {name!r} does not exist; {hint}"


# Names of other frameworks and languages.
_FOREIGN: Final = MappingProxyType(
    {
        "str": "string",
        "varchar": "string",
        "char": "string",
        "integer": "int",
        "bigint": "big_int",
        "bigint_unsigned": "big_unsigned",
        "smallint": "small_int",
        "boolean": "bool",
        "timestamp": "tstz",
        "timestamptz": "tstz",
        "number": "int",
        "numeric": "decimal",
        "real": "float",
        "bytes": "blob",
        "binary": "blob",
        "bytea": "blob",
        "dict": "json",
        "object": "json",
        "hash": "json",
        "list": "array:string",
        "belongs_to": "references",
        "ref": "references",
        "reference": "references",
        "foreign_key": "references",
        "url": "uri",
        "link": "uri",
        "mail": "email",
        "longtext": "text",
    }
)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _text(name: str, column: str, length: int | None) -> FieldType:
    migration = "sa.Text()" if length is None else f"sa.String(length={length})"
    return FieldType(
        name=name,
        python="str",
        column=column,
        migration=migration,
        limits="" if length is None else f"max_length={length}",
        has_minimum_length=True,
        input="textarea" if length is None else "text",
        server_default='""',
        example=lambda label, number: _quoted(f"{label} {number}"),
        factory=lambda label: f'f"{label} {{number}}"',
        wire=lambda label, number: _quoted(f"{label} {number}"),
        invalid='""',
    )


def _address(name: str, length: int, pattern: str, kind: str, form: str) -> FieldType:
    return FieldType(
        name=name,
        python="str",
        column=f"sa.String({length})",
        migration=f"sa.String(length={length})",
        limits=f'max_length={length}, pattern=r"{pattern}"',
        input=kind,
        server_default='""',
        example=lambda _label, number: _quoted(form.format(number=number)),
        factory=lambda _label: f'f"{form}"',
        wire=lambda _label, number: _quoted(form.format(number=number)),
        invalid='"not valid"',
    )


def _whole(name: str, column: str, migration: str, bits: int, *, signed: bool) -> FieldType:
    highest = 2 ** (bits - 1) - 1
    return FieldType(
        name=name,
        python="int",
        column=column,
        migration=migration,
        limits=f"ge={-highest - 1 if signed else 0}, le={highest}",
        input="number",
        step="1",
        server_default='"0"',
        example=lambda _label, number: str(number),
        factory=lambda _label: "number",
        wire=lambda _label, number: str(number),
        invalid=str(highest + 1),
    )


def _floating(name: str, column: str, migration: str) -> FieldType:
    return FieldType(
        name=name,
        python="float",
        column=column,
        migration=migration,
        input="number",
        step="any",
        server_default='"0"',
        example=lambda _label, number: f"{number}.5",
        factory=lambda _label: "number + 0.5",
        wire=lambda _label, number: f"{number}.5",
        invalid='"x"',
    )


def _exact(name: str, precision: int, scale: int) -> FieldType:
    whole = precision - scale
    step = f"0.{'0' * (scale - 1)}1" if scale else "1"

    def digits(number: int) -> str:
        if whole < 4:
            text = str(number).rjust(scale + 1, "0")
            return f"{text[: len(text) - scale]}.{text[len(text) - scale :]}" if scale else text
        return f"{number}.{'5'.ljust(scale, '0')}" if scale else str(number)

    return FieldType(
        name=name,
        python="Decimal",
        python_import=_DECIMAL,
        column=f"sa.Numeric({precision}, {scale})",
        migration=f"sa.Numeric(precision={precision}, scale={scale})",
        limits=f"gt=-{10**whole}, lt={10**whole}",
        input="number",
        step=step,
        server_default='"0"',
        example=lambda _label, number: f'Decimal("{digits(number)}")',
        factory=lambda _label: f"Decimal(number).scaleb(-{scale})" if scale else "Decimal(number)",
        wire=lambda _label, number: f'"{digits(number)}"',
        invalid=str(10**whole),
    )


def _binary(name: str, length: int | None, *, fixed: bool = False) -> FieldType:
    limits = "" if length is None else f"max_length={length}"
    if fixed:
        limits = f"min_length={length}, {limits}"

    def padded(code: str) -> str:
        return f'{code}.rjust({length}, b"0")' if fixed else code

    def encoded(_label: str, number: int) -> str:
        data = str(number).encode().rjust(length if fixed and length else 0, b"0")
        return f'"{base64.b64encode(data).decode()}"'

    is_short = length is not None and length < _DIGITS
    return FieldType(
        name=name,
        python="bytes",
        column="sa.LargeBinary" if length is None else f"sa.LargeBinary({length})",
        migration="sa.LargeBinary()" if length is None else f"sa.LargeBinary(length={length})",
        limits=limits,
        input="file",
        can_be_unique=length is not None,
        server_default="",
        example=lambda _label, number: padded(f'b"{number}"'),
        factory=lambda _label: padded(
            f"str(number % {10**length}).encode()"
            if is_short and length
            else "str(number).encode()"
        ),
        wire=encoded,
        invalid='"?"',
    )


def _moment(name: str) -> FieldType:
    return FieldType(
        name=name,
        python="dt.datetime",
        python_import=_DT,
        column="UtcDateTime",
        column_import=_MODELS.format("UtcDateTime"),
        migration=_DATETIME,
        must_have_zone=True,
        input="datetime-local",
        can_be_unique=False,
        server_default=MOMENT,
        example=lambda _label, number: (
            f"dt.datetime(2026, 1, {_day(number)}, 12, 30, tzinfo=dt.UTC)"
        ),
        factory=lambda _label: (
            "dt.datetime(2026, 1, 1, 12, 30, tzinfo=dt.UTC) + dt.timedelta(days=number)"
        ),
        wire=lambda _label, number: f'"2026-01-{_day(number):02}T12:30:00Z"',
        invalid='"2026-01-01T12:30:00"',
    )


def _document(name: str) -> FieldType:
    return FieldType(
        name=name,
        python="dict[str, Any]",
        python_import=_ANY,
        column="JsonDocument",
        column_import=_MODELS.format("JsonDocument"),
        migration=_JSON,
        input="json",
        can_be_unique=False,
        server_default='"{}"',
        example=lambda _label, number: f'{{"number": {number}}}',
        factory=lambda _label: '{"number": number}',
        wire=lambda _label, number: f'{{"number": {number}}}',
        invalid='"x"',
    )


def _day(number: int) -> int:
    return (number - 1) % 28 + 1


_UUID_TYPE: Final = FieldType(
    name="uuid",
    python="UUID",
    python_import=_UUID,
    migration="sa.Uuid()",
    server_default=f'"{0:032}"',
    example=lambda _label, number: f"UUID(int={number})",
    factory=lambda _label: "UUID(int=number)",
    wire=lambda _label, number: f'"00000000-0000-0000-0000-{number:012x}"',
    invalid='"x"',
)
_BOOL: Final = FieldType(
    name="bool",
    python="bool",
    migration="sa.Boolean()",
    input="checkbox",
    can_be_unique=False,
    server_default="sa.false()",
    example=lambda _label, number: str(number % 2 == 1),
    factory=lambda _label: "number % 2 == 1",
    wire=lambda _label, number: str(number % 2 == 1),
    invalid='"x"',
)
_DATE: Final = FieldType(
    name="date",
    python="dt.date",
    python_import=_DT,
    migration="sa.Date()",
    input="date",
    server_default='sa.text("CURRENT_DATE")',
    example=lambda _label, number: f"dt.date(2026, 1, {_day(number)})",
    factory=lambda _label: "dt.date(2026, 1, 1) + dt.timedelta(days=number)",
    wire=lambda _label, number: f'"2026-01-{_day(number):02}"',
    invalid='"x"',
)
_TIME: Final = FieldType(
    name="time",
    python="dt.time",
    python_import=_DT,
    migration="sa.Time()",
    input="time",
    limits="tz=False",  # the column would drop it
    server_default='"00:00:00"',
    example=lambda _label, number: f"dt.time(12, {number % 60})",
    factory=lambda _label: "dt.time(number // 60 % 24, number % 60)",
    wire=lambda _label, number: f'"12:{number % 60:02}:00"',
    invalid='"x"',
)

_SIMPLE: Final = MappingProxyType(
    {
        each.name: each
        for each in (
            _UUID_TYPE,
            _text("string", "sa.String(255)", 255),
            _text("text", "sa.Text", None),
            _whole("small_unsigned", "sa.SmallInteger", "sa.SmallInteger()", 16, signed=False),
            _whole("unsigned", "", "sa.Integer()", 32, signed=False),
            _whole("big_unsigned", "sa.BigInteger", "sa.BigInteger()", 64, signed=False),
            _whole("small_int", "sa.SmallInteger", "sa.SmallInteger()", 16, signed=True),
            _whole("int", "", "sa.Integer()", 32, signed=True),
            _whole("big_int", "sa.BigInteger", "sa.BigInteger()", 64, signed=True),
            _floating("float", "sa.Float", "sa.Float()"),
            _floating("double", "sa.Double", "sa.Double()"),
            _exact("decimal", 16, 4),
            _exact("money", 19, 4),
            _BOOL,
            _DATE,
            _TIME,
            _moment("tstz"),
            _moment("date_time"),
            _moment("datetime"),
            _document("json"),
            _document("jsonb"),
            _binary("blob", None),
            _address("email", 254, r"^[^@\s]+@[^@\s]+$", "email", "user{number}@example.com"),
            _address("uri", 2000, r"^\w[\w+.-]*:\S+$", "url", "https://example.com/{number}"),
        )
    }
)


def _decimal_len(arguments: tuple[str, ...], field: str) -> FieldType:
    numbers = [int(each) for each in arguments if each.isdecimal()]
    if len(numbers) != 2 or len(arguments) != 2:
        raise GeneratorError(
            f"{field}: decimal_len takes the digits in all and after the point; write "
            f"{field}:decimal_len:24:8"
        )
    precision, scale = numbers
    if not 1 <= precision <= 65 or not 0 <= scale <= min(precision, 30):
        raise GeneratorError(
            f"{field}: decimal_len:{precision}:{scale} has 1 to 65 digits in all, of which at most "
            "30 are after the point"
        )
    return _exact("decimal_len", precision, scale)


def _sized(name: str, *, fixed: bool) -> Callable[[tuple[str, ...], str], FieldType]:
    def make(arguments: tuple[str, ...], field: str) -> FieldType:
        if len(arguments) != 1 or not arguments[0].isdecimal() or int(arguments[0]) < 1:
            raise GeneratorError(
                f"{field}: {name} takes the number of bytes; write {field}:{name}:16"
            )
        return _binary(name, int(arguments[0]), fixed=fixed)

    return make


ELEMENTS: Final = ("string", "text", "int", "big_int", "float", "double", "bool")


def _array(arguments: tuple[str, ...], field: str) -> FieldType:
    if len(arguments) != 1 or arguments[0] not in ELEMENTS:
        raise GeneratorError(
            f"{field}: array takes the type of its elements, one of {', '.join(ELEMENTS)}; write "
            f"{field}:array:string"
        )
    element = _SIMPLE[arguments[0]]
    return FieldType(
        name="array",
        python=f"list[{element.python}]",
        column="JsonDocument",
        column_import=_MODELS.format("JsonDocument"),
        migration=_JSON,
        input="list",
        can_be_unique=False,
        server_default='"[]"',
        example=lambda label, number: f"[{element.example(label, number)}]",
        factory=lambda label: f"[{element.factory(label)}]",
        wire=lambda label, number: f"[{element.wire(label, number)}]",
        invalid="[[]]",
    )


_VALUE: Final = re.compile(r"[^\W_][\w +./-]*")


def _enum(arguments: tuple[str, ...], field: str) -> FieldType:
    values = tuple(each.strip() for each in ",".join(arguments).split(","))
    members = [member_name(each) for each in values]
    if len(arguments) != 1 or len(values) < 2:
        raise GeneratorError(
            f"{field}: enum takes its values, with commas; write {field}:enum:draft,published"
        )
    for value in values:
        if not _VALUE.fullmatch(value) or not value.isascii() or len(value) > _ENUM_LENGTH:
            raise GeneratorError(
                f"{field}: {value!r} cannot be a value of an enum: it has up to {_ENUM_LENGTH} "
                "letters a to z, digits, spaces and + . / - _, and begins with a letter or digit"
            )
    for at, member in enumerate(members):
        if member in members[:at]:
            first = values[members.index(member)]
            raise GeneratorError(
                f"{field}: the values {first!r} and {values[at]!r} would both be {member} in Python"
            )
    return FieldType(
        name="enum",
        python="",  # the class of the field
        migration=f"sa.Enum({', '.join(map(_quoted, values))}, name=NAME, native_enum=False, "
        f"length={_ENUM_LENGTH})",
        input="select",
        can_be_unique=False,
        server_default=_quoted(values[0]),
        example=lambda _label, number: members[(number - 1) % len(members)],
        factory=lambda _label: members[0],
        wire=lambda _label, number: _quoted(values[(number - 1) % len(values)]),
        invalid='"?"',
        values=values,
    )


def member_name(value: str) -> str:
    """Return the member of an enumeration that has a value: ``IN_PROGRESS``."""
    name = re.sub(r"\W+", "_", value).strip("_").upper()
    return f"VALUE_{name}" if name[:1].isdigit() or not name else name


_PARAMETRIC: Final = MappingProxyType(
    {
        "decimal_len": _decimal_len,
        "binary_len": _sized("binary_len", fixed=True),
        "var_binary": _sized("var_binary", fixed=False),
        "array": _array,
        "enum": _enum,
    }
)
