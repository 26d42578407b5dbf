"""Cross-origin resource sharing, as the fetch standard has it (section 3.2, "HTTP-CORS protocol").

Theory of operation. A browser lets a page read the answers of another origin only if they allow it,
and asks first, by a *preflight*, before it sends what a plain form could not. CORS opens what
browsers keep shut, and protects nothing: a request of an origin that is not allowed is handled as
any other, but the page does not get to see the answer.

A preflight is an OPTIONS request with ``Origin`` and ``Access-Control-Request-Method``. It carries
no credentials, so it is answered here, before authentication, and no handler sees it. Which
operation it asks about is found by the template of its path and the method that it names.

Caches: an answer that depends on the origin says ``Vary: Origin``, also where no origin was sent or
the one that was is not allowed; else a cache would give the answer for one origin to another. What
is open to all says so to all, and does not vary.

The document may change the policy for an operation by ``x-cors``: ``false`` for none, or a table of
options that differ, named as here but in the way of OpenAPI (``allowOrigins``, ``maxAge`` …).
"""

from __future__ import annotations

import copy
import re
from collections.abc import Sequence
from typing import Any

import attrs
from attrs.validators import ge

from photon_runtime.http import Handler, HttpError, Request, Response, add_vary

from ..handlers import Middleware
from ._checks import is_strings
from ._layer import Layer, Operations, Rules, rule_for, rules_of

EXTENSION = "x-cors"
_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://(?:\[[0-9a-f:.]+\]|[^/:\s?#@\[\]A-Z]+)(?::[0-9]+)?")
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_DEFAULT_PORTS = {"http": ":80", "https": ":443"}
_OPTIONS = {
    "allowOrigins": "allow_origins",
    "allowOriginRegex": "allow_origin_regex",
    "allowMethods": "allow_methods",
    "allowHeaders": "allow_headers",
    "exposeHeaders": "expose_headers",
    "allowCredentials": "allow_credentials",
    "allowPrivateNetwork": "allow_private_network",
    "maxAge": "max_age",
}


def check_origin(origin: str) -> None:
    """Refuse what browsers never send as an ``Origin``.

    Raises:
        ValueError: It is no origin, or names the default port; says what to write.
    """
    if not _ORIGIN.fullmatch(origin):
        raise ValueError(
            f"an origin is like https://example.com or http://localhost:3000, not {origin!r}"
        )
    port = _DEFAULT_PORTS.get(origin.partition(":")[0])
    if port is not None and origin.endswith(port):
        raise ValueError(f"browsers leave the default port out: {origin.removesuffix(port)!r}")


def _are_origins(cors: Cors, field: attrs.Attribute[Any], value: Sequence[str]) -> None:
    is_strings(cors, field, value)
    for origin in value:
        if origin != "*":
            check_origin(origin)


def _are_tokens(cors: Cors, field: attrs.Attribute[Any], value: Sequence[str]) -> None:
    is_strings(cors, field, value)
    for name in value:
        if not _TOKEN.fullmatch(name):
            raise ValueError(f"not the name of a method or a header field: {name!r}")


