# mypy: disable-error-code="import-not-found, misc, untyped-decorator, unused-ignore"
"""Falcon with msgspec, as its recipe for that library shows: encoder and decoder are made once."""

import falcon
import falcon.media
import msgspec


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


_ORDERS = msgspec.json.Decoder(Order)


class Message:
    """The constant object."""

    def on_get(self, request: falcon.Request, response: falcon.Response) -> None:
        """Answer the constant object."""
        response.media = {"message": "Hello, World!"}


class Items:
    """An item, by its number."""

    def on_get(self, request: falcon.Request, response: falcon.Response, item_id: int) -> None:
        """Answer what was bound from the path and the query."""
        response.media = {"item_id": item_id, "q": request.get_param("q")}


class Orders:
    """The orders."""

    def on_post(self, request: falcon.Request, response: falcon.Response) -> None:
        """Answer the order's id and number of lines."""
        try:
            order = _ORDERS.decode(request.bounded_stream.read())
        except msgspec.ValidationError as error:
            raise falcon.HTTPUnprocessableEntity(description=str(error)) from error
        except msgspec.DecodeError as error:
            raise falcon.MediaMalformedError("JSON") from error
        response.media = {"id": order.id, "count": len(order.items)}


app = falcon.App()
app.resp_options.media_handlers[falcon.MEDIA_JSON] = falcon.media.JSONHandler(
    dumps=msgspec.json.Encoder().encode
)
app.add_route("/json", Message())
app.add_route("/items/{item_id:int}", Items())
app.add_route("/orders", Orders())
