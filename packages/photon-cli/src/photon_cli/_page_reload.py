"""Reloading the pages of browsers, in development.

A page gets a script, from a path of the same origin so that a content security policy with
``'self'`` allows it. The script opens a stream of events, which sends a version at once and at
each change; another version than that of the page reloads it. A new process has another version, so
the stream that the browser opens again after a restart reloads the page, too, whether it shows the
application or the error that prevented its start.

A page with the script is not stored by browsers: its version would be that of another process. Only
visible pages keep a stream, because browsers open six connections to one host at most.
"""

from __future__ import annotations

import re
import secrets
from typing import TYPE_CHECKING

import attrs

from photon_runtime import Event
from photon_runtime.http import Response, current_root_path

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from photon_runtime.http import Request

PREFIX = "/_photon/dev/"
"""Paths of the tools of development."""

_EVENTS = f"{PREFIX}events"
_SCRIPT = f"{PREFIX}reload.js"
_KEEP_ALIVE = 15.0
"""Seconds after which a comment is sent, so that a client that is gone is noticed."""

_NONCE = re.compile(r"script-src[^;]*'nonce-([A-Za-z0-9+/=_-]+)'")
_END = re.compile(rb"</body\s*>", re.IGNORECASE)
_HEAD = re.compile(rb"\s*(<!--.*?-->\s*)*<(!doctype\s+html|html)\b", re.IGNORECASE | re.DOTALL)
_STORING = frozenset({"etag", "last-modified", "cache-control", "expires", "content-length"})

_SOURCE = """\
"use strict";
(() => {
  const script = document.currentScript;
  const version = script.dataset.version;
  let events;
  const follow = () => {
    if (document.visibilityState === "hidden") {
      if (events) events.close();
      events = undefined;
    } else if (!events) {
      events = new EventSource(new URL("events", script.src));
      events.onmessage = (event) => {
        if (event.data !== version) { events.close(); location.reload(); }
      };
      events.onerror = () => {
        if (events && events.readyState === EventSource.CLOSED) {
          events = undefined;
          setTimeout(follow, 500);
        }
      };
    }
  };
  document.addEventListener("visibilitychange", follow);
  window.addEventListener("pagehide", () => { if (events) events.close(); events = undefined; });
  window.addEventListener("pageshow", follow);
  follow();
})();
"""


@attrs.define(eq=False)
class PageReload:
    """The version of the pages, and the browsers that wait for another one.

    Attributes:
        version: The version that pages get.
    """

    version: str = attrs.field(factory=lambda: secrets.token_hex(8))
    _streams: set[_Events] = attrs.field(factory=set, init=False)

    def reload(self) -> None:
        """Reload all pages."""
        self.version = secrets.token_hex(8)
        for stream in self._streams:
            stream.changed.set()

    def respond(self, path: str) -> Response | None:
        """Return the response to a request for the script or the events; else ``None``."""
        headers = {"cache-control": "no-store", "x-content-type-options": "nosniff"}
        if path == _SCRIPT:
            kind = "text/javascript; charset=utf-8"
            return Response(body=_SOURCE, headers=headers, content_type=kind)
        if path == _EVENTS:
            stream = _Events(self)
            return Response(body=stream, headers=headers, content_type="text/event-stream")
        return None

    def prepare(self, request: Request) -> None:
        """Let the response to a request for a page come in a form that can be extended."""
        if b"text/html" in (request.raw_header(b"accept") or b""):
            request.drop_header(b"accept-encoding")

    def add_script(self, request: Request, response: Response) -> None:
        """Add the script to a page; other responses stay as they are."""
        kind = (response.content_type or "").partition(";")[0].strip().lower()
        if kind != "text/html" or response.header("content-encoding") is not None:
            return
        if request.raw_header(b"hx-request") is not None or response.status in (204, 205, 304):
            return
        tag = self.tag(response)
        if not isinstance(response.body, bytes):
            response.body = _Extended(response.body, tag)
        elif not (_HEAD.match(response.body) or _is_navigation(request)):
            return  # a fragment: the page that receives it has the script
        else:
            response.body = _inserted(response.body, tag)
        kept = [pair for pair in response.headers if pair[0].lower() not in _STORING]
        response.headers = [*kept, ("cache-control", "no-store")]

    def tag(self, response: Response | None = None) -> bytes:
        """Return the element of the script, as the policy of a response allows it."""
        policy = None if response is None else response.header("content-security-policy")
        nonce = _NONCE.search(policy) if policy is not None else None
        allowed = f' nonce="{nonce[1]}"' if nonce is not None else ""
        src = (current_root_path() or "") + _SCRIPT
        return f'<script src="{src}" data-version="{self.version}"{allowed}></script>'.encode()

    def open(self, stream: _Events) -> None:
        """Note a stream."""
        self._streams.add(stream)

    def close(self, stream: _Events) -> None:
        """Forget a stream."""
        self._streams.discard(stream)


@attrs.define(eq=False)
class _Events:
    """A stream of versions to one browser."""

    pages: PageReload
    changed: Event = attrs.field(factory=Event)
    is_stopped: bool = False

    def __iter__(self) -> Iterator[bytes]:
        self.pages.open(self)
        try:
            yield b"retry: 200\n\n"
            while not self.is_stopped:
                self.changed.clear()
                yield f"data: {self.pages.version}\n\n".encode()
                while not self.changed.wait(_KEEP_ALIVE):
                    yield b":\n\n"
        finally:
            self.pages.close(self)

    def stop(self) -> None:
        """End the stream: the browser has disconnected, or the server stops."""
        self.is_stopped = True
        self.changed.set()


@attrs.define(eq=False)
class _Extended:
    """A streamed page with the script at its end."""

    chunks: Iterable[bytes]
    tag: bytes

    def __iter__(self) -> Iterator[bytes]:
        is_page = None
        for chunk in self.chunks:
            if is_page is None and chunk:
                is_page = _HEAD.match(chunk) is not None
            yield chunk
        if is_page:
            yield self.tag

    def close(self) -> None:
        """Close the stream."""
        close = getattr(self.chunks, "close", None)
        if callable(close):
            close()

    def stop(self) -> None:
        """Stop the stream, if it can be stopped."""
        stop = getattr(self.chunks, "stop", None)
        if callable(stop):
            stop()


def _is_navigation(request: Request) -> bool:
    return request.raw_header(b"sec-fetch-dest") == b"document"


def _inserted(page: bytes, tag: bytes) -> bytes:
    """Insert the script at the end of the body."""
    ends = list(_END.finditer(page))
    at = ends[-1].start() if ends else len(page)
    return page[:at] + tag + page[at:]
