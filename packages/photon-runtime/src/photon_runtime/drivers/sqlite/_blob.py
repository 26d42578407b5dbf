"""`Blob`: a large object of the database, read and written in pieces."""

from __future__ import annotations

import _sqlite3
import functools
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self

from ._calls import call, call_surely
from ._statements import NEUTRAL, OTHER

if TYPE_CHECKING:
    from ._connection import Connection


class Blob:
    """A `sqlite3.Blob` whose calls pause one coroutine; made by ``Connection.blobopen()``.

    All calls block the calling task until they are done.
    """

    __iter__ = None  # the standard one is not a sequence
    _connection: Connection
    _blob: _sqlite3.Blob

    def __init__(self, *_: object) -> None:
        """Refuse to be made in another way."""
        raise TypeError("cannot create 'sqlite3.Blob' instances")

    @classmethod
    def _of(cls, connection: Connection, blob: _sqlite3.Blob) -> Self:
        """Wrap ``blob``, which belongs to ``connection``."""
        self = cls.__new__(cls)
        self._connection = connection
        self._blob = blob
        return self

    def close(self) -> None:
        """Close the object; in a task that is being cancelled it is done in the background."""
        call_surely(self._connection, self._blob.close, NEUTRAL)

    def read(self, length: int = -1, /) -> bytes:
        """Return the next ``length`` bytes, all that are left for -1."""
        return self._call(self._blob.read, length)  # type: ignore[no-any-return]

    def write(self, data: Any, /) -> None:
        """Replace the next bytes by ``data``; the length of the object cannot change."""
        self._call(self._blob.write, data)

    def tell(self) -> int:
        """Return the position."""
        return self._blob.tell()

    def seek(self, offset: int, origin: int = 0, /) -> None:
        """Set the position, from the beginning, the position (1) or the end (2)."""
        self._blob.seek(offset, origin)

    def __len__(self) -> int:
        """Return the number of bytes."""
        return len(self._blob)

    def __enter__(self) -> Self:
        """Return the object."""
        self._blob.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> Literal[False]:
        """Close the object."""
        self._blob.tell()  # refuses a closed one
        self.close()
        return False

    def __getitem__(self, key: Any, /) -> Any:
        """Return a byte, or the bytes of a slice."""
        return self._call(self._blob.__getitem__, key)

    def __setitem__(self, key: Any, value: Any, /) -> None:
        """Replace a byte, or the bytes of a slice."""
        self._call(self._blob.__setitem__, key, value)

    def __delitem__(self, key: Any, /) -> None:
        """Refuse to change the length."""
        del self._blob[key]  # type: ignore[attr-defined]  # its own error

    def _call(self, function: Callable[..., Any], *args: Any) -> Any:
        return call(self._connection, functools.partial(function, *args), OTHER)
