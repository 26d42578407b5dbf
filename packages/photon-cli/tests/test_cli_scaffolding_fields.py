from __future__ import annotations

import ast
import base64
import datetime as dt
import json
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from photon_cli.scaffolding import Field, ModelName, parse_fields
from photon_runtime.generators import GeneratorError

POST = ModelName.parse("post")
TABLES = {"User": "users", "Author": "authors", "Parent": "parents"}
SIMPLE = """
uuid string text small_unsigned big_unsigned unsigned small_int int big_int float double decimal
bool tstz date date_time datetime time json jsonb blob money email uri
""".split()  # noqa: SIM905  a list in the form of the command line
WORDS = """
order group user select date time type format hash filter object query json uuid enum decimal
datetime text string key index table columns values property map set next max
"""
WITH_ARGUMENTS = [
    "decimal_len:24:8",
    "decimal_len:3:3",
    "decimal_len:5:0",
    "binary_len:16",
    "var_binary:3",
    "array:string",
    "array:int",
    "array:bool",
    "enum:draft,in-progress,2nd",
]


def field(word: str, **options: object) -> Field:
    (made,) = parse_fields(POST, [word], **options)  # type: ignore[arg-type]  # of the test
    return made


def refusal(*words: str, **options: object) -> str:
    with pytest.raises(GeneratorError) as caught:
        parse_fields(POST, words, **options)  # type: ignore[arg-type]  # of the test
    return str(caught.value)


@pytest.mark.parametrize("type_", [*SIMPLE, *WITH_ARGUMENTS])
@pytest.mark.parametrize("suffix", ["", "?", "!"])
def test_every_type_gives_code_for_every_place(type_: str, suffix: str) -> None:
    made = field(f"value:{type_}{suffix}")
    assert made.is_nullable is (suffix == "?")
    lines = [*made.model_lines, made.schema_line, made.output_line, made.migration_column]
    lines += [made.factory_example, made.example(1), made.wire_example(1), *made.model_imports]
    for line in [*lines, *made.schema_imports, *made.output_imports, *made.migration_imports]:
        ast.parse(line)
    assert ("None" in made.schema_line) is made.is_nullable
    assert f"nullable={made.is_nullable}" in made.migration_column
    if made.invalid_example is not None:
        ast.parse(made.invalid_example)


@pytest.mark.parametrize("type_", [*SIMPLE, *WITH_ARGUMENTS])
def test_examples_are_values_of_their_type_and_their_json(type_: str) -> None:
    made = field(f"value:{type_}")
    names: dict[str, object] = {"dt": dt, "Decimal": Decimal, "UUID": UUID, "number": 7}
    if made.enum_class:
        members = dict(made.enum_members)
        names[made.enum_class] = type("Status", (), members)
    for number in (1, 2, 7):
        value = eval(made.example(number), dict(names))
        wire = eval(made.wire_example(number), dict(names))
        json.dumps(wire)
        assert as_json(value) == wire
    eval(made.factory_example, dict(names))
    if type_ not in ("bool", "array:bool") and not made.enum_class:
        assert made.example(1) != made.example(2)


def as_json(value: object) -> object:
    match value:
        case dt.datetime():
            return value.isoformat().replace("+00:00", "Z")
        case dt.date() | dt.time():
            return value.isoformat()
        case Decimal() | UUID():
            return str(value)
        case bytes():
            return base64.b64encode(value).decode()
    return value


def test_a_bare_name_is_a_string() -> None:
    assert field("title").model_lines == field("title:string").model_lines
    assert field("title?").is_nullable
    assert field("title^?").is_unique


@pytest.mark.parametrize(
    "word", ["slug^:string?", "slug:string^?", "slug:string?^", "slug?:string^"]
)
def test_suffixes_may_follow_any_part(word: str) -> None:
    made = field(word)
    assert (made.is_nullable, made.is_unique) == (True, True)
    assert made.model_lines == (
        "slug: Mapped[str | None] = mapped_column(sa.String(255), unique=True)",
    )


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("x:integr", "do you mean x:int"),
        ("x:str", "do you mean x:string"),
        ("x:boolean", "do you mean x:bool"),
        ("x:reference", "do you mean x:references"),
        ("x:timestamp", "do you mean x:tstz"),
        ("x:qqq", "the types are uuid, string"),
        ("x:decimal_len:8", "decimal_len:24:8"),
        ("x:decimal_len:4:8", "1 to 65 digits"),
        ("x:binary_len", "binary_len:16"),
        ("x:array:uuid", "array:string"),
        ("x:enum:a", "enum:draft,published"),
        ("x:enum:a-b,a_b", "would both be A_B"),
        ("x:enum:a,it's", "cannot be a value"),
        ("x:int:3", "does not take arguments"),
        ("x:bool^", "cannot be unique"),
        ("x:tstz^", "cannot be unique"),
        ("x:string?!", "exclude each other"),
        ("x:", "is not a field"),
        (":string", "is not a field"),
        ("", "is not a field"),
        ("firstName:string", "first_name:string"),
        ("first-name:string", "first_name:string"),
        ("2nd:string", "as in title:string"),
        ("_x:string", "as in x:string"),
        ("naïve:string", "as in naive:string"),
        ("id:int", "the primary key id"),
        ("created_at:tstz", "--without-timestamps"),
        ("class:string", "keyword of Python"),
        ("metadata:json", "SQLAlchemy"),
        ("mapped_column:string", "attributes after it"),
        ("relationship:string", "attributes after it"),
        ("registry", "SQLAlchemy"),
        ("self", "methods"),
        ("int:int", "annotations"),
        ("list:array:int", "annotations"),
        ("password:string", "password_hash:string"),
        ("secret:password", "password_hash:string"),
        ("x" * 70, "PostgreSQL permits 63"),
        ("x" * 58 + ":string^", "PostgreSQL permits 63"),
    ],
)
def test_a_wrong_field_is_refused_with_what_to_write(word: str, expected: str) -> None:
    assert expected in refusal(word)


