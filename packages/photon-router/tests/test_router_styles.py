"""The table of OpenAPI 3.1.1, "Style Examples", and the way back by an encoder of our own."""

import json
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from photon_router import Application
from photon_runtime.http import Request
from photon_runtime.testing import send_request

COLORS = ["blue", "black", "brown"]
RGB = {"R": 100, "G": 200, "B": 150}
TEXT = {"type": "string"}
LIST = {"type": "array", "items": {"type": "string"}}
OBJECT = {"type": "object", "properties": {name: {"type": "integer"} for name in RGB}}


def router_of(parameter: dict[str, Any], got: list[Any], path: str = "/x") -> Application:
    read = {"operationId": "read", "parameters": [parameter], "responses": {}}
    read["responses"] = {"204": {"description": "Read."}}
    info = {"title": "T", "version": "1"}
    router = Application(spec={"openapi": "3.1.0", "info": info, "paths": {path: {"get": read}}})

    @router.operation("read")
    def handler(color=None):  # type: ignore[no-untyped-def]  # the document says the type
        got.append(color)

    return router


def read(
    place: str, style: str | None, schema: dict[str, Any], written: str, **more: Any
) -> tuple[int, Any]:
    """Return the status, and the handler's argument or the errors."""
    parameter = {"name": "color", "in": place, "schema": schema} | more
    parameter |= {"required": True} if place == "path" else {}
    parameter |= {"style": style} if style is not None else {}
    got: list[Any] = []
    router = router_of(parameter, got, "/x/{color}" if place == "path" else "/x")
    targets = {"path": f"/x/{written}", "query": f"/x?{written}"}
    headers = {"header": {"color": written}, "cookie": {"cookie": written}}
    response = send_request(router, "GET", targets.get(place, "/x"), headers=headers.get(place, ()))
    if response.status != 204:
        faults = json.loads(response.body)["errors"]
        return response.status, [(each["name"], each["message"]) for each in faults]
    return response.status, got[0]


# place, style, explode, then what is written for: an empty text, a text, a list, an object.
TABLE: list[tuple[str, str, bool, str | None, str | None, str | None, str | None]] = [
    ("path", "matrix", False, ";color", ";color=blue", ";color=blue,black,brown",
     ";color=R,100,G,200,B,150"),
    ("path", "matrix", True, ";color", ";color=blue", ";color=blue;color=black;color=brown",
     ";R=100;G=200;B=150"),
    ("path", "label", False, ".", ".blue", ".blue,black,brown", ".R,100,G,200,B,150"),
    ("path", "label", True, ".", ".blue", ".blue.black.brown", ".R=100.G=200.B=150"),
    ("path", "simple", False, None, "blue", "blue,black,brown", "R,100,G,200,B,150"),
    ("path", "simple", True, None, "blue", "blue,black,brown", "R=100,G=200,B=150"),
    ("header", "simple", False, "", "blue", "blue,black,brown", "R,100,G,200,B,150"),
    ("header", "simple", True, "", "blue", "blue,black,brown", "R=100,G=200,B=150"),
    ("query", "form", False, "color=", "color=blue", "color=blue,black,brown",
     "color=R,100,G,200,B,150"),
    ("query", "form", True, "color=", "color=blue", "color=blue&color=black&color=brown",
     "R=100&G=200&B=150"),
    ("cookie", "form", False, "color=", "color=blue", "color=blue,black,brown",
     "color=R,100,G,200,B,150"),
    ("cookie", "form", True, "color=", "color=blue", "color=blue&color=black&color=brown",
     "R=100&G=200&B=150"),
    ("query", "spaceDelimited", False, None, None, "color=blue%20black%20brown",
     "color=R%20100%20G%20200%20B%20150"),
    ("query", "pipeDelimited", False, None, None, "color=blue%7Cblack%7Cbrown",
     "color=R%7C100%7CG%7C200%7CB%7C150"),
    ("query", "deepObject", True, None, None, None,
     "color%5BR%5D=100&color%5BG%5D=200&color%5BB%5D=150"),
]  # fmt: skip
ROWS = pytest.mark.parametrize(
    ("place", "style", "explode", "empty", "text", "items", "members"), TABLE, ids=str
)


