"""An application without a document of its own: whatever signatures can say, in one place.

So the document that Photon writes can be held against what Photon does.
"""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import enum
import uuid
from collections.abc import Iterator
from typing import Annotated, Generic, Literal, NewType, NotRequired, TypedDict, TypeVar

import attrs
from attrs import validators

from photon import (
    Body,
    Cookie,
    Created,
    CurrentUser,
    Depends,
    Form,
    Header,
    Html,
    HttpError,
    Json,
    JsonLines,
    NoContent,
    Param,
    Path,
    Photon,
    Query,
    Redirect,
    Router,
    ServerSentEvent,
    Status,
    Text,
    UploadFile,
)
from photon_router.security import ANONYMOUS, ApiKey, BearerToken, Identity

T = TypeVar("T")
UserId = NewType("UserId", int)


class Size(enum.Enum):
    """How large something is."""

    SMALL = "s"
    LARGE = "l"


class Level(enum.IntEnum):
    """How urgent something is."""

    LOW = 1
    HIGH = 2


@attrs.frozen
class Leaf:
    """The end of a branch, told from a branch by its kind."""

    kind: Literal["leaf"]
    # Bounded, so that no sum of weights is infinite, which JSON cannot express.
    weight: float = attrs.field(validator=[validators.ge(0), validators.le(1_000_000)])


@attrs.frozen
class Branch:
    """What holds more of its kind."""

    kind: Literal["branch"]
    parts: list[Leaf | Branch] = attrs.field(validator=validators.max_len(3))


@attrs.frozen
class Item:
    """Something with every kind of member."""

    name: str = attrs.field(validator=[validators.min_len(1), validators.max_len(40)])
    code: Annotated[str, Param(pattern="^[A-Z]{2}[0-9]+$")]
    price: decimal.Decimal = decimal.Decimal("1.5")
    size: Size = Size.SMALL
    level: Level = Level.LOW
    count: int = attrs.field(default=1, validator=validators.ge(0))
    ratio: Annotated[float | None, Param(gt=0, lt=1)] = None
    tags: Annotated[list[str], Param(max_length=3)] = attrs.field(factory=list)
    marks: set[int] = attrs.field(factory=set)
    labels: dict[str, int] = attrs.field(factory=dict)
    pair: tuple[int, str] = (1, "a")
    made: datetime.date | None = None
    owner: UserId | None = None


class Patch(TypedDict):
    """Changes to an item."""

    name: NotRequired[Annotated[str, Param(min_length=1)]]
    count: NotRequired[Annotated[int, Param(ge=0)]]


@dataclasses.dataclass(frozen=True)
class Place:
    """Where something is."""

    shelf: int
    side: Literal["left", "right"] = "left"


@attrs.frozen
class Page(Generic[T]):
    """A part of a list."""

    items: list[T]
    total: int


@attrs.frozen
class Paging:
    """Which part of a list."""

    page: Annotated[int, Param(ge=1, le=10_000)] = 1
    page_size: Annotated[int, Param(name="page-size", ge=1, le=100)] = 20


@attrs.frozen
class Missing:
    """There is no such thing."""

    looked_for: uuid.UUID


@attrs.frozen
class Application:
    """A form."""

    applicant: Annotated[str, Param(min_length=1)]
    size: Size = Size.SMALL
    days: Annotated[int, Param(ge=1, le=30)] = 1


def create_app() -> Photon:
    """Make the application."""
    master = BearerToken(
        lambda token: Identity("master") if token == "token-of-the-master" else None
    )
    robots = ApiKey({"robot": "key-of-the-robot-in-tests"}, header="X-Key")
    app = Photon(title="Everything: größer", version="2", description="*Everything*.")
    app.include(items())
    app.include(bodies())
    app.include(answers())

    @app.get("/me", security=[master, robots])
    def me(user: CurrentUser[Identity]) -> str:
        """Tell who asks."""
        return user.subject

    @app.get("/hello", security=[master, ANONYMOUS])
    def hello(user: CurrentUser[Identity | None]) -> str:
        """Greet whoever it is."""
        return "stranger" if user is None else user.subject

    return app


