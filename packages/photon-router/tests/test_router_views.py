"""Views: the methods of one resource in one class."""

from collections.abc import Iterator
from typing import Annotated

import attrs
import pytest

from photon_router import Application, Depends, Header, Json, SignatureError, Status
from photon_runtime.testing import send_request

LOG: list[str] = []


def session() -> Iterator[dict[int, str]]:
    LOG.append("open")
    yield {1: "tea"}
    LOG.append("close")


@attrs.frozen
class ItemView:
    """One thing."""

    item_id: int
    x_user: Header[str] = "nobody"
    db: dict[int, str] = Depends(session)  # noqa: RUF009 - the marker
    seen: list[str] = attrs.field(factory=list, init=False)

    def get(self, upper: bool = False) -> str | Annotated[None, Status(404)]:
        """Show it."""
        name = self.db.get(self.item_id)
        return name.upper() if name and upper else name

    def put(self, name: Json[str]) -> str:
        return f"{self.x_user}: {self._said(name)}"

    def _said(self, name: str) -> str:
        return name


class ListView:
    def __init__(self, page: int = 1) -> None:
        self.page = page

    def get(self) -> int:
        return self.page


@attrs.frozen
class Base:
    item_id: int

    def get(self) -> int:
        return self.item_id


class Derived(Base):
    def delete(self) -> None: ...


@pytest.fixture
def router() -> Application:
    router = Application()
    router.view("/items/{item_id}", tags=["items"])(ItemView)
    router.view("/items")(ListView)
    return router


def test_the_methods_of_a_class_are_handlers(router: Application) -> None:
    LOG.clear()
    assert send_request(router, "GET", "/items/1").json() == "tea"
    assert LOG == ["open", "close"]
    assert send_request(router, "GET", "/items/1?upper=true").json() == "TEA"
    assert send_request(router, "GET", "/items/2").status == 404
    sent = {"content-type": "application/json", "x-user": "ada"}
    assert send_request(router, "PUT", "/items/1", body=b'"cup"', headers=sent).json() == "ada: cup"
    assert send_request(router, "GET", "/items?page=3").json() == 3
    assert send_request(router, "DELETE", "/items/1").status == 405
    assert send_request(router, "GET", "/items/one").status == 422


def test_views_are_in_the_document(router: Application) -> None:
    item = router.document()["paths"]["/items/{item_id}"]
    assert sorted(item) == ["get", "put"]
    assert item["get"]["operationId"] == "get_item"
    assert item["get"]["summary"] == "Show it."
    assert item["put"]["tags"] == ["items"]
    names = [(each["in"], each["name"]) for each in item["get"]["parameters"]]
    assert names == [("path", "item_id"), ("header", "x-user"), ("query", "upper")]
    assert router.url_for("get_list", page=2) == "/items?page=2"


def test_a_class_stays_what_it_is() -> None:
    assert ItemView(1, db={}).get() is None


def test_methods_are_inherited() -> None:
    router = Application()
    router.view("/x/{item_id}")(Derived)
    assert send_request(router, "GET", "/x/7").json() == 7
    assert send_request(router, "DELETE", "/x/7").status == 204


def test_views_come_with_an_included_router(router: Application) -> None:
    outer = Application()
    outer.include(router, prefix="/v1")
    assert send_request(outer, "GET", "/v1/items/1").json() == "tea"
    assert outer.url_for("get_item", item_id=1) == "/v1/items/1"


def test_a_class_without_methods_is_refused() -> None:
    class Empty:
        get = 1

    with pytest.raises(SignatureError, match="Empty has no handlers: name its methods"):
        Application().view("/x")(Empty)


def test_a_method_that_cannot_be_a_handler_is_refused() -> None:
    class Late:
        async def get(self) -> None: ...

    with pytest.raises(SignatureError, match="async"):
        Application().view("/x")(Late)
    with pytest.raises(SignatureError, match="did you mean 'tags'"):
        Application().view("/x", tag=["a"])  # type: ignore[call-arg]
