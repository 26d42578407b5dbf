"""What type-checkers see of the markers; read by mypy and pyright, never run."""

from collections.abc import Iterator
from typing import Annotated, assert_type

import attrs

from photon_openapi.annotations._param import Param
from photon_router._submitted import Submitted
from photon_router._upload import UploadFile
from photon_router.annotations._types import Body, Cookie, Form, Header, Json, Path, Query


@attrs.define
class ItemIn:
    name: str


def handler(
    item: Json[ItemIn],
    form: Form[ItemIn],
    page: Query[int],
    size: Query[Annotated[int, Param(ge=1, name="page-size")]],
    name: Path[str],
    token: Header[str] | None,
    theme: Cookie[str | None],
    raw: Body[bytes],
    tags: Query[list[str]],
    parts: Body[Iterator[bytes]],
    file: Annotated[UploadFile, Param(max_length=9)],
    submitted: Submitted[ItemIn],
    files: list[UploadFile] | None = None,
) -> None:
    assert_type(item, ItemIn)
    assert_type(form, ItemIn)
    assert_type(submitted.value, ItemIn | None)
    assert_type(page, int)
    assert_type(size, int)
    assert_type(name, str)
    assert_type(token, str | None)
    assert_type(theme, str | None)
    assert_type(raw, bytes)
    assert_type(tags, list[str])
    assert_type(parts, Iterator[bytes])
    assert_type(file, UploadFile)
    assert_type(files, list[UploadFile] | None)


def defaults(page: Query[int] = 1, limit: Query[int | None] = None) -> int:
    return page + (limit or 0)


handler(
    ItemIn("a"),
    ItemIn("b"),
    1,
    2,
    "x",
    None,
    None,
    b"",
    [],
    iter([b""]),
    UploadFile(),
    Submitted(ItemIn("c")),
)
defaults(page=2)
defaults(page="2")  # type: ignore[arg-type]
