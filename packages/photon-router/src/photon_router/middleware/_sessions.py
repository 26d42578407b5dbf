"""Sessions in signed cookies.

Theory of operation. The whole session is in the cookie, as JSON with a time and a signature
(itsdangerous, HMAC-SHA256): the client can read it, but not change it, and the server keeps
nothing. So it must be small, must hold no secrets, and cannot be called back before its time is
over: what must be revocable belongs into a database, under an id that stands in the session.

The cookie is read when the session is first looked at, and sent when it has changed. The first key
signs; old ones are still believed, so keys can be changed without ending sessions. What is signed
wrongly, is too old, or is no session at all counts as none; nobody is told.

What is signed is signed for the cookie that carries it: the signature covers the cookie's name, so
that what one session of a secret was given is nothing to another one. Nothing else is signed here;
the secret of `Csrf` stands in the session, and with it belongs to that cookie.
"""

from __future__ import annotations

import copy
import functools
import hashlib
import logging
from collections.abc import Sequence
from typing import Any, Literal, Protocol

import attrs
from attrs.validators import ge, in_

from photon_runtime.http import Handler, Request, Response, SetCookie, add_vary, keep_private

from ._layer import Layer, drop_body
from ._session import STATE, Session

_log = logging.getLogger("photon.middleware")


class _Signer(Protocol):
    """What is used of itsdangerous, which is there only with the extra."""

    def dumps(self, obj: Any) -> str | bytes: ...
    def loads(self, s: str, max_age: int) -> Any: ...


_SALT = "photon.session:"  # and the cookie's name
_SHORTEST_SECRET = 32


@attrs.define(kw_only=True, eq=False)
class Sessions(Layer):
    """Gives each request its `Session`; take it by `session_of`.

    Needs the extra ``sessions`` of photon-router.

    Attributes:
        secret: The key that signs, 32 characters or more.
        old_secrets: Keys that signed before and are still believed.
        max_age: Seconds that a session lasts after it was sent last.
        cookie: Its name; by default ``__Host-session``, which browsers keep to this host and to
            https, or ``session`` where other options do not allow that.
        secure: Whether it is sent by https alone; browsers take localhost for secure.
        same_site: ``Lax``: not sent with what other sites make a browser post. ``Strict``: nor
            when it comes from there by a link. ``None``: always, for pages in foreign frames.
        path: Below which it is sent.
        domain: Whose subdomains get it, too; ``None`` for this host alone.
        max_size: Bytes that name and value may have; browsers keep about 4096.

    Raises:
        ValueError: An option cannot be meant, options contradict each other, or the extra is
            not installed; says why.
    """

    secret: str = attrs.field(repr=False)
    old_secrets: Sequence[str] = attrs.field(default=(), repr=False)
    max_age: int = attrs.field(default=14 * 24 * 3600, validator=ge(1))
    cookie: str | None = None
    secure: bool = True
    same_site: Literal["Lax", "Strict", "None"] = attrs.field(
        default="Lax", validator=in_(("Lax", "Strict", "None"))
    )
    path: str = "/"
    domain: str | None = None
    max_size: int = attrs.field(default=4093, validator=ge(64))
    _cookie: SetCookie = attrs.field(init=False, repr=False)
    _signer: _Signer = attrs.field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        """Check the options, also against each other, and make the signer."""
        # Not by validators, whose messages the settings do not show for what is secret.
        if any(len(secret) < _SHORTEST_SECRET for secret in (self.secret, *self.old_secrets)):
            raise ValueError(
                f"a secret has at least {_SHORTEST_SECRET} characters; make one with "
                "python -c 'import secrets; print(secrets.token_urlsafe(32))'"
            )
        is_for_host = self.secure and self.path == "/" and self.domain is None
        self._cookie = SetCookie(
            self.cookie or ("__Host-session" if is_for_host else "session"),
            path=self.path,
            domain=self.domain,
            secure=self.secure,
            same_site=self.same_site,
        )
        self._signer = _signer([*reversed(self.old_secrets), self.secret], self._cookie.name)

    def __call__(self, request: Request, call_next: Handler) -> Response:
        """Hand the session in, and send it back if it has changed.

        Raises:
            ValueError: It does not fit into a cookie.
            TypeError: It holds what JSON has not.
        """
        session = Session(functools.partial(self._read, request))
        request.state[STATE] = session
        response = call_next(request)
        if session.is_used:
            try:
                if session.is_changed:
                    response = self._sent(session, response)
            except (TypeError, ValueError):
                drop_body(response)
                raise
            add_vary(response, "Cookie")
        return response

    def _read(self, request: Request) -> dict[str, Any]:
        from itsdangerous import BadData

        value = request.cookies.get(self._cookie.name)
        if value is None or len(value) > self.max_size:
            return {}
        try:
            data = self._signer.loads(value, max_age=self.max_age)
        except BadData as error:
            _log.debug("a session does not count: %s", error)
            return {}
        return data if isinstance(data, dict) else {}

    def _sent(self, session: Session, response: Response) -> Response:
        """Return the response with the cookie: a copy, for a handler may keep the one it gave."""
        if session:
            value, age = self._signer.dumps(dict(session)), self.max_age
            text = value if isinstance(value, str) else value.decode("ascii")
        elif session.was_empty:
            return response
        else:
            text, age = "", 0
        size = len(self._cookie.name) + len(text) + 1
        if size > self.max_size:
            raise ValueError(
                f"the session needs {size} bytes, and a cookie may have {self.max_size}: keep in "
                f"it only what names the rest; it holds {', '.join(sorted(session))}"
            )
        own = copy.copy(response)
        own.headers = list(response.headers)
        own.add_header("set-cookie", str(attrs.evolve(self._cookie, value=text, max_age=age)))
        # Whoever got it from a shared cache would get the session.
        keep_private(own)
        return own


def _signer(secrets: Sequence[str], cookie: str) -> _Signer:
    """Return what signs for a cookie with the last of the keys, and believes all."""
    try:
        from itsdangerous import URLSafeTimedSerializer
    except ImportError:
        raise ValueError("sessions need a library: pip install 'photon-router[sessions]'") from None
    return URLSafeTimedSerializer(
        list(secrets),
        salt=_SALT + cookie,
        signer_kwargs={"key_derivation": "hmac", "digest_method": hashlib.sha256},
    )
