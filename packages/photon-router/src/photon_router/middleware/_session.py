"""The data of a client that an application keeps between requests: a dictionary, read lazily."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, MutableMapping
from typing import Any, cast

from photon_runtime.forms import session_in
from photon_runtime.http import Request


class Session(MutableMapping[str, Any]):
    """The data of a session by name: any JSON values.

    The data is read from the cookie on first access. Changes inside of a value are detected, too,
    as by ``session["cart"].append(7)``.

    Example:
        >>> from photon_router.middleware import Session
        >>> session = Session(dict)
        >>> session["cart"] = []
        >>> session["cart"].append(7)
        >>> session.is_changed, dict(session)
        (True, {'cart': [7]})
    """

    __slots__ = ("_before", "_data", "_is_cleared", "_is_renewed", "_load")

    def __init__(self, load: Callable[[], dict[str, Any]]) -> None:
        """Create a session whose data is loaded with ``load`` on first access."""
        self._load = load
        self._data: dict[str, Any] | None = None
        self._before = "{}"
        self._is_cleared = False
        self._is_renewed = False

    @property
    def _loaded(self) -> dict[str, Any]:
        if self._data is None:
            self._data = self._load()
            self._before = _encoded(self._data)
        return self._data

    def __getitem__(self, name: str) -> Any:
        """Return a value."""
        return self._loaded[name]

    def __setitem__(self, name: str, value: Any) -> None:
        """Set a value."""
        self._loaded[name] = value

    def __delitem__(self, name: str) -> None:
        """Delete a value."""
        del self._loaded[name]

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names."""
        return iter(self._loaded)

    def __len__(self) -> int:
        """Return the number of values."""
        return len(self._loaded)

    def __repr__(self) -> str:
        """Show the names; values may be secret."""
        return f"<Session {sorted(self._loaded)}>"

    def clear(self) -> None:
        """Remove all values; values that are set afterwards begin a new session."""
        self._loaded.clear()
        self._is_cleared = True

    def renew(self) -> None:
        """Send the cookie again even if the data has not changed, to extend its lifetime.

        It still ends with the ``max_lifetime`` of `Sessions`.
        """
        self._is_renewed = bool(self._loaded)

    @property
    def is_used(self) -> bool:
        """True if the data was accessed; then the response may depend on it."""
        return self._data is not None

    @property
    def is_changed(self) -> bool:
        """True if the cookie must be sent to the client.

        Raises:
            TypeError: A value cannot be encoded as JSON.
        """
        return self._is_renewed or (self._data is not None and _encoded(self._data) != self._before)

    @property
    def was_empty(self) -> bool:
        """True if the request did not have any session data."""
        return self._before == "{}"

    @property
    def is_new(self) -> bool:
        """True if the data does not continue that of the request."""
        return self._is_cleared or self.was_empty


def _encoded(data: dict[str, Any]) -> str:
    return json.dumps(data, separators=(",", ":"), sort_keys=True)


def session_of(request: Request) -> Session:
    """Return the session of a request.

    As a dependency: ``session: Annotated[Session, Depends(session_of)]``.

    Raises:
        RuntimeError: The application has no `Sessions`.
    """
    session = session_in(request)
    if session is None:
        raise RuntimeError(
            "sessions are not enabled: add app.middleware(Sessions(secret=...)), "
            "or [middleware.sessions] to photon.toml"
        )
    return cast("Session", session)
