"""Flash messages: shown once, on the next page that shows messages.

Theory of operation. A message is in the session, which is a signed cookie, until a page shows it:
so it survives redirects, and pages and fragments that do not show messages leave it where it is.
``flashes()`` takes it out of the session; the response then takes it out of the cookie.

*Exactly once* needs more, because a page that is rendered may not be seen. A page that is rendered
for a HEAD request or a prefetch shows nothing and takes nothing. If rendering fails, or the request
fails after it, the messages are put back, and the page of the error shows them, or the next page.
Two requests of a browser at the same time have the same cookie: each message has an id, and the
application remembers the last ids that it has shown. Other workers do not know them: there, such a
message may be shown by both.

A cookie is small. The messages of a session have 1200 bytes as JSON: a longer message is cut, and
the oldest are dropped to make room for new ones; both are logged.
"""

from __future__ import annotations

import json
import logging
import re
import secrets
from collections import OrderedDict
from collections.abc import MutableMapping
from typing import Any, Final, NamedTuple

import attrs
from markupsafe import Markup

from photon_runtime.errors import PhotonError
from photon_runtime.forms import session_in
from photon_runtime.http import Request

from ._before_stream import STREAM_STATE
from ._current import current_request
from ._globals import Contribution

_log = logging.getLogger("photon.templates")
_KEY: Final = "_flashes"
_TAKEN: Final = "photon_templates.flashes"
_MAX_BYTES: Final = 1200
_MAX_MESSAGE: Final = 300
_MAX_REMEMBERED: Final = 10_000
_PURPOSES: Final = (b"sec-purpose", b"purpose", b"x-moz")  # of browsers now, and of older ones
_CATEGORY: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,31}")


class FlashMessage(NamedTuple):
    """A message for the next page.

    Attributes:
        text: The text; markup if it was a `markupsafe.Markup`.
        category: The category, such as ``success``.
    """

    text: str
    category: str


def flash(message: str, category: str = "info") -> None:
    """Show a message on the next page that shows messages, usually after a redirect.

    Args:
        message: The text, which templates escape; a `markupsafe.Markup` is markup. It is cut after
            300 characters.
        category: The category, for the style of the message; a name such as ``success``.

    Raises:
        ValueError: The category is not a name.
        PhotonError: The calling code does not belong to a request, or the application has no
            sessions.
    """
    if not _CATEGORY.fullmatch(category):
        raise ValueError(
            f"the category of a flash message is a name such as success, not {category!r}"
        )
    session = _session()
    is_markup = hasattr(message, "__html__")
    text = str(message)
    if len(text) > _MAX_MESSAGE:
        _log.warning("a flash message of %d characters is cut: %.60s…", len(text), text)
        text, is_markup = text[: _MAX_MESSAGE - 1] + "…", False
    entry: list[object] = [category, text, secrets.token_urlsafe(6)]
    entries = [*session.get(_KEY, ()), [*entry, 1] if is_markup else entry]
    while len(entries) > 1 and len(json.dumps(entries)) > _MAX_BYTES:
        dropped = entries.pop(0)
        _log.warning("a flash message that no page has shown is dropped: %.60s", dropped[1])
    session[_KEY] = entries


def _session() -> MutableMapping[str, Any]:
    request = current_request()
    if request is None:
        raise PhotonError(
            "flash() belongs to a request: call it in a handler of an application with "
            "TemplatesPart()"
        )
    session = session_in(request)
    if session is None:
        raise PhotonError("flash() needs sessions: add [middleware.sessions] to photon.toml")
    return session


@attrs.define(eq=False, repr=False)  # a page may show one of its methods
class ShownFlashes:
    """The messages that one application has shown.

    Attributes:
        ids: The ids of the last messages, the oldest first.
    """

    ids: OrderedDict[str, None] = attrs.field(factory=OrderedDict)

    def flashes(self, category: str | None = None) -> list[FlashMessage]:
        """Return the messages for this page, and take them out of the session.

        Args:
            category: Only the messages of this category; the others are kept.
        """
        request = current_request()
        session = None if request is None else session_in(request)
        if request is None or session is None or _is_unseen(request):
            return []
        if STREAM_STATE in request.state:
            return _prepared(request, category)
        entries = session.get(_KEY)
        if not entries:
            return []
        taken = [each for each in entries if category in (None, each[0])]
        _keep(session, [each for each in entries if each not in taken])
        shown = [each for each in taken if each[2] not in self.ids]
        for each in shown:
            self.ids[each[2]] = None
            if len(self.ids) > _MAX_REMEMBERED:
                self.ids.popitem(last=False)
        request.state[_TAKEN] = [*_taken(request), *((self, each) for each in shown)]
        return [_message(each) for each in shown]


def flash_globals() -> Contribution:
    """Return the function ``flashes`` of pages."""
    return Contribution({"flashes": ShownFlashes().flashes})


def restore_flashes(request: Request, count: int = 0) -> None:
    """Put messages back that a page has taken which is not sent.

    Args:
        request: The request.
        count: The number of messages that were taken before that page, and stay taken.
    """
    taken = _taken(request)
    session = session_in(request)
    if session is None or len(taken) <= count:
        return
    for owner, entry in taken[count:]:
        owner.ids.pop(entry[2], None)
    _keep(session, [*(entry for _, entry in taken[count:]), *session.get(_KEY, ())])
    request.state[_TAKEN] = taken[:count]


def taken_count(request: Request) -> int:
    """Return the number of messages that pages have taken for a request."""
    return len(_taken(request))


def _taken(request: Request) -> list[tuple[ShownFlashes, list[Any]]]:
    taken = request.state.get(_TAKEN)
    return taken if isinstance(taken, list) else []


def _keep(session: MutableMapping[str, Any], entries: list[list[Any]]) -> None:
    if entries:
        session[_KEY] = entries
    else:
        session.pop(_KEY, None)


def _message(entry: list[Any]) -> FlashMessage:
    category, text = entry[0], entry[1]
    return FlashMessage(Markup(text) if len(entry) > 3 else text, category)


def _prepared(request: Request, category: str | None) -> list[FlashMessage]:
    """Return the messages that were taken before the response of a streamed page began."""
    prepared = request.state[STREAM_STATE]
    messages = prepared.get("flashes", []) if isinstance(prepared, dict) else []
    shown = [each for each in messages if category in (None, each.category)]
    messages[:] = [each for each in messages if each not in shown]
    return shown


def _is_unseen(request: Request) -> bool:
    """Return whether nobody reads the page: it is not sent, or only fetched in advance."""
    purposes = [request.raw_header(name) or b"" for name in _PURPOSES]
    return request.method == "HEAD" or any(each.startswith(b"prefetch") for each in purposes)
