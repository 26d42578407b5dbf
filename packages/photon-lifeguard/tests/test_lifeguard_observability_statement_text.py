from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from photon_lifeguard.observability._statement_text import redacted, statement_text


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT 1 FROM t WHERE a = 'secret'",
        "SELECT 1 FROM t WHERE a = 'it''s secret'",
        r"SELECT 1 FROM t WHERE a = E'it\'s secret'",
        "SELECT 1 FROM t WHERE a = $$secret$$",
        "SELECT 1 FROM t WHERE a = $tag$ secret $$ more $tag$",
        "SELECT 1 FROM t WHERE a = N'secret' AND b = U&'secret'",
        "SELECT 1 FROM t -- secret\n WHERE true",
        "SELECT 1 /* a 'quoted' secret */ FROM t",
        "SELECT 1 FROM t WHERE a = 'secret that does not end",
        "SELECT 1 FROM t /* secret that does not end",
        "SELECT 'don''t' || 'secret', \"it's\" || 'secret' FROM t",
    ],
)
def test_literals_and_comments_are_not_shown(statement: str) -> None:
    shown = statement_text(statement).text
    assert "secret" not in shown
    assert shown.startswith("SELECT ?")


def test_numbers_are_values_and_parts_of_names_are_not() -> None:
    shown = statement_text("SELECT t1.a_2, x[3:4] FROM t1 WHERE b = 4711 AND c = -1.5e3 AND d = .5")
    assert shown.text == "SELECT t1.a_2, x[?:?] FROM t1 WHERE b = ? AND c = -? AND d = ?"


@pytest.mark.parametrize("place", ["%(id_1)s", "%s", "?", "$1", ":id_1", "@id1", "?2"])
def test_places_of_parameters_remain(place: str) -> None:
    text = f"SELECT posts.id FROM posts WHERE posts.id = {place}"
    assert statement_text(text).text == text


@given(
    st.text(max_size=300), st.integers(min_value=0), st.floats(min_value=0, allow_infinity=False)
)
def test_no_value_in_a_text_is_shown(string: str, integer: int, real: float) -> None:
    quoted = string.replace("'", "''")
    statement = f"SELECT a FROM t WHERE a = '{quoted}' AND b = {integer} AND c = {real!r} AND d"
    assert statement_text(statement).text == "SELECT a FROM t WHERE a = ? AND b = ? AND c = ? AND d"


@given(st.text(max_size=300), st.sampled_from("'\""))
def test_no_string_of_mysql_is_shown(string: str, quote: str) -> None:
    escaped = string.replace("\\", "\\\\").replace(quote, f"\\{quote}")
    statement = f"SELECT a FROM t WHERE a = {quote}{escaped}{quote} AND d"
    assert statement_text(statement, "mysql").text == "SELECT a FROM t WHERE a = ? AND d"


def test_double_quotes_are_names_except_on_mysql() -> None:
    assert statement_text('SELECT "a 1" FROM t').text == 'SELECT "a 1" FROM t'
    assert statement_text('SELECT "a 1" FROM `t 1`', "mysql").text == "SELECT ? FROM `t 1`"


def test_a_long_statement_is_cut() -> None:
    shown = statement_text("SELECT " + ", ".join(["column_name"] * 10_000) + " FROM t").text
    assert len(shown) == 2_001
    assert shown.endswith("…")


@pytest.mark.parametrize(
    ("statement", "summary"),
    [
        ("SELECT posts.id FROM posts", "SELECT posts"),
        ("select * from shop.posts p join authors on true", "SELECT shop.posts authors"),
        ('UPDATE "Order" SET a = 1', "UPDATE Order"),
        ("INSERT INTO posts (a) VALUES (1)", "INSERT posts"),
        ("INSERT INTO a VALUES (1) ON CONFLICT (x) DO UPDATE SET x = excluded.x", "INSERT a"),
        ("WITH a AS (SELECT 1) DELETE FROM b USING a", "DELETE b"),
        ("WITH a AS (SELECT 1) SELECT a FROM a", "SELECT a"),
        ("(SELECT 1 FROM a) UNION SELECT 2 FROM b", "SELECT a b"),
        ("SELECT extract(year FROM posts.created) FROM posts", "SELECT posts"),
        ("SELECT 1 FROM posts FOR UPDATE OF posts SKIP LOCKED", "SELECT posts"),
        ("SELECT count(*) FROM (SELECT id FROM posts) AS anon_1", "SELECT posts"),
        ("SELECT * FROM generate_series(1, 10)", "SELECT"),
        ("CREATE TABLE IF NOT EXISTS posts (id int)", "CREATE posts"),
        ("SAVEPOINT sa_savepoint_1", "SAVEPOINT"),
        ("/* by shop */ SELECT 1", "SELECT"),
        ("", ""),
    ],
)
def test_a_summary_has_operation_and_tables(statement: str, summary: str) -> None:
    assert statement_text(statement).summary == summary


def test_parameters_are_described_by_types_and_lengths() -> None:
    assert (
        redacted({"name": "secret", "age": 42, "note": None})
        == "name: str(6), age: int, note: None"
    )
    assert redacted((b"secret", [1, 2], 1.5)) == "bytes(6), list(2), float"
    assert redacted([{"a": "secret"}, {"a": "x"}]) == "2 sets of (a: str(6))"
    assert redacted(([1, 2],)) == "list(2)"
    assert redacted(()) == redacted(None) == ""


def test_many_parameters_are_cut() -> None:
    assert redacted(tuple(range(100))) == "int, " * 20 + "…"
