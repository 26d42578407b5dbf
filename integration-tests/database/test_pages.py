"""Pages as results of handlers: parameters, schemas, and walking through all of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs
import pytest
from attrs.validators import ge, le
from sqlalchemy import String, func, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from photon import Photon, Query, Request
from photon.testing import Client
from photon_lifeguard import Database, DatabasePart, DatabaseSettings
from photon_lifeguard.pagination import (
    CursorParameters,
    KeysetPage,
    Page,
    PageParameters,
    link_header,
    paginate,
)
from photon_runtime.settings import load_settings


class Base(DeclarativeBase):
    """The models of this file."""


class Post(Base):
    """A text."""

    __tablename__ = "paged_posts"
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column(String(50))
    rank: Mapped[int | None]


@attrs.frozen
class PostOut:
    """The body of a response."""

    id: int
    title: str


@attrs.frozen
class RankCount:
    """How many posts have a rank."""

    rank: int | None
    posts: int


@attrs.frozen
class Large(PageParameters):
    """Parameters of larger pages."""

    per_page: int = attrs.field(default=500, validator=[ge(1), le(1000)])


def make_app() -> Photon:
    app = Photon()
    app.add(DatabasePart())

    @app.get("/numbered")
    def numbered(
        request: Request, db: Session, page: Query[PageParameters]
    ) -> tuple[Page[PostOut], int, dict[str, str]]:
        result: Page[Any] = paginate(db, select(Post).order_by(Post.rank), page)
        return result, 200, {"Link": link_header(request, result)}

    @app.get("/feed")
    def feed(db: Session, page: Query[CursorParameters]) -> KeysetPage[Post]:
        return paginate(db, select(Post).order_by(Post.rank.desc().nulls_last()), page)

    @app.get("/ranks")
    def ranks(db: Session, page: Query[CursorParameters]) -> KeysetPage[RankCount]:
        query = select(Post.rank, func.count().label("posts")).group_by(Post.rank)
        return paginate(db, query.order_by(Post.rank), page)

    @app.get("/large")
    def large(db: Session, page: Query[Large]) -> Page[Post]:
        return paginate(db, select(Post), page, count=False)

    return app


@pytest.fixture
def blog(tmp_path: Path) -> Photon:
    url = f"sqlite:///{tmp_path}/app.db"
    database = Database(DatabaseSettings(url=url))
    Base.metadata.create_all(database.engine)
    with database.session() as session:
        session.add_all(
            Post(id=number, title=f"t{number}", rank=number % 3 or None) for number in range(1, 11)
        )
        session.commit()
    database.close()
    app = make_app()
    environ = {"PHOTON__DATABASE__URL": url}
    app.use_settings(load_settings(tmp_path, environment="test", environ=environ))
    return app


def test_pages_by_number_have_links_and_a_total(blog: Photon) -> None:
    with Client(blog) as client:
        response = client.get("/numbered?per_page=4&page=2")
        page = response.json()
        assert [item["id"] for item in page["items"]] == [4, 7, 10, 2]
        assert page["items"][0] == {"id": 4, "title": "t4"}
        assert (page["total"], page["has_next"]) == (10, True)
        assert '</numbered?per_page=4&page=3>; rel="next"' in response.headers["link"]


def test_a_client_walks_through_all_pages_and_back(blog: Photon) -> None:
    with Client(blog) as client:
        walked: list[int] = []
        page = client.get("/feed?limit=3").json()
        while True:
            walked += [item["id"] for item in page["items"]]
            if page["next"] is None:
                break
            page = client.get("/feed", params={"limit": 3, "after": page["next"]}).json()
        assert walked == [2, 5, 8, 1, 4, 7, 10, 3, 6, 9]
        back = [item["id"] for item in page["items"]]
        while page["previous"] is not None:
            page = client.get("/feed", params={"limit": 3, "before": page["previous"]}).json()
            back = [item["id"] for item in page["items"]] + back
        assert back == walked


def test_rows_of_a_query_are_items(blog: Photon) -> None:
    with Client(blog) as client:
        page = client.get("/ranks?limit=2").json()
        assert page["items"] == [{"rank": None, "posts": 3}, {"rank": 1, "posts": 4}]
        page = client.get("/ranks", params={"after": page["next"]}).json()
        assert page["items"] == [{"rank": 2, "posts": 3}]


@pytest.mark.parametrize(
    ("target", "name"),
    [
        ("/numbered?page=0", "page"),
        ("/numbered?per_page=101", "per_page"),
        ("/numbered?page=99999999999", "page"),
        ("/feed?limit=x", "limit"),
        ("/feed?after=x", "after"),
        ("/feed?before=x", "before"),
        ("/large?per_page=1001", "per_page"),
    ],
)
def test_invalid_parameters_are_named(blog: Photon, target: str, name: str) -> None:
    with Client(blog) as client:
        response = client.get(target)
        assert response.status_code == 422
        assert response.headers["content-type"] == "application/problem+json"
        assert [error["name"] for error in response.json()["errors"]] == [name]


def test_a_cursor_of_another_list_is_refused(blog: Photon) -> None:
    with Client(blog) as client:
        cursor = client.get("/feed?limit=1").json()["next"]
        response = client.get("/ranks", params={"after": cursor})
        assert response.status_code == 422
        (error,) = response.json()["errors"]
        assert error["message"] == "is not a cursor of this list: begin again without it"


def test_the_document_has_the_items_and_the_limits(blog: Photon) -> None:
    document = blog.document()
    schemas = document["components"]["schemas"]
    assert schemas["Page_PostOut"]["properties"]["items"]["items"] == {
        "$ref": "#/components/schemas/PostOut"
    }
    assert schemas["KeysetPage_Post"]["properties"]["items"]["items"] == {
        "$ref": "#/components/schemas/Post"
    }
    parameters = document["paths"]["/large"]["get"]["parameters"]
    assert {each["name"]: each["schema"].get("maximum") for each in parameters} == {
        "page": 2**31 - 1,
        "per_page": 1000,
    }
