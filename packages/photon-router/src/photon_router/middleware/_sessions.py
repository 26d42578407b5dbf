"""Sessions in signed cookies.

Theory of operation. The whole session is in the cookie, as JSON with a time and a signature
(itsdangerous, HMAC-SHA256): the client can read it, but not change it, and the server does not
store it. So it must be small, must not contain secrets, and cannot be revoked before it expires:
data that must be revocable belongs in a database, under an id that is in the session.

The cookie is read when the session is first accessed, and sent when the session has changed. The
first key signs; old keys are still accepted, so keys can be rotated without ending sessions. A
cookie that has an invalid signature, has expired or is malformed counts as an empty session; the
response does not show the reason.

With ``sliding``, a session that is used stays alive: its cookie is sent again when a tenth of
``max_age`` has passed since it was sent last, so not with every response. ``max_lifetime`` ends it
nevertheless: the time of its beginning is in the cookie, signed like the data, and a stolen cookie
cannot be renewed for ever.

The signature covers the name of the cookie, so that a value that was signed for one cookie is not
valid for another one with the same secret. This module does not sign anything else; the secret of
`Csrf` is in the session and so belongs to that cookie, too.
"""

from __future__ import annotations

import copy
import functools
import hashlib
import logging
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal, Protocol

import attrs
from attrs.validators import ge, in_, optional

from photon_runtime.forms import SESSION_STATE
from photon_runtime.http import Handler, Request, Response, SetCookie, add_vary, keep_private

from ._layer import Layer, drop_body
from ._session import Session

_log = logging.getLogger("photon.middleware")


class _Signer(Protocol):
    """The used interface of itsdangerous, which is installed only with the extra."""

    def dumps(self, obj: Any) -> str | bytes: ...
    def loads(self, s: str, max_age: int, return_timestamp: bool) -> Any: ...


_SALT = "photon.session:"  # and the cookie's name
_SHORTEST_SECRET = 32
_BEGUN = "_begun"  # the member of the cookie's data with the time of the beginning
_RENEWALS = 10  # a cookie is sent again after this part of its time


@attrs.define
class _Times:
    """When the session of a request began, and when its cookie was sent; in Unix time."""

    begun: float | None = None
    sent: float | None = None


