# mypy: disable-error-code="import-not-found, misc, untyped-decorator, unused-ignore"
"""Robyn with pydantic models and plain functions, which cost less than ``async def`` there.

Argument: the port; Robyn reads its own options beside it.
"""

import sys

from pydantic import BaseModel
from robyn import Robyn

app = Robyn(__file__)


class Item(BaseModel):
    """A line of an order."""

    name: str
    price: float
    qty: int
    tags: list[str]


class Order(BaseModel):
    """What is posted to ``/orders``."""

    id: int
    items: list[Item]
    note: str


@app.get("/json")
def read_message() -> dict[str, str]:
    """Answer the constant object."""
    return {"message": "Hello, World!"}


@app.get("/items/:item_id")
def read_item(item_id: int, q: str | None = None) -> dict[str, int | str | None]:
    """Answer what was bound from the path and the query."""
    return {"item_id": item_id, "q": q}


@app.post("/orders")
def create_order(order: Order) -> dict[str, int]:
    """Answer the order's id and number of lines."""
    return {"id": order.id, "count": len(order.items)}


if __name__ == "__main__":
    app.start(host="127.0.0.1", port=int(sys.argv[1]))
