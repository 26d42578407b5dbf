"""What type-checkers see of decorators and dependencies; read by mypy and pyright, never run."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Annotated, assert_type

import attrs

from photon_router import (
    Application,
    BackgroundTasks,
    Created,
    Depends,
    Json,
    Query,
    Request,
    Response,
    ServerSentEvent,
    Status,
    photon_route,
)
from photon_runtime.http import Handler


@attrs.frozen
class Item:
    name: str


@attrs.frozen
class Missing:
    why: str = "gone"


router = Application(title="Typed", tags=["a"], omit_none=True, lifespan=contextlib.nullcontext)


@router.get("/items/{item_id}", status=200, tags=["items"], responses={404: "gone"})
def read(item_id: int, q: str | None = None) -> dict[str, object]:
    return {"item_id": item_id, "q": q}


@router.operation("makeItem", omit_none=False, middleware=[], error_handlers={})
def make(item: Json[Item]) -> Item:
    return item


@photon_route(method="POST", path="/items/{id}")
@router.route("/other", method="PUT")
def mark(id: int, body: Json[Item]) -> Json[Item]:
    return body


@router.middleware
def layer(request: Request, call_next: Handler) -> Response:
    return call_next(request)


# A decorated function is what it was.
assert_type(read(1), dict[str, object])
assert_type(make(Item("a")), Item)
assert_type(mark(1, Item("a")), Item)
read("1")  # type: ignore[arg-type]
make(1)  # type: ignore[arg-type]
router.operation("makeItem", status=201)  # type: ignore[call-arg]
router.include(Application(), omit_none=1)  # type: ignore[arg-type]
signature: Callable[[int, Item], Item] = mark


def number() -> int:
    return 1


def scoped() -> Iterator[Item]:
    yield Item("a")


class Paging:
    def __init__(self, page: int = 1) -> None:
        self.page = page


# A dependency has the type of its result, a generator's that of what it yields.
assert_type(Depends(number), int)
assert_type(Depends(scoped), Item)
assert_type(Depends(Paging), Paging)


@router.post("/items")
def depending(
    page: Query[int],
    count: int = Depends(number),
    item: Item = Depends(scoped),  # noqa: B008 - the marker
    paging: Paging = Depends(Paging),  # noqa: B008 - the marker
    *,
    noted: Annotated[Item, Depends(scoped)],
) -> None:
    assert_type(noted, Item)
    assert_type(count, int)


def wrong(count: str = Depends(number)) -> None: ...  # type: ignore[assignment]


# Options have names and types.
router.get("/x", satus=201)  # type: ignore[call-arg]
router.get("/x", status="201")  # type: ignore[arg-type]
router.get("/x", responses={"404": "gone"})  # type: ignore[dict-item]
photon_route(method="GET", path="/x", tags=1)  # type: ignore[arg-type]
router.middleware(number)  # type: ignore[arg-type]

with router.start(development=True) as handler:
    assert_type(handler(Request("GET", "/", [])), Response)


# Results are what the annotation says, whatever stands around it.
@router.get("/found", responses={404: Missing}, media_type="application/json")
def found(item_id: int) -> Item | Annotated[Missing, Status(404)]:
    return Item("a") if item_id else Missing()


@router.post("/made")
def made(tasks: BackgroundTasks) -> Created[Item]:
    tasks.add(read, 1, q="a")
    tasks.add(read, "1")  # type: ignore[arg-type]
    return Created(Item("a"), location=router.url_for("read", item_id=1))


@router.get("/events")
def events() -> Iterator[ServerSentEvent]:
    yield ServerSentEvent({"a": 1}, event="b", retry=1.5)


assert_type(made(BackgroundTasks()), Created[Item])
assert_type(made(BackgroundTasks()).item, Item)


@router.view("/items/{item_id}", tags=["items"])
@attrs.frozen
class ItemView:
    item_id: int
    count: int = Depends(number, use_cache=False)

    def get(self) -> Item:
        return Item(str(self.item_id))


assert_type(ItemView(1).get(), Item)
ItemView("1")  # type: ignore[arg-type]
assert_type(Depends(scoped, scope="application"), Item)
Depends(number, scope="session")  # type: ignore[call-overload]

with router.overrides({number: lambda: 2}):
    pass
router.get("/x", examples=1)  # type: ignore[arg-type]