@attrs.define(kw_only=True, eq=False)
class Sessions(Layer):
    """Provides each request with its `Session`, which `session_of` returns.

    Requires the extra ``sessions`` of photon-router.

    Attributes:
        secret: The signing key, 32 characters or more.
        old_secrets: Former signing keys that are still accepted.
        max_age: Seconds until a session expires after it was last sent.
        sliding: True to send the cookie again while the session is used, so that it expires
            ``max_age`` after the last request that used it.
        max_lifetime: Seconds after its beginning until a session ends, also if it is used or
            changed; ``None`` for no such limit. `Session.clear` begins another one.
        cookie: Name of the cookie; by default ``__Host-session``, which browsers restrict to this
            host and to https, or ``session`` if other options do not allow that.
        secure: True if clients send the cookie over https only; browsers treat localhost as
            secure.
        same_site: ``Lax``: not sent with posts from other sites. ``Strict``: nor when the user
            follows a link from another site. ``None``: always sent, for pages in frames of other
            sites.
        path: Path below which the cookie is sent.
        domain: Domain whose subdomains get the cookie, too; ``None`` for this host only.
        partitioned: True for a session of its own in the frames of each other site (CHIPS), with
            ``same_site`` ``None``.
        max_size: Maximum length in bytes of name and value; browsers store about 4096.

    Raises:
        ValueError: An option is invalid, options contradict each other, or the extra is not
            installed; the message gives the reason.
    """

    secret: str = attrs.field(repr=False)
    old_secrets: Sequence[str] = attrs.field(default=(), repr=False)
    max_age: int = attrs.field(default=14 * 24 * 3600, validator=ge(1))
    sliding: bool = False
    max_lifetime: int | None = attrs.field(default=None, validator=optional(ge(1)))
    cookie: str | None = None
    secure: bool = True
    same_site: Literal["Lax", "Strict", "None"] = attrs.field(
        default="Lax", validator=in_(("Lax", "Strict", "None"))
    )
    path: str = "/"
    domain: str | None = None
    partitioned: bool = False
    max_size: int = attrs.field(default=4093, validator=ge(64))
    _cookie: SetCookie = attrs.field(init=False, repr=False)
    _signer: _Signer = attrs.field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        """Check the options, also against each other, and create the signer."""
        # Not in validators, whose messages the settings do not show for secret values.
        if any(len(secret) < _SHORTEST_SECRET for secret in (self.secret, *self.old_secrets)):
            raise ValueError(
                f"a secret has at least {_SHORTEST_SECRET} characters; create one with "
                "python -c 'import secrets; print(secrets.token_urlsafe(32))'"
            )
        is_for_host = self.secure and self.path == "/" and self.domain is None
        self._cookie = SetCookie(
            self.cookie or ("__Host-session" if is_for_host else "session"),
            path=self.path,
            domain=self.domain,
            secure=self.secure,
            same_site=self.same_site,
            partitioned=self.partitioned,
        )
        self._signer = _signer([*reversed(self.old_secrets), self.secret], self._cookie.name)

    def __call__(self, request: Request, call_next: Handler) -> Response:
        """Provide the session, and send its cookie if it has changed.

        Raises:
            ValueError: The session is too large for a cookie.
            TypeError: A value cannot be encoded as JSON.
        """
        times = _Times()
        session = Session(functools.partial(self._read, request, times))
        request.state[SESSION_STATE] = session
        response = call_next(request)
        if session.is_used:
            try:
                if session.is_changed or self._is_due(session, times):
                    response = self._with_cookie(session, times, response, request.root_path)
            except (TypeError, ValueError):
                drop_body(response)
                raise
            add_vary(response, "Cookie")
        return response

    def _is_due(self, session: Session, times: _Times) -> bool:
        """Return whether the cookie of an unchanged session is sent again."""
        if not self.sliding or times.sent is None or not session:
            return False
        return _now() - times.sent >= self.max_age / _RENEWALS

    def _read(self, request: Request, times: _Times) -> dict[str, Any]:
        from itsdangerous import BadData

        value = request.cookies.get(self._cookie.name)
        if value is None or len(value) > self.max_size:
            return {}
        try:
            data, signed = self._signer.loads(value, max_age=self.max_age, return_timestamp=True)
        except BadData as error:
            _log.debug("an invalid session is ignored: %s", error)
            return {}
        if not isinstance(data, dict):
            return {}
        return data if self._has_time_left(data, signed, times) else {}

    def _has_time_left(self, data: dict[str, Any], signed: datetime, times: _Times) -> bool:
        """Note the times of a session; return whether it may continue."""
        times.sent = signed.timestamp()
        begun = data.pop(_BEGUN, None)
        times.begun = begun if isinstance(begun, int | float) else times.sent
        if self.max_lifetime is None or _now() < times.begun + self.max_lifetime:
            return True
        _log.debug("a session is ignored after its maximum lifetime")
        return False

    def _with_cookie(
        self, session: Session, times: _Times, response: Response, root_path: str
    ) -> Response:
        """Return a copy of the response with the cookie: a handler may reuse its response."""
        if session:
            if _BEGUN in session:
                raise ValueError(f"the name {_BEGUN} is taken in a session: choose another one")
            data, age = dict(session), self.max_age
            if self.max_lifetime is not None:
                now = _now()
                begun = now if session.is_new or times.begun is None else int(times.begun)
                data[_BEGUN] = begun
                age = max(min(age, begun + self.max_lifetime - now), 1)
            value = self._signer.dumps(data)
            text = value if isinstance(value, str) else value.decode("ascii")
        elif session.was_empty:
            return response
        else:
            text, age = "", 0
        size = len(self._cookie.name) + len(text) + 1
        names = ", ".join(sorted(session))
        if size > self.max_size:
            raise ValueError(
                f"the session has {size} bytes, a cookie may have {self.max_size}: store large "
                f"values elsewhere, under an id in the session; it holds {names}"
            )
        own = copy.copy(response)
        own.headers = list(response.headers)
        cookie = attrs.evolve(self._cookie, value=text, max_age=age)
        own.add_header("set-cookie", str(cookie.below(root_path)))
        # A client that got this response from a shared cache would get the session.
        keep_private(own)
        return own


def _signer(secrets: Sequence[str], cookie: str) -> _Signer:
    """Return a signer for a cookie that signs with the last key, and accepts all keys."""
    try:
        from itsdangerous import URLSafeTimedSerializer
    except ImportError:
        raise ValueError(
            "sessions require a library: pip install 'photon-router[sessions]'"
        ) from None
    return URLSafeTimedSerializer(
        list(secrets),
        salt=_SALT + cookie,
        signer_kwargs={"key_derivation": "hmac", "digest_method": hashlib.sha256},
    )


def _now() -> int:
    """Return the Unix time by the clock of the signatures."""
    from itsdangerous import TimestampSigner

    return TimestampSigner("-").get_timestamp()
