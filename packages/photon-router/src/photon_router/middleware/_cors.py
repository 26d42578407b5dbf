"""Cross-origin resource sharing by the fetch standard (section 3.2, "HTTP-CORS protocol").

Theory of operation. A browser lets a page read the responses of another origin only if they allow
it, and sends a *preflight* before a request that a plain form could not cause. CORS relaxes a rule
of browsers and does not protect the server: a request of an origin that is not allowed is handled
like any other, but the page cannot read the response.

A preflight is an OPTIONS request with ``Origin`` and ``Access-Control-Request-Method``. It does not
carry credentials, so this middleware responds to it before authentication, and handlers do not see
it. The template of its path and the requested method identify the operation.

Caches: a response that depends on the origin has ``Vary: Origin``, also if the request has no
origin or one that is not allowed; otherwise a cache would use the response for one origin for
another. A response that all origins may read does not vary.

The document may change the policy of an operation with ``x-cors``: ``false`` disables CORS, and an
object overrides options, named as here but in camel case (``allowOrigins``, ``maxAge`` …).
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
    """Refuse values that browsers never send as ``Origin``.

    Raises:
        ValueError: The value is not an origin, or names the default port; the message gives the
            correct form.
    """
    if not _ORIGIN.fullmatch(origin):
        raise ValueError(
            f"an origin has the form https://example.com or http://localhost:3000, not {origin!r}"
        )
    port = _DEFAULT_PORTS.get(origin.partition(":")[0])
    if port is not None and origin.endswith(port):
        raise ValueError(f"browsers omit the default port: {origin.removesuffix(port)!r}")


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
    """Allows pages of other origins to use the application.

    Add it to the application: middleware of a router does not get preflights.

    Attributes:
        allow_origins: Origins whose pages may read responses, as in ``https://example.com``;
            ``*`` for all. By default no origin is allowed.
        allow_origin_regex: A pattern of further origins, which matches the whole origin, in lower
            case. With ``allow_credentials`` it may not match every origin.
        allow_methods: Methods that pages may use.
        allow_headers: Header fields that pages may send besides those that the standard always
            allows; ``*`` is all but ``Authorization``, which must be named.
        expose_headers: Header fields of responses that pages may read besides those that the
            standard always allows.
        allow_credentials: True if requests may have cookies and other credentials. Then ``*`` is
            not allowed in any option.
        allow_private_network: True if pages from public networks may call this application in a
            private network.
        max_age: Seconds for which a browser may cache the response to a preflight.

    Raises:
        ValueError: An option is invalid; the message gives the reason.

    Example:
        >>> from photon_router.middleware import Cors
        >>> Cors(allow_origins=["*"], allow_credentials=True)
        Traceback (most recent call last):
        ...
        ValueError: allow_origins must not contain `*` with allow_credentials: list the values
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
        """Check the options against each other, and prepare the fields of responses."""
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
                    f"{name} must not contain `*` with allow_credentials: list the values"
                )

    def bind(self, operations: Operations) -> Middleware:
        """Read ``x-cors`` of the operations."""
        bound = copy.copy(self)
        bound._rules = {
            key: self._of_operation(value, f"{key[1]} {route.template}")
            for key, (route, value) in rules_of(operations, EXTENSION).items()
        }
        return bound

    def _of_operation(self, value: Any, name: str) -> Cors | None:
        if value is False:
            return None
        if value is True or value == "inherit":
            return self
        if not isinstance(value, dict) or not value.keys() <= _OPTIONS.keys():
            raise ValueError(
                f"{name}: {EXTENSION} is true, false or an object with any of "
                + ", ".join(_OPTIONS)
            )
        try:
            return attrs.evolve(self, **{_OPTIONS[key]: item for key, item in value.items()})
        except (TypeError, ValueError) as error:
            raise ValueError(f"{name}: {EXTENSION}: {error.args[0]}") from None

    def __call__(self, request: Request, call_next: Handler) -> Response:
        """Respond to a preflight; pass other requests on and mark their responses."""
        raw = request.raw_header(b"origin")
        if raw is not None and request.method == "OPTIONS":
            method = request.raw_header(b"access-control-request-method")
            if method is not None:
                return self._preflight_response(request, raw.decode("latin-1"), method)
        policy = rule_for(request, self._rules, self) if self._rules else self
        response = call_next(request)
        if policy is not None:
            policy._mark(response, None if raw is None else raw.decode("latin-1"))
        return response

    def _mark(self, response: Response, origin: str | None) -> None:
        """Set the fields that allow pages of an origin to read a response."""
        if self._is_public:
            response.set_header("access-control-allow-origin", "*")
        else:
            add_vary(response, "Origin")
            if origin is None or not self.allows(origin):
                return
            response.set_header("access-control-allow-origin", origin)
        for name, value in self._shared:
            response.set_header(name, value)

    def _preflight_response(self, request: Request, origin: str, method: bytes) -> Response:
        policy: Cors | None = self
        if request.route is not None:
            key = (request.route.template, method.decode("latin-1"))
            policy = self._rules.get(key, self)
        if policy is None or not policy.allows(origin):
            raise HttpError(403, "origin not allowed", headers={"vary": "Origin"})
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
        """Return whether pages of ``origin`` may read responses."""
        if self._is_public or origin in self._exact:
            return True
        return self._pattern is not None and self._pattern.fullmatch(origin) is not None


def _refuse_open(pattern: re.Pattern[str]) -> None:
    """Refuse a pattern that matches any origin.

    Every sandboxed frame sends ``null``, and the others have hosts that cannot exist (RFC 2606).
    """
    for origin in ("null", "https://any.invalid", "http://any.invalid"):
        if pattern.fullmatch(origin):
            raise ValueError(
                f"allow_origin_regex must not match {origin} with allow_credentials: name the "
                "hosts in the pattern"
            )


def _compiled(pattern: str | None) -> re.Pattern[str] | None:
    try:
        return None if pattern is None else re.compile(pattern)
    except re.error as error:
        raise ValueError(f"allow_origin_regex is not a regular expression: {error}") from None
