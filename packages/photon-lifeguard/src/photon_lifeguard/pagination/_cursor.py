"""Positions in a list as text that clients pass on.

Theory of operation. A cursor is the values of the sort keys of one row, with their types, and a
checksum. The checksum covers the order that the cursor belongs to, so that a cursor of another
list, or of this list before its order was changed, is refused. The values are bound as parameters,
and each is checked to be of the type of its column.

Without a secret a checksum protects from mistakes, and a client that knows this code can make a
cursor for any position; the rows that it may see are decided by the query alone. With a secret
cursors cannot be made by clients. They are not encrypted: clients can read the values of the sort
keys of the rows that they have seen.
"""

from __future__ import annotations

import base64
import datetime
import hashlib
import hmac
import json
import math
import uuid
from collections.abc import Callable, Sequence
from decimal import Decimal
from enum import Enum
from typing import Any

import attrs
from sqlalchemy.types import Enum as EnumType
from sqlalchemy.types import TypeEngine

from photon_runtime.http import HttpError

MAX_CURSOR = 4096
"""Characters of a cursor; it is a part of a URL, whose length servers and proxies limit."""

_CHECKSUM = 12
_REFUSED_VALUES = (
    ValueError,
    TypeError,
    ArithmeticError,
    LookupError,
    AttributeError,
    RecursionError,
)
_LARGEST = 2**63
_MICROSECOND = datetime.timedelta(microseconds=1)


@attrs.frozen
class Cursors:
    """Makes and reads the cursors of one list.

    Attributes:
        order: Description of the order of the list, the same in every process.
        types: Types of the sort keys.
        secret: Key of the checksums.
        has_infinity: True if numbers of the database may be infinite, or not a number.
    """

    order: str
    types: Sequence[TypeEngine[Any]]
    secret: bytes
    has_infinity: bool = True

    def encode(self, values: Sequence[object]) -> str:
        """Return the cursor of a position.

        Raises:
            TypeError: A value has a type that a cursor cannot have, or is too long for one.
        """
        plain = [_encoded(value) for value in values]
        payload = json.dumps(plain, separators=(",", ":"), ensure_ascii=False).encode()
        cursor = base64.urlsafe_b64encode(self._checksum(payload) + payload).rstrip(b"=").decode()
        if len(cursor) > MAX_CURSOR:
            raise TypeError(
                f"the list is sorted by values that are too long for a cursor ({len(cursor)} "
                f"characters, at most {MAX_CURSOR}): sort it by shorter ones, or by a part of them"
            )
        return cursor

    def decode(self, name: str, cursor: str) -> list[object]:
        """Return the position of a cursor.

        Args:
            name: Name of the parameter.
            cursor: Its value.

        Raises:
            HttpError: 422, it is not a cursor of this list.
        """
        try:
            plain = json.loads(self._verified(cursor))
            position = [
                _decoded(tag, value, type_)
                for (tag, value), type_ in zip(plain, self.types, strict=True)
            ]
            self._check_numbers(position)
        except _REFUSED_VALUES:
            raise refused_cursor(name) from None
        return position

    def _check_numbers(self, position: Sequence[object]) -> None:
        """Refuse numbers that the database or the column cannot have."""
        for value, type_ in zip(position, self.types, strict=True):
            if isinstance(value, float | Decimal) and not math.isfinite(value):
                is_integer = _python_type(type_) is int
                if is_integer or not self.has_infinity:
                    raise ValueError

    def _verified(self, cursor: str) -> bytes:
        """Return the values of a cursor as JSON.

        Raises:
            ValueError: It was not made by `encode`.
        """
        data = base64.b64decode(cursor + "=" * (-len(cursor) % 4), b"-_", validate=True)
        checksum, payload = data[:_CHECKSUM], data[_CHECKSUM:]
        is_genuine = hmac.compare_digest(checksum, self._checksum(payload))
        # Several texts have the same bytes; one of them is what `encode` returns.
        if not is_genuine or base64.urlsafe_b64encode(data).rstrip(b"=").decode() != cursor:
            raise ValueError
        return payload

    def _checksum(self, payload: bytes) -> bytes:
        order = hashlib.sha256(self.order.encode()).digest()
        return hmac.digest(self.secret, order + payload, "sha256")[:_CHECKSUM]


