"""The errors of documents and values.

::

    PhotonError
    ├─ ValidationError      a value does not match its schema: 422 with every error
    │  └─ MalformedBody     a body cannot be decoded at all: 400
    ├─ SignatureError       an annotation or a handler is invalid (a TypeError)
    ├─ AttributeNotLoaded   an object of SQLAlchemy has not loaded what is sent
    └─ DocumentError        an OpenAPI document is invalid; lists every problem

The messages never repeat the value, which may be large or secret; names of members are shortened,
and a list of errors ends after ``MAX_ERRORS``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal, TypeAlias

import attrs

from photon_runtime.errors import PhotonError
from photon_runtime.errors import SignatureError as SignatureError

Location: TypeAlias = Literal["path", "query", "header", "cookie", "body"]
"""The part of a request that a value is in."""

MAX_ERRORS = 100
"""Maximum number of errors that are listed for one value."""


@attrs.frozen
class ErrorDetail:
    """One error of a request.

    Attributes:
        location: The part of the request: ``path``, ``query``, ``header``, ``cookie`` or ``body``.
        message: The description of the error for the client; it does not repeat the value.
        name: Name of the parameter; ``None`` where `pointer` locates the value.
        pointer: JSON pointer (RFC 6901) into the body; ``""`` is the whole document.
    """

    location: Location
    message: str
    name: str | None = attrs.field(default=None, kw_only=True)
    pointer: str | None = attrs.field(default=None, kw_only=True)

    def as_dict(self) -> dict[str, str]:
        """Return the error for a problem document: ``in``, ``name`` or ``pointer``, ``message``."""
        where = {"pointer": self.pointer or ""} if self.name is None else {"name": self.name}
        return {"in": self.location, **where, "message": self.message}


class ValidationError(PhotonError):
    """A request does not match the declaration of its operation.

    Attributes:
        errors: All errors, in the order of the values.
        status: The HTTP status of the response.
    """

    status = 422

    def __init__(self, errors: Iterable[ErrorDetail]) -> None:
        """Store the errors."""
        self.errors = tuple(errors)
        super().__init__("; ".join(_as_text(error) for error in self.errors))


class MalformedBody(ValidationError):
    """A body cannot be decoded at all: not JSON, not UTF-8, or nested too deeply."""

    status = 400

    def __init__(self, message: str) -> None:
        """Create the only error."""
        super().__init__([ErrorDetail("body", message, pointer="")])


class AttributeNotLoaded(PhotonError):
    """An attribute of a result was not loaded, and encoding executes no statement.

    The message names the class, the attribute and the way to load it.
    """


class DocumentError(PhotonError):
    """The OpenAPI document is invalid, or does not match the handlers.

    Attributes:
        problems: All problems, one sentence each, with the location in the document.
    """

    def __init__(self, problems: Sequence[str]) -> None:
        """Store the problems."""
        self.problems = tuple(problems)
        count = "1 problem" if len(self.problems) == 1 else f"{len(self.problems)} problems"
        lines = "".join(f"\n  - {problem}" for problem in self.problems)
        super().__init__(f"the application cannot start, {count}:{lines}")


def _as_text(error: ErrorDetail) -> str:
    where = error.name if error.name is not None else error.pointer or "the whole document"
    return f"{error.location} {where}: {error.message}"
