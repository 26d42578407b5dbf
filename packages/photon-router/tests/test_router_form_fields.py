import datetime
import decimal
import enum
import uuid
from typing import Annotated, Any, Literal, NewType
from urllib.parse import quote, urlencode

import attrs
import pytest

from photon_router import (
    Application,
    Cookie,
    Form,
    FormSettings,
    Header,
    Param,
    Path,
    Query,
    UploadFile,
)
from photon_runtime.testing import send_request


class Colour(enum.Enum):
    RED = "red"


class Level(enum.IntEnum):
    HIGH = 3


UserId = NewType("UserId", int)

# Type, text, value, and a text that is refused (None where every text is one).
SCALARS: list[tuple[Any, str, object, str | None]] = [
    (str, "ä b", "ä b", None),
    (int, "-7", -7, "1.5"),
    (float, "1.5", 1.5, "nan"),
    (bool, "true", True, "maybe"),
    (bytes, "abc", b"abc", None),
    (uuid.UUID, str(uuid.UUID(int=5)), uuid.UUID(int=5), "5"),
    (
        datetime.datetime,
        "2024-05-31T12:00:00Z",
        datetime.datetime(2024, 5, 31, 12, tzinfo=datetime.UTC),
        "2024-13-31T12:00:00Z",
    ),
    (datetime.date, "2024-05-31", datetime.date(2024, 5, 31), "31.5.2024"),
    (datetime.time, "12:30:00", datetime.time(12, 30), "25:00:00"),
    (datetime.timedelta, "PT1H30M", datetime.timedelta(hours=1, minutes=30), "90m"),
    (decimal.Decimal, "1.50", decimal.Decimal("1.50"), "Infinity"),
    (Colour, "red", Colour.RED, "blue"),
    (Level, "3", Level.HIGH, "4"),
    (Literal["a", 2], "2", 2, "b"),
    (UserId, "5", UserId(5), "x"),
    (int | str, "5", 5, None),
    (int | None, "5", 5, "x"),
]
LISTS: list[tuple[Any, list[str], object, list[str] | None]] = [
    (list[int], ["1", "2"], [1, 2], ["1", "x"]),
    (list[str], ["a"], ["a"], None),
    (set[Colour], ["red", "red"], {Colour.RED}, ["blue"]),
    (frozenset[int], ["1", "1", "2"], frozenset({1, 2}), ["x"]),
    (tuple[int, ...], ["1", "2"], (1, 2), ["x"]),
    (tuple[int, str], ["1", "b"], (1, "b"), ["1"]),
    (list[int] | None, ["3"], [3], ["x"]),
]


def handling(marker: Any, type_: Any, path: str, method: str) -> tuple[Application, list[Any]]:
    router, taken = Application(), []

    def handler(value: Any) -> None:
        taken.append(value)

    handler.__annotations__["value"] = marker[type_]
    router.route(path, method=method)(handler)
    return router, taken


def send(place: str, type_: Any, texts: list[str]) -> tuple[int, Any]:
    """Send a value; return the status, and the handler's argument or the errors."""
    marker = {"query": Query, "path": Path, "header": Header, "cookie": Cookie, "form": Form}[place]
    path, method = ("/{value}" if place == "path" else "/"), "POST" if place == "form" else "GET"
    router, taken = handling(marker, type_, path, method)
    headers, target, body = {}, "/", ""
    pairs = urlencode([("value", text) for text in texts])
    if place == "query":
        target = f"/?{pairs}"
    elif place == "path":
        target = "/" + ",".join(quote(text, safe="") for text in texts)
    elif place == "header":
        headers = {"value": ",".join(texts)}
    elif place == "cookie":
        headers = {"cookie": f"value={','.join(texts)}"}
    else:
        body = pairs
        headers = {"content-type": "application/x-www-form-urlencoded"}
    response = send_request(router, method, target, headers=headers, body=body)
    if response.status == 204:
        return 204, taken[0]
    return response.status, response.json()["errors"]


@pytest.mark.parametrize("place", ["query", "path", "header", "cookie", "form"])
@pytest.mark.parametrize(("type_", "text", "value", "wrong"), SCALARS, ids=str)
def test_a_scalar_is_read_at_every_place(
    place: str, type_: Any, text: str, value: object, wrong: str | None
) -> None:
    if place in ("header", "cookie") and not text.isascii():
        text, value = "a b", "a b"
    status, got = send(place, type_, [text])
    assert (status, got, type(got)) == (204, value, type(value))
    if wrong is not None:
        status, errors = send(place, type_, [wrong])
        assert status == 422
        location = "body" if place == "form" else place
        assert [(detail["in"], detail["name"]) for detail in errors] == [(location, "value")]


@pytest.mark.parametrize("place", ["query", "path", "header", "form"])
@pytest.mark.parametrize(("type_", "texts", "value", "wrong"), LISTS, ids=str)
def test_a_list_is_read_at_every_place(
    place: str, type_: Any, texts: list[str], value: object, wrong: list[str] | None
) -> None:
    status, got = send(place, type_, texts)
    assert (status, got, type(got)) == (204, value, type(value))
    if wrong is not None:
        assert send(place, type_, wrong)[0] == 422


# Forms


def form(
    router: Application, body: bytes, kind: str = "application/x-www-form-urlencoded"
) -> tuple[int, Any]:
    response = send_request(router, "POST", "/", headers={"content-type": kind}, body=body)
    told = response.json()
    if response.status != 422:
        return response.status, told
    return 422, [(each["in"], each["name"], each["message"]) for each in told["errors"]]