def refused_cursor(name: str) -> HttpError:
    """Return the error of the parameter ``name``, whose value is not a cursor of the list."""
    message = "is not a cursor of this list: begin again without it"
    return HttpError(
        422,
        "request validation failed: 1 error",
        extensions={"errors": [{"in": "query", "name": name, "message": message}]},
    )


# -- values -------------------------------------------------------------------------------------


@attrs.frozen
class _Kind:
    """Values of one class in cursors.

    Attributes:
        cls: The class.
        encode: Returns the form of a value in JSON.
        decode: Returns the value; raises an error for any other form.
        family: Name of the group of kinds that a column may have instead of each other.
    """

    cls: type
    encode: Callable[[Any], object]
    decode: Callable[[Any], object]
    family: str


def _of_class(cls: type, value: object) -> Any:
    if type(value) is not cls:
        raise ValueError
    return value


def _integer(value: object) -> int:
    number: int = _of_class(int, value)
    if not -_LARGEST <= number < _LARGEST:
        raise ValueError
    return number


def _text(value: object) -> str:
    text: str = _of_class(str, value)
    text.encode()  # refuses lone surrogates
    if "\0" in text:
        raise ValueError
    return text


def _float(value: object) -> float:
    return float(_of_class(str, value))


def _decimal(value: object) -> Decimal:
    return Decimal(_of_class(str, value))


_KINDS = {
    "b": _Kind(bool, bool, lambda value: _of_class(bool, value), "bool"),
    "i": _Kind(int, int, _integer, "number"),
    "f": _Kind(float, repr, _float, "number"),
    "d": _Kind(Decimal, str, _decimal, "number"),
    "s": _Kind(str, str, _text, "text"),
    "x": _Kind(bytes, bytes.hex, bytes.fromhex, "bytes"),
    "u": _Kind(uuid.UUID, str, uuid.UUID, "uuid"),
    "t": _Kind(
        datetime.datetime,
        datetime.datetime.isoformat,
        datetime.datetime.fromisoformat,
        "datetime",
    ),
    "D": _Kind(datetime.date, datetime.date.isoformat, datetime.date.fromisoformat, "date"),
    "T": _Kind(datetime.time, datetime.time.isoformat, datetime.time.fromisoformat, "time"),
    "p": _Kind(
        datetime.timedelta,
        lambda value: value // _MICROSECOND,
        lambda value: datetime.timedelta(microseconds=_integer(value)),
        "duration",
    ),
}
_TAGS = {kind.cls: tag for tag, kind in _KINDS.items()}


def _encoded(value: object) -> tuple[str, object]:
    if value is None:
        return "n", None
    if isinstance(value, Enum):
        return "e", value.name
    if isinstance(value, memoryview | bytearray):
        value = bytes(value)
    tag = _TAGS.get(type(value))
    if tag is None:
        raise TypeError(
            f"the query is sorted by values of the class {type(value).__qualname__}, which a "
            "cursor cannot have: sort it by numbers, text, times, or other plain values"
        )
    return tag, _KINDS[tag].encode(value)


def _decoded(tag: str, plain: Any, type_: TypeEngine[Any]) -> object:
    if tag == "n":
        return _of_class(type(None), plain)
    if isinstance(type_, EnumType):
        return _member(tag, plain, type_)
    kind = _KINDS[tag]
    expected = _family_of(type_)
    if expected not in (None, kind.family):
        raise ValueError
    return kind.decode(plain)


def _member(tag: str, plain: Any, type_: EnumType) -> object:
    cls: Any = type_.enum_class
    if cls is not None:
        return cls[plain]
    if tag != "s" or plain not in type_.enums:
        raise ValueError
    return plain


def _family_of(type_: TypeEngine[Any]) -> str | None:
    """Return the family of the values of a column; ``None`` if they may be of any."""
    tag = _TAGS.get(_python_type(type_))
    return None if tag is None else _KINDS[tag].family


def _python_type(type_: TypeEngine[Any]) -> type:
    """Return the class of the values of a column; ``object`` if it is not known."""
    try:
        return type_.python_type
    except NotImplementedError:
        return object
