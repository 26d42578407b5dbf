"""Requests to a handler without a socket.

`send_request` does the work of a server except for HTTP's framing: it starts the application, calls
the handler in a task and in a copy of the context variables, collects the body, calls the
after-response callbacks, and ends the application. Only an error that the handler does not turn
into a response itself is not a 500 here: it is raised to the caller.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import attrs
import msgspec

from .._pooled_greenlet import current_task
from .._run import run
from ..errors import NotRunning
from ..http import (
    Application,
    FileBody,
    Handler,
    Headers,
    HttpError,
    Peer,
    Request,
    Response,
    ServerSettings,
    context_of,
    forbids_body,
    problem_response,
)
from ._received import ReceivedResponse

_CLIENT = ("127.0.0.1", 50000)
_BODY_LIMIT = ServerSettings().max_body_size

HeaderFields = Mapping[str, str] | Iterable[tuple[str, str]]


@attrs.frozen
class HandlerResponse(ReceivedResponse):
    """A response to a request in memory.

    Attributes:
        request: Request after the application has handled it: ``request.failure`` is the error
            that caused a 500, ``request.route`` the operation, ``request.state`` its state.
    """

    request: Request


def make_request(
    method: str,
    target: str,
    *,
    headers: HeaderFields = (),
    body: bytes | str | None = None,
    json: object = attrs.NOTHING,
    client: tuple[str, int] = _CLIENT,
    scheme: str = "http",
    body_limit: int = _BODY_LIMIT,
) -> Request:
    """Return a request as a server makes it from the bytes of a client.

    ``Host`` (``testserver``), the length of a body and the type of a JSON body are added where
    ``headers`` do not have them.

    Args:
        method: The method, in capitals.
        target: Path and query as they are sent, percent-encoded.
        headers: Header fields; pairs, where a field is sent twice. Values are Latin-1.
        body: The content; text is sent as UTF-8.
        json: A value that is sent as JSON, ``None`` as ``null``. It may be of any type that
            msgspec encodes, such as an attrs class.
        client: Address and port of the client.
        scheme: ``http`` or ``https``.
        body_limit: Maximum number of bytes of the body.

    Raises:
        TypeError: Both ``body`` and ``json`` are passed.

    Example:
        >>> from photon_runtime.testing import make_request
        >>> request = make_request("POST", "/items?dry=1", json={"name": "tea"})
        >>> request.query["dry"], request.headers["content-type"], request.body
        ('1', 'application/json', b'{"name":"tea"}')
    """
    fields = Headers(headers.items() if isinstance(headers, Mapping) else headers)
    pairs = [] if "host" in fields else [("host", "testserver")]
    pairs += fields.pairs()
    content = body.encode() if isinstance(body, str) else body
    if json is not attrs.NOTHING:
        if body is not None:
            raise TypeError("a request has one body: give `body` or `json`, not both")
        content = msgspec.json.encode(json)
        if "content-type" not in fields:
            pairs.append(("content-type", "application/json"))
    if content is not None and not {"content-length", "transfer-encoding"} & fields.keys():
        pairs.append(("content-length", str(len(content))))
    request = Request(
        method,
        target,
        [(name.encode("ascii"), value.encode("latin-1")) for name, value in pairs],
        peer=Peer(client, scheme=scheme),
        body_limit=body_limit,
    )
    if content is not None:
        request._parts = [content] if content else []
        request._received = request._content_length = len(content)
    return request


def send_request(
    application: Application | Handler,
    method: str,
    target: str,
    *,
    headers: HeaderFields = (),
    body: bytes | str | None = None,
    json: object = attrs.NOTHING,
    client: tuple[str, int] = _CLIENT,
    scheme: str = "http",
    body_limit: int = _BODY_LIMIT,
    development: bool = False,
) -> HandlerResponse:
    """Send one request to an application or a handler in memory, and return the response.

    An application is started before and ended afterwards. For several requests to one start, or to
    use the resources of a lifespan, enter ``application.start()`` and pass the handler. Outside of
    tasks all of it runs in a hub of its own.

    Args:
        application: Application, or a handler: a function from a request to a response.
        method: As in `make_request`, like the arguments from ``target`` to ``body_limit``.
        target: Path and query.
        headers: Header fields.
        body: The content.
        json: A value that is sent as JSON.
        client: Address and port of the client.
        scheme: ``http`` or ``https``.
        body_limit: Maximum number of bytes of the body.
        development: Passed to the application's start; if true, responses are checked.

    Returns:
        The response with its whole body, after all after-response callbacks.

    Raises:
        PhotonError: The application has a configuration error.
        TypeError: Both ``body`` and ``json`` are passed, or the handler does not return a response.
        Exception: The handler, or the body of the response, raised it. An application turns an
            unexpected error into a response itself; see `HandlerResponse.request`.

    Blocks: until the response is complete.

    Example:
        >>> from photon_runtime.http import Request, Response
        >>> from photon_runtime.testing import send_request
        >>> def echo(request: Request) -> Response:
        ...     return Response(body=request.body, content_type="text/plain")
        >>> response = send_request(echo, "POST", "/", body="hello")
        >>> response.status, response.text, response.headers["content-length"]
        (200, 'hello', '5')
    """
    request = make_request(
        method,
        target,
        headers=headers,
        body=body,
        json=json,
        client=client,
        scheme=scheme,
        body_limit=body_limit,
    )

    def exchange() -> HandlerResponse:
        if not isinstance(application, Application):
            return context_of(application).run(_handle, application, request)
        with application.start(development=development) as handler:
            return context_of(handler).run(_handle, handler, request)

    try:
        current_task()
    except NotRunning:
        return run(exchange)
    return exchange()


def sent_fields(response: Response) -> list[tuple[str, str]]:
    """Return the header fields that a client receives, except for those of the connection.

    They include ``Content-Type`` and the length of a body, if it is known.
    """
    pairs = [(name.lower(), value) for name, value in response.headers]
    if response.content_type is not None:
        pairs.append(("content-type", response.content_type))
    body = response.body
    if not forbids_body(response.status) and response.header("content-length") is None:
        if isinstance(body, FileBody):
            pairs.append(("content-length", str(body.length)))
        elif isinstance(body, bytes):
            pairs.append(("content-length", str(len(body))))
    return pairs


def _handle(handler: Handler, request: Request) -> HandlerResponse:
    try:
        try:
            return _received(request, handler(request))
        except HttpError as error:
            return _received(request, problem_response(error))
    finally:
        request.run_after_response_callbacks()


def _received(request: Request, response: Response) -> HandlerResponse:
    if not isinstance(response, Response):
        raise TypeError(f"a handler returns a Response, not {response!r}")
    fields = Headers(sent_fields(response))
    return HandlerResponse(response.status, fields, _content(request, response), request=request)


def _content(request: Request, response: Response) -> bytes:
    """Collect the body that a client receives; close a streamed body."""
    body = response.body
    has_body = request.method != "HEAD" and not forbids_body(response.status)
    if isinstance(body, bytes):
        return body if has_body else b""
    try:
        return b"".join(body) if has_body else b""
    finally:
        close = getattr(body, "close", None)
        if close is not None:
            close()
