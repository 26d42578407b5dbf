# mypy: disable-error-code="import-not-found, misc, untyped-decorator, unused-ignore"
"""oxapy with its own serializers, in one process with one worker. Argument: the port.

Its ``{item_id:int}`` responds with 500 to what is not a number, hence the conversion in the
handler.
"""

import sys

from oxapy import HttpServer, Request, Router, exceptions, get, post, serializer


class Item(serializer.Serializer):
    """A line of an order."""

    name = serializer.CharField()
    price = serializer.NumberField()
    qty = serializer.IntegerField()
    tags = serializer.CharField(many=True)


class Order(serializer.Serializer):
    """What is posted to ``/orders``."""

    id = serializer.IntegerField()
    items = Item(many=True)
    note = serializer.CharField()


@get("/json")
def read_message(request: Request) -> dict[str, str]:
    """Answer the constant object."""
    return {"message": "Hello, World!"}


@get("/items/{item_id}")
def read_item(request: Request, item_id: str) -> dict[str, int | str | None]:
    """Answer what was bound from the path and the query."""
    try:
        number = int(item_id)
    except ValueError as error:
        raise exceptions.BadRequestError(str(error)) from error
    return {"item_id": number, "q": request.query.get("q")}


@post("/orders")
def create_order(request: Request) -> dict[str, int]:
    """Answer the order's id and number of lines."""
    order = Order(request.data)
    order.is_valid()  # raises what becomes status 400
    data = order.validated_data
    return {"id": data["id"], "count": len(data["items"])}


if __name__ == "__main__":
    router = Router()
    router.routes([read_message, read_item, create_order])
    HttpServer(("127.0.0.1", int(sys.argv[1]))).attach(router).run(1)