@ROWS
def test_the_table_of_the_specification_is_read(
    place: str, style: str, explode: bool, empty: Any, text: Any, items: Any, members: Any
) -> None:
    for schema, written, meant in (
        (TEXT, empty, ""),
        (TEXT, text, "blue"),
        (LIST, items, COLORS),
        (OBJECT, members, RGB),
    ):
        if written is not None:
            assert read(place, style, schema, written, explode=explode) == (204, meant)


@ROWS
def test_the_default_of_explode_is_that_of_the_style(
    place: str, style: str, explode: bool, empty: Any, text: Any, items: Any, members: Any
) -> None:
    by_default = style in ("form", "deepObject")
    if explode == by_default and members is not None:
        assert read(place, style, OBJECT, members) == (204, RGB)
    if explode == by_default and style in ("form", "simple") and items is not None:
        assert read(place, None, LIST, items) == (204, COLORS)


@pytest.mark.parametrize(
    ("place", "style", "explode", "schema", "written", "meant"),
    [
        ("path", "matrix", False, LIST, "1,2,3", ["1", "2", "3"]),
        ("path", "matrix", True, LIST, "1,2,3", ["1", "2", "3"]),
        ("path", "matrix", True, LIST, ";color=1,2,3", ["1", "2", "3"]),
        ("path", "matrix", False, TEXT, "blue", "blue"),
        ("path", "matrix", False, OBJECT, "R,1", {"R": 1}),
        ("path", "matrix", True, OBJECT, "R=1,G=2", {"R": 1, "G": 2}),
        ("path", "label", False, LIST, "1,2,3", ["1", "2", "3"]),
        ("path", "label", True, LIST, ".1,2,3", ["1", "2", "3"]),
        ("path", "label", False, TEXT, "blue", "blue"),
        ("query", "form", False, LIST, "color=1%2C2%2C3", ["1", "2", "3"]),
        ("query", "form", False, LIST, "color=1,2&color=3", ["1", "2", "3"]),
        ("path", "simple", False, LIST, "1%2C2", ["1", "2"]),
        ("query", "spaceDelimited", False, LIST, "color=1+2", ["1", "2"]),
        ("query", "pipeDelimited", False, LIST, "color=1|2", ["1", "2"]),
        ("query", "pipeDelimited", True, LIST, "color=1&color=2", ["1", "2"]),
        ("query", "spaceDelimited", False, TEXT, "color=1", "1"),
        ("query", "deepObject", True, OBJECT, "color[R]=1&color[G]=2", {"R": 1, "G": 2}),
        ("header", "simple", False, LIST, "1 , 2,3", ["1", "2", "3"]),
        ("cookie", "form", True, LIST, "color=1; other=9; color=2", ["1", "2"]),
        ("cookie", "form", True, OBJECT, "R=1; G=2; other=9", {"R": 1, "G": 2}),
    ],
)
def test_what_clients_often_send_instead_is_read_too(
    place: str, style: str, explode: bool, schema: Any, written: str, meant: object
) -> None:
    assert read(place, style, schema, written, explode=explode) == (204, meant)


@pytest.mark.parametrize(
    ("place", "style", "explode", "written"),
    [
        ("path", "simple", False, "a%2Cb,c%2Fd"),
        ("path", "label", False, ".a%2Cb,c%2Fd"),
        ("path", "matrix", False, ";color=a%2Cb,c%2Fd"),
        ("path", "matrix", True, ";color=a%2Cb;color=c%2Fd"),
        ("query", "form", False, "color=a%2Cb,c%2Fd"),
        ("query", "form", True, "color=a%2Cb&color=c%2Fd"),
    ],
)
def test_an_encoded_delimiter_belongs_to_its_text(
    place: str, style: str, explode: bool, written: str
) -> None:
    assert read(place, style, LIST, written, explode=explode) == (204, ["a,b", "c/d"])