@attrs.define(kw_only=True, eq=False)
class Cors(Layer):
    """Lets pages of other origins use the application.

    It belongs around the application, as a layer of a router it never meets a preflight.

    Attributes:
        allow_origins: Origins whose pages may read answers, as in ``https://example.com``; ``*``
            for all. None are allowed unless named.
        allow_origin_regex: A pattern that whole origins may match besides, in lower case. With
            ``allow_credentials`` it may not match whatever comes.
        allow_methods: Methods that they may use.
        allow_headers: Header fields that they may send beyond those that the standard lets pass;
            ``*`` is all but ``Authorization``, which has to be named.
        expose_headers: Header fields of answers that they may read beyond those.
        allow_credentials: Whether requests may come with cookies and other credentials. Then
            nothing may be ``*``.
        allow_private_network: Whether pages from public networks may call this application in a
            private one.
        max_age: Seconds that a browser may remember the answer to a preflight.

    Raises:
        ValueError: An option cannot be meant; says why.

    Example:
        >>> from photon_router.middleware import Cors
        >>> Cors(allow_origins=["*"], allow_credentials=True)
        Traceback (most recent call last):
        ...
        ValueError: with allow_credentials nothing may be `*`: name what allow_origins are to be
    """

    allow_origins: Sequence[str] = attrs.field(default=(), validator=_are_origins)
    allow_origin_regex: str | None = None
    allow_methods: Sequence[str] = attrs.field(
        default=("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"), validator=_are_tokens
    )
    allow_headers: Sequence[str] = attrs.field(
        default=("Authorization", "Content-Type"), validator=_are_tokens
    )
    expose_headers: Sequence[str] = attrs.field(default=(), validator=_are_tokens)
    allow_credentials: bool = False
    allow_private_network: bool = False
    max_age: int = attrs.field(default=600, validator=ge(0))

    _exact: frozenset[str] = attrs.field(init=False, repr=False)
    _pattern: re.Pattern[str] | None = attrs.field(init=False, repr=False)
    _is_public: bool = attrs.field(init=False, repr=False)
    _shared: list[tuple[str, str]] = attrs.field(init=False, repr=False)
    _preflight: list[tuple[str, str]] = attrs.field(init=False, repr=False)
    _rules: Rules[Cors | None] = attrs.field(init=False, repr=False, factory=dict)

    def __attrs_post_init__(self) -> None:
        """Check the options against each other, and prepare the fields that they give."""
        self._refuse_stars()
        self._exact = frozenset(self.allow_origins)
        self._is_public = "*" in self._exact
        self._pattern = _compiled(self.allow_origin_regex)
        if self.allow_credentials and self._pattern is not None:
            _refuse_open(self._pattern)
        credentials = [("access-control-allow-credentials", "true")]
        self._shared = credentials if self.allow_credentials else []
        self._preflight = [
            *self._shared,
            ("access-control-allow-methods", ", ".join(self.allow_methods)),
            ("access-control-max-age", str(self.max_age)),
        ]
        if self.allow_headers:
            headers = ", ".join(self.allow_headers)
            self._preflight.append(("access-control-allow-headers", headers))
        if self.expose_headers:
            exposed = ("access-control-expose-headers", ", ".join(self.expose_headers))
            self._shared = [*self._shared, exposed]

    def _refuse_stars(self) -> None:
        lists = ("allow_origins", "allow_methods", "allow_headers", "expose_headers")
        for name in lists if self.allow_credentials else ():
            if "*" in getattr(self, name):
                raise ValueError(
                    f"with allow_credentials nothing may be `*`: name what {name} are to be"
                )

    def settle(self, operations: Operations) -> Middleware:
        """Read ``x-cors`` of the operations."""
        settled = copy.copy(self)
        settled._rules = {
            place: self._of_operation(value, f"{place[1]} {route.template}")
            for place, (route, value) in rules_of(operations, EXTENSION).items()
        }
        return settled

    def _of_operation(self, value: Any, name: str) -> Cors | None:
        if value is False:
            return None
        if value is True or value == "inherit":
            return self
        if not isinstance(value, dict) or not value.keys() <= _OPTIONS.keys():
            raise ValueError(
                f"{name}: {EXTENSION} is true, false or an object with some of "
                + ", ".join(_OPTIONS)
            )
        try:
            return attrs.evolve(self, **{_OPTIONS[key]: item for key, item in value.items()})
        except (TypeError, ValueError) as error:
            raise ValueError(f"{name}: {EXTENSION}: {error.args[0]}") from None

    def __call__(self, request: Request, call_next: Handler) -> Response:
        """Answer a preflight; let other requests pass and mark their answers."""
        raw = request.raw_header(b"origin")
        if raw is not None and request.method == "OPTIONS":
            asked = request.raw_header(b"access-control-request-method")
            if asked is not None:
                return self._answer_preflight(request, raw.decode("latin-1"), asked)
        policy = rule_for(request, self._rules, self) if self._rules else self
        response = call_next(request)
        if policy is not None:
            policy._mark(response, None if raw is None else raw.decode("latin-1"))
        return response

    def _mark(self, response: Response, origin: str | None) -> None:
        """Say on an answer who may read it."""
        if self._is_public:
            response.set_header("access-control-allow-origin", "*")
        else:
            add_vary(response, "Origin")
            if origin is None or not self.allows(origin):
                return
            response.set_header("access-control-allow-origin", origin)
        for name, value in self._shared:
            response.set_header(name, value)

    def _answer_preflight(self, request: Request, origin: str, asked: bytes) -> Response:
        policy: Cors | None = self
        if request.route is not None:
            place = (request.route.template, asked.decode("latin-1"))
            policy = self._rules.get(place, self)
        if policy is None or not policy.allows(origin):
            raise HttpError(403, "pages of this origin may not do this", headers={"vary": "Origin"})
        response = Response(204, headers=policy._preflight)
        response.set_header("access-control-allow-origin", "*" if policy._is_public else origin)
        if policy.allow_private_network and request.raw_header(
            b"access-control-request-private-network"
        ):
            response.set_header("access-control-allow-private-network", "true")
        if self._rules or not policy._is_public:
            add_vary(response, "Origin")
        return response

    def allows(self, origin: str) -> bool:
        """Say whether pages of ``origin`` may read answers."""
        if self._is_public or origin in self._exact:
            return True
        return self._pattern is not None and self._pattern.fullmatch(origin) is not None


def _refuse_open(pattern: re.Pattern[str]) -> None:
    """Refuse a pattern that names nobody in particular.

    ``null`` is sent by every sandboxed frame, and the others are of hosts that nobody can have
    meant (RFC 2606).
    """
    for origin in ("null", "https://any.invalid", "http://any.invalid"):
        if pattern.fullmatch(origin):
            raise ValueError(
                f"with allow_credentials the pattern may not match {origin}: name the hosts that "
                "allow_origin_regex is to be for"
            )


def _compiled(pattern: str | None) -> re.Pattern[str] | None:
    try:
        return None if pattern is None else re.compile(pattern)
    except re.error as error:
        raise ValueError(f"allow_origin_regex is no regular expression: {error}") from None
