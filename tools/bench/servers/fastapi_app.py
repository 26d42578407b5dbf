# mypy: disable-error-code="import-not-found, misc, untyped-decorator, unused-ignore"
"""FastAPI with pydantic models and ``async def`` handlers."""

from fastapi import FastAPI
from pydantic import BaseModel

app = FastAPI(title="bench", version="1.0.0")


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
async def read_message() -> dict[str, str]:
    """Answer the constant object."""
    return {"message": "Hello, World!"}


@app.get("/items/{item_id}")
async def read_item(item_id: int, q: str | None = None) -> dict[str, int | str | None]:
    """Answer what was bound from the path and the query."""
    return {"item_id": item_id, "q": q}


@app.post("/orders")
async def create_order(order: Order) -> dict[str, int]:
    """Answer the order's id and number of lines."""
    return {"id": order.id, "count": len(order.items)}
