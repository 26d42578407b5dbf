"""The whole of Photon as an application has it by default: routing, binding, validation."""

import attrs

from photon import Json, Photon

app = Photon(title="bench", version="1.0.0")


@attrs.frozen
class Item:
    """A line of an order."""

    name: str
    price: float
    qty: int
    tags: list[str]


@attrs.frozen
class Order:
    """What is posted to ``/orders``."""

    id: int
    items: list[Item]
    note: str


@app.get("/json")
def read_message() -> dict[str, str]:
    """Answer the constant object."""
    return {"message": "Hello, World!"}


@app.get("/items/{item_id}")
def read_item(item_id: int, q: str | None = None) -> dict[str, int | str | None]:
    """Answer what was bound from the path and the query."""
    return {"item_id": item_id, "q": q}


@app.post("/orders")
def create_order(order: Json[Order]) -> dict[str, int]:
    """Answer the order's id and number of lines."""
    return {"id": order.id, "count": len(order.items)}
