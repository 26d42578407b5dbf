# mypy: disable-error-code="import-not-found, misc, untyped-decorator, unused-ignore"
"""Litestar with the structs of msgspec and ``async def`` handlers, without logging."""

import msgspec
from litestar import Litestar, get, post


class Item(msgspec.Struct):
    """A line of an order."""

    name: str
    price: float
    qty: int
    tags: list[str]


class Order(msgspec.Struct):
    """What is posted to ``/orders``."""

    id: int
    items: list[Item]
    note: str


@get("/json")
async def read_message() -> dict[str, str]:
    """Answer the constant object."""
    return {"message": "Hello, World!"}


@get("/items/{item_id:int}")
async def read_item(item_id: int, q: str | None = None) -> dict[str, int | str | None]:
    """Answer what was bound from the path and the query."""
    return {"item_id": item_id, "q": q}


@post("/orders")
async def create_order(data: Order) -> dict[str, int]:
    """Answer the order's id and number of lines."""
    return {"id": data.id, "count": len(data.items)}


app = Litestar([read_message, read_item, create_order], logging_config=None)