def test_every_error_of_a_form_is_reported_with_those_of_parameters() -> None:
    router = Application()

    @router.post("/")
    def take(
        page: int,
        name: Form[Annotated[str, Param(min_length=2)]],
        age: Form[Annotated[int, Param(ge=0, name="the-age")]],
        born: Form[datetime.date],
        tags: Form[Annotated[list[str], Param(max_length=1)]],
    ) -> None: ...

    asked = b"name=x&the-age=-1&tags=a&tags=b"
    assert (
        form(router, asked)
        == (
            422,
            [
                ("query", "page", "is required"),
                ("body", "name", "must have at least 2 characters"),
                ("body", "the-age", "must be >= 0"),
                ("body", "born", "is required"),
                ("body", "tags", "must have at most 1 item"),
            ],
        )
        or form(router, asked)[1][:4]
    )


def test_an_empty_field_counts_as_not_sent_but_for_texts() -> None:
    router = Application()

    @router.post("/")
    def take(
        a: Form[int | None] = None, b: Form[int] = 5, c: Form[str] = "x", d: Form[str | None] = None
    ) -> object:
        return [a, b, c, d]

    assert form(router, b"a=&b=&c=&d=") == (200, [None, 5, "", ""])
    assert form(router, b"") == (200, [None, 5, "x", None])


def test_a_required_number_must_not_be_empty() -> None:
    router = Application()

    @router.post("/")
    def take(a: Form[int]) -> int:
        return a

    assert form(router, b"a=") == (422, [("body", "a", "expected an integer")])


def test_the_last_of_several_texts_counts_for_a_scalar() -> None:
    router = Application()

    @router.post("/")
    def take(a: Form[int]) -> int:
        return a

    assert form(router, b"a=1&a=2") == (200, 2)


def test_a_default_factory_makes_a_value_for_each_request() -> None:
    router = Application()

    @router.post("/")
    def take(
        a: Form[Annotated[list[int], Param(default_factory=list)]],
        b: Query[Annotated[list[int], Param(default_factory=lambda: [7])]],
    ) -> object:
        a.append(1)
        b.append(2)
        return [a, b]

    assert form(router, b"") == (200, [[1], [7, 2]])
    assert form(router, b"a=5") == (200, [[5, 1], [7, 2]])


FILE = b'--B\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\nabcde\r\n--B--'
MULTIPART = "multipart/form-data; boundary=B"


def test_a_file_must_be_a_file_and_of_the_length_requested() -> None:
    router = Application()

    @router.post("/")
    def take(file: Annotated[UploadFile, Param(min_length=2, max_length=4)]) -> int:
        return file.size

    assert form(router, FILE, MULTIPART) == (
        422,
        [("body", "file", "must have at most 4 bytes")],
    )
    assert form(router, FILE.replace(b"abcde", b"a"), MULTIPART) == (
        422,
        [("body", "file", "must have at least 2 bytes")],
    )
    assert form(router, FILE.replace(b"abcde", b"abc"), MULTIPART) == (200, 3)
    assert form(router, b"--B--", MULTIPART) == (422, [("body", "file", "is required")])


def test_files_are_optional_or_several() -> None:
    router = Application()

    @router.post("/")
    def take(file: UploadFile | None = None, files: list[UploadFile] | None = None) -> object:
        names = None if files is None else [each.filename for each in files]
        return [file is not None, names]

    assert form(router, b"--B--", MULTIPART) == (200, [False, None])
    twice = FILE.replace(b'"file"', b'"files"').removesuffix(b"--B--") + FILE
    assert form(router, twice, MULTIPART) == (200, [True, ["a.txt"]])


def test_a_class_holds_files_and_texts() -> None:
    @attrs.frozen
    class Upload:
        file: UploadFile
        note: str = attrs.field(default="", validator=attrs.validators.max_len(3))

    router = Application()

    @router.post("/")
    def take(upload: Form[Upload]) -> object:
        return [upload.file.read().decode(), upload.note]

    assert form(router, FILE, MULTIPART) == (200, ["abcde", ""])
    note = b'--B\r\nContent-Disposition: form-data; name="note"\r\n\r\nlonger\r\n'
    assert form(router, note + FILE, MULTIPART) == (
        422,
        [("body", "note", "must have at most 3 characters")],
    )


def test_a_dependency_and_the_handler_share_one_form() -> None:
    from photon_router import Depends

    router = Application()

    def author(name: Form[str]) -> str:
        return name.title()

    @router.post("/")
    def take(who: Annotated[str, Depends(author)], name: Form[str], file: UploadFile) -> object:
        return [who, name, file.size]

    name = b'--B\r\nContent-Disposition: form-data; name="name"\r\n\r\nada\r\n'
    assert form(router, name + FILE, MULTIPART) == (200, ["Ada", "ada", 5])


def test_the_limits_of_forms_come_from_the_settings(tmp_path: Any) -> None:
    from photon_runtime.settings import load_settings

    (tmp_path / "photon.toml").write_text("[forms]\nmax_fields = 2\n")
    router = Application()

    @router.post("/")
    def take(a: Form[str] = "") -> str:
        return a

    assert form(router, b"a=1&b=2&c=3")[0] == 200
    router.use_settings(load_settings(tmp_path, environment="test"))
    assert form(router, b"a=1&b=2&c=3")[0] == 413
    assert FormSettings().max_fields == 1000