def items() -> Router:  # noqa: C901 - many small handlers
    """Return handlers of things that come and go."""
    router = Router(prefix="/items", tags=["items"])
    kept: dict[uuid.UUID, Item] = {}

    def found(item_id: Path[uuid.UUID]) -> Item:
        if item_id not in kept:
            raise HttpError(404, "there is no such item")
        return kept[item_id]

    the_item = Depends(found)
    gone = {404: "There is no such item."}

    @router.post("", status=201)
    def add(item: Json[Item]) -> Created[Item]:
        """Keep an item."""
        number = uuid.UUID(int=len(kept), version=4)
        kept[number] = item
        return Created(item, location=f"/items/{number}")

    @router.get("")
    def search(  # noqa: PLR0917 - all kinds of parameters
        paging: Query[Paging],
        size: list[Size] | None = None,
        level: Level | None = None,
        cheaper: decimal.Decimal | None = None,
        made: datetime.date | None = None,
        around: Query[Annotated[dict[str, int], Param(style="deepObject")] | None] = None,
        numbers: Query[Annotated[list[int], Param(explode=False, max_length=5)] | None] = None,
        x_trace: Header[Annotated[str, Param(max_length=20)] | None] = None,
        theme: Cookie[Literal["dark", "light"]] = "light",
    ) -> Page[Item]:
        """Show those that fit."""
        wanted = [item for item in kept.values() if size is None or item.size in size]
        start = (paging.page - 1) * paging.page_size
        return Page(wanted[start : start + paging.page_size], len(wanted))

    @router.get("/{item_id}", responses=gone)
    def show(item: Item = the_item) -> Item:
        """Show one."""
        return item

    @router.patch("/{item_id}", responses=gone)
    def change(item_id: Path[uuid.UUID], patch: Json[Patch], item: Item = the_item) -> Item:
        """Change one."""
        kept[item_id] = attrs.evolve(item, **patch)
        return kept[item_id]

    @router.delete("/{item_id}", responses=gone)
    def remove(item_id: Path[uuid.UUID], item: Item = the_item) -> None:
        """Remove one."""
        del kept[item_id]

    @router.get("/{item_id}/place")
    def place(item_id: uuid.UUID) -> Place | Annotated[Missing, Status(404)]:
        """Tell where one is."""
        return Place(3) if item_id in kept else Missing(item_id)

    return router


def bodies() -> Router:
    """Return handlers of what is sent in other forms."""
    router = Router(tags=["bodies"])

    @router.post("/trees")
    def weigh(tree: Json[Leaf | Branch]) -> float:
        """Weigh a tree."""
        return weight(tree)

    @router.post("/places")
    def places(named: Json[dict[str, Place]]) -> int:
        """Count places."""
        return len(named)

    @router.post("/applications")
    def apply(form: Form[Application]) -> Application:
        """Read a form."""
        return form

    @router.post("/pictures", status=201)
    def picture(
        file: Annotated[UploadFile, Param(max_length=100_000)], title: Form[str]
    ) -> dict[str, str | int]:
        """Read a file."""
        return {"title": title, "bytes": len(file.read())}

    @router.put("/blob")
    def blob(parts: Body[Iterator[bytes]]) -> int:
        """Count bytes."""
        return sum(map(len, parts))

    return router


def weight(tree: Leaf | Branch) -> float:
    """Return what a tree weighs."""
    return tree.weight if isinstance(tree, Leaf) else sum(map(weight, tree.parts))


def answers() -> Router:  # noqa: C901 - many small handlers
    """Return handlers that answer in all kinds."""
    router = Router(tags=["answers"])

    @router.get("/page")
    def page() -> Html:
        """Show a page."""
        return Html("<p>Here.")

    @router.get("/text")
    def text() -> Text:
        """Say a word."""
        return Text("word")

    @router.get("/elsewhere")
    def elsewhere() -> Redirect:
        """Lead away."""
        return Redirect("/text")

    @router.get("/nothing")
    def nothing() -> NoContent:
        """Say nothing."""
        return NoContent()

    @router.get("/events")
    def events(count: Annotated[int, Param(ge=0, le=5)] = 2) -> Iterator[ServerSentEvent]:
        """Tell what happens."""
        for number in range(count):
            yield ServerSentEvent(data={"number": number})

    @router.get("/lines")
    def lines(count: Annotated[int, Param(ge=0, le=5)] = 2) -> JsonLines[Place]:
        """Tell it line by line."""
        return JsonLines(Place(number) for number in range(count))

    @router.get("/scalars/{day}/{at}/{flag}")
    def scalars(day: datetime.date, at: datetime.datetime, flag: bool) -> dict[str, object]:
        """Show scalars as they came."""
        return {"day": day, "at": at, "flag": flag}

    @router.get("/files/{rest:path}")
    def rest(rest: str) -> str:
        """Show the rest of the path."""
        return rest

    return router
