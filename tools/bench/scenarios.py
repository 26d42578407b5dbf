"""The requests to every server, and the expected responses.

Besides the request under load, a scenario may name requests that must be *refused*: a server that
does not validate its input does less work, and must not be compared as if it did.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and the answer expected; ``answer`` is None where only the status counts.

    Attributes:
        fields: Header fields beyond those that a body needs.
    """

    target: str
    statuses: tuple[int, ...] = (200,)
    answer: object = None
    body: bytes | None = None
    fields: Mapping[str, str] = field(default_factory=dict)

    @property
    def method(self) -> str:
        """The HTTP method: POST with a body, else GET."""
        return "GET" if self.body is None else "POST"

    @property
    def headers(self) -> Mapping[str, str]:
        """All header fields of the request but Host and Content-Length."""
        kind = {} if self.body is None else {"Content-Type": "application/json"}
        return {**self.fields, **kind}


@dataclass(frozen=True, slots=True)
class Scenario:
    """One row of measurements: the exchange under load, and requests that must be refused."""

    name: str
    about: str
    load: Exchange
    refused: tuple[Exchange, ...] = ()


def _order(*, first_quantity: object = 1) -> bytes:
    """Encode the nested order; 285 bytes with the default quantity."""
    prices = (9.5, 2.5, 3.5, 0.5, 1.5)
    items = [
        {"name": name, "price": price, "qty": n, "tags": ["a", "b"]}
        for n, (name, price) in enumerate(zip("abcde", prices, strict=True), start=1)
    ]
    items[0]["qty"] = first_quantity
    order = {"id": 4711, "items": items, "note": "bay7"}
    return json.dumps(order, separators=(",", ":")).encode()


JSON = Scenario(
    name="json",
    about="GET /json, a constant JSON object",
    load=Exchange("/json", answer={"message": "Hello, World!"}),
)
TYPED = Scenario(
    name="typed",
    about="GET /items/42?q=abc, an int from the path and an optional str from the query",
    load=Exchange("/items/42?q=abc", answer={"item_id": 42, "q": "abc"}),
    refused=(Exchange("/items/forty-two", statuses=(400, 404, 422)),),
)
POST = Scenario(
    name="post",
    about=f"POST /orders, a validated nested JSON body of {len(_order())} bytes",
    load=Exchange("/orders", (200, 201), answer={"id": 4711, "count": 5}, body=_order()),
    refused=(Exchange("/orders", (400, 422), body=_order(first_quantity="some")),),
)
SCENARIOS: Mapping[str, Scenario] = {s.name: s for s in (JSON, TYPED, POST)}

# What Chromium sends with `fetch` from a page of the same site, in its order.
BROWSER_FIELDS: Mapping[str, str] = {
    "Connection": "keep-alive",
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/140.0.0.0 Safari/537.36",
    "Accept": "application/json, text/plain, */*",
    "Sec-Fetch-Site": "same-origin",
    "Sec-Fetch-Mode": "cors",
    "Sec-Fetch-Dest": "empty",
    "Referer": "http://127.0.0.1/orders/4711?sort=date",
    "Accept-Encoding": "gzip, deflate, br, zstd",
    "Accept-Language": "en-GB,en;q=0.9,de;q=0.8",
    "Cookie": "session=3q2-7wAAAAB5fJ0dVx1a8m2kQkYt9w; theme=dark; consent=1",
}
BROWSER = Scenario(
    name="browser",
    about="GET /json with the ten header fields that a browser sends beside Host",
    load=Exchange("/json", answer={"message": "Hello, World!"}, fields=BROWSER_FIELDS),
)