@pytest.mark.parametrize(
    ("place", "style", "explode", "written", "message"),
    [
        ("path", "simple", False, "R,1,G", "expected alternating names and values"),
        ("path", "simple", True, "R=1,G", "expected name=value for each member"),
        ("path", "matrix", False, ";other=R,1", "expected ;color=…"),
        ("query", "form", False, "color=R", "expected alternating names and values"),
        ("header", "simple", True, "R", "expected name=value for each member"),
        ("query", "deepObject", True, "color[R=1", "expected color[…]=…"),
        ("query", "deepObject", True, "color[R]x=1", "expected color[…]=…"),
        ("query", "deepObject", True, "color" + "[a]" * 17 + "=1", "is nested too deeply"),
        (
            "query",
            "deepObject",
            True,
            "color[a]=1&color[a][b]=2",
            "has both a value and members for 'a'",
        ),
        (
            "query",
            "deepObject",
            True,
            "color[a][b]=1&color[a]=2",
            "has both a value and members for 'a'",
        ),
    ],
)
def test_what_is_not_written_in_its_style_is_an_error(
    place: str, style: str, explode: bool, written: str, message: str
) -> None:
    errors = [("color", message)]
    assert read(place, style, OBJECT, written, explode=explode) == (422, errors)


def test_a_path_parameter_is_one_part_of_its_segment() -> None:
    got: list[Any] = []
    parameter = {"name": "color", "in": "path", "required": True, "schema": LIST}
    router = router_of(parameter, got, "/x/v-{color}.json/end")
    assert send_request(router, "GET", "/x/v-a%2Cb,c.json/end").status == 204
    assert (
        send_request(router, "GET", "/x/%76-a%2Cb,c.json/end").status == 204
    )  # literal text, encoded
    assert got[0] == ["a,b", "c"]
    assert got[1] == ["a", "b", "c"]


# The way back

NAMES = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=5)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)
ENCODED = [row[:3] for row in TABLE if row[0] in ("path", "query") and "Delimited" not in row[1]]


def encode(place: str, style: str, explode: bool, value: object) -> str:
    """Write a value as a client does that keeps to RFC 6570."""

    def plain(text: object) -> str:
        encoded = quote(str(text), safe="")
        return encoded.replace(".", "%2E") if style == "label" else encoded

    def pairs(members: dict[str, str]) -> list[tuple[str, str]]:
        return [(plain(name), plain(text)) for name, text in members.items()]

    if isinstance(value, dict) and style == "deepObject":
        return "&".join(f"color%5B{name}%5D={text}" for name, text in pairs(value))
    between = {"matrix": ";", "label": ".", "simple": ",", "form": "&"}[style]
    before = {"matrix": ";", "label": "."}.get(style, "")
    named = "color=" if style in ("matrix", "form") else ""
    if isinstance(value, dict):
        if explode:
            return before + between.join(f"{name}={text}" for name, text in pairs(value))
        return before + named + ",".join(part for pair in pairs(value) for part in pair)
    if isinstance(value, list):
        if explode:
            return before + between.join(named + plain(item) for item in value)
        return before + named + ",".join(map(plain, value))
    return before + named + plain(value)


def started(place: str, style: str, explode: bool, schema: dict[str, Any]) -> Any:
    got: list[Any] = []
    parameter = {"name": "color", "in": place, "style": style, "explode": explode}
    parameter |= {"schema": schema, "required": True}
    router = router_of(parameter, got, "/x/{color}" if place == "path" else "/x")
    context = router.start()
    handler = context.__enter__()

    def read(written: str) -> object:
        got.clear()
        target = f"/x/{written}" if place == "path" else f"/x?{written}"
        response = handler(Request("GET", target, []))
        assert response.status == 204, response.body
        return got[0]

    return read


FREE = {"type": "object", "additionalProperties": {"type": "string"}}
ROAD = {
    (*row, kind): started(*row, schema)
    for row in ENCODED
    for kind, schema in (("text", TEXT), ("list", LIST), ("object", FREE))
    if not (row[1] == "deepObject" and kind != "object")
}


def test_one_member_may_have_an_encoded_delimiter_as_its_value() -> None:
    for road in ROAD:
        if road[3] == "object":
            assert ROAD[road](encode(*road[:3], {"0": ","})) == {"0": ","}, road


@given(st.sampled_from(sorted(ROAD)), st.data())
def test_what_is_written_in_a_style_is_read_as_it_was(
    road: tuple[str, str, bool, str], data: st.DataObject
) -> None:
    place, style, explode, kind = road
    value = data.draw(
        {
            "text": TEXTS,
            # One text alone with encoded delimiters is taken for several: see the head of _styles.
            "list": st.lists(TEXTS, min_size=2, max_size=4),
            "object": st.dictionaries(NAMES, TEXTS, min_size=1, max_size=4),
        }[kind]
    )
    assert ROAD[road](encode(place, style, explode, value)) == value