@pytest.mark.parametrize(
    "name",
    WORDS.split(),
)
def test_names_of_columns_that_are_words_of_sql_or_python_work(name: str) -> None:
    assert field(f"{name}:string").column == name


@pytest.mark.parametrize(
    ("word", "name", "column", "target"),
    [
        ("author:references", "author", "author_id", "Author"),
        ("editor:references:users", "editor", "editor_id", "User"),
        ("editor:references:User", "editor", "editor_id", "User"),
        ("user:references:admin_id", "admin", "admin_id", "User"),
        ("sub:references:self?", "sub", "sub_id", "Post"),
        ("post:references?", "post", "post_id", "Post"),
        ("parent:references?", "parent", "parent_id", "Parent"),
    ],
)
def test_references_have_a_role_and_a_model(word: str, name: str, column: str, target: str) -> None:
    made = field(word, tables=TABLES)
    assert made.reference is not None
    assert (made.name, made.column, made.reference.class_name) == (name, column, target)


def test_a_parent_without_a_model_is_the_model_itself() -> None:
    made = field("parent:references?", tables={})
    assert made.reference is not None
    assert made.reference.is_self
    assert made.relationship_line == (
        "parent: Mapped[Post | None] = "
        'relationship(foreign_keys=[parent_id], remote_side="Post.id")'
    )
    assert "write parent:references?" in refusal("parent:references", tables={})


def test_what_a_deleted_row_does_depends_on_null() -> None:
    assert field("author:references", tables=TABLES).on_delete == "RESTRICT"
    assert field("author:references?", tables=TABLES).on_delete == "SET NULL"


def test_two_references_to_one_model_do_not_meet() -> None:
    first, second = parse_fields(
        POST, ["author:references:users", "editor:references:users"], tables=TABLES
    )
    assert "foreign_keys=[author_id]" in first.relationship_line
    assert "foreign_keys=[editor_id]" in second.relationship_line


def test_references_to_missing_models_and_their_columns_are_refused() -> None:
    assert "photon generate model tag name:string" in refusal("tag:references", tables=TABLES)
    assert "do you mean x:references:Author" in refusal("x:references:authr", tables=TABLES)
    assert "author:references" in refusal("author_id:references", tables=TABLES)
    assert "would both be author_id" in refusal("author:references", "author_id:int", tables=TABLES)
    assert "would both be title" in refusal("title", "title:text")


def test_the_owner_is_never_set_by_clients() -> None:
    fields = parse_fields(POST, ["owner:references:users", "editor:references:users"])
    assert [each.is_client_writable for each in fields] == [False, True]
    fields = parse_fields(POST, ["author:references:users", "x:int"], owner="author")
    assert [each.is_client_writable for each in fields] == [False, True]
    assert "the references are author" in refusal("author:references:users", owner="boss")


def test_limits_of_columns_are_limits_of_the_schema() -> None:
    assert field("age:small_int").schema_line == ("age: Annotated[int, Param(ge=-32768, le=32767)]")
    assert field("title").schema_line == (
        "title: Annotated[str, Param(min_length=1, max_length=255)]"
    )
    assert field("at:tstz").schema_line == "at: Annotated[dt.datetime, Param(tz=True)]"
    assert "Param" not in field("at:tstz").output_line


def test_columns_that_are_words_of_sql_are_quoted_in_checks() -> None:
    assert field("order:enum:a,b").check_condition == "\"order\" IN ('a', 'b')"
    assert field("status:enum:a,b").check_condition == "status IN ('a', 'b')"


@given(st.text(max_size=40))
def test_any_text_is_a_field_or_refused(text: str) -> None:
    try:
        (made,) = parse_fields(POST, [text])
    except GeneratorError:
        return
    ast.parse(made.model_lines[0])
