# mypy: disable-error-code="import-not-found, misc, untyped-decorator, unused-ignore"
"""BlackSheep with pydantic models and orjson, both as its documentation recommends."""

from typing import Any

import orjson
from blacksheep import Application, FromJSON
from blacksheep.settings.json import json_settings
from pydantic import BaseModel


def _dumps(value: Any) -> str:
    encoded: bytes = orjson.dumps(value)
    return encoded.decode()


json_settings.use(loads=orjson.loads, dumps=_dumps)
app = Application()


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


@app.router.get("/json")
async def read_message() -> dict[str, str]:
    """Answer the constant object."""
    return {"message": "Hello, World!"}


@app.router.get("/items/{item_id}")
async def read_item(item_id: int, q: str | None = None) -> dict[str, int | str | None]:
    """Answer what was bound from the path and the query."""
    return {"item_id": item_id, "q": q}


@app.router.post("/orders")
async def create_order(order: FromJSON[Order]) -> dict[str, int]:
    """Answer the order's id and number of lines."""
    return {"id": order.value.id, "count": len(order.value.items)}
