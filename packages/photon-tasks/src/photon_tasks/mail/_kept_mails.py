"""Where mails are kept that are not sent: in memory for tests, in a folder in development.

Theory of operation. The application and its workers are several processes, and the page of
development shows the mails of all of them: so its mails are files of one folder. Each file is
complete when it gets its name, and names begin with the time, so they sort. Each mail that is added
removes the oldest ones above the limit; two processes that do so at once disagree harmlessly.
"""

from __future__ import annotations

import os
import re
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from secrets import token_hex
from typing import Final, Protocol, cast

import photon_runtime as rt
from photon_openapi.codec import decoder_of, encode
from photon_openapi.errors import MalformedBody, ValidationError

from ._report import DeliveryReport
from .outgoing import OutgoingMail

MAX_MAILS: Final = 100
_MAX_IN_MEMORY: Final = 1000
_ID: Final = re.compile(r"[0-9]{20}-[0-9a-f]{8}")


class Transport(Protocol):
    """What becomes of mails."""

    @property
    def is_local(self) -> bool:
        """Whether mails stay on this machine."""
        ...

    def deliver(self, mail: OutgoingMail, recipients: Sequence[str]) -> DeliveryReport:
        """Deliver a mail to some of its recipients.

        Raises:
            MailRefused: It is refused for good.
            MailUnavailable: It may be accepted later.
        """
        ...

    def close(self) -> None:
        """Release what is kept open."""


class KeptMails(Protocol):
    """Mails that were kept, each with an id."""

    def mails(self) -> Sequence[tuple[str, OutgoingMail]]:
        """Return the mails with their ids, the newest first."""
        ...

    def find(self, key: str) -> OutgoingMail | None:
        """Return the mail with an id; ``None`` if it is not kept any more."""
        ...


class MemoryTransport:
    """Keeps the last mails in memory, for tests."""

    is_local = True

    def __init__(self) -> None:
        """Begin without mails."""
        self._kept: deque[tuple[str, OutgoingMail]] = deque(maxlen=_MAX_IN_MEMORY)

    def deliver(self, mail: OutgoingMail, recipients: Sequence[str]) -> DeliveryReport:
        """Keep a mail. It is written as for sending, so a mail that cannot be sent fails here."""
        mail.source()
        self._kept.append((_new_key(), mail))
        return DeliveryReport(message_id=mail.message_id, accepted=tuple(recipients))

    def mails(self) -> Sequence[tuple[str, OutgoingMail]]:
        """Return the mails with their ids, the newest first."""
        return list(reversed(self._kept))

    def find(self, key: str) -> OutgoingMail | None:
        """Return the mail with an id; ``None`` if it is not kept any more."""
        return next((mail for each, mail in self._kept if each == key), None)

    def close(self) -> None:
        """Keep the mails: tests read them after the end, too."""


class InboxTransport:
    """Keeps the last mails of all processes as files of a folder, for development.

    Args:
        folder: The folder; it is made when the first mail is kept.
    """

    is_local = True

    def __init__(self, folder: Path) -> None:
        """Read nothing yet."""
        self.folder = folder

    def deliver(self, mail: OutgoingMail, recipients: Sequence[str]) -> DeliveryReport:
        """Keep a mail. Blocks: the calling task, for the writing of a file."""
        mail.source()
        rt.offload(self._write, encode(mail))
        return DeliveryReport(message_id=mail.message_id, accepted=tuple(recipients))

    def mails(self) -> Sequence[tuple[str, OutgoingMail]]:
        """Return the mails with their ids, the newest first.

        Blocks: the calling task, for the reading of files.
        """
        read = rt.offload(self._read_all)
        return [(key, mail) for key, data in read if (mail := self._decoded(data)) is not None]

    def find(self, key: str) -> OutgoingMail | None:
        """Return the mail with an id; ``None`` if it is not kept any more.

        Blocks: the calling task, for the reading of a file.
        """
        if _ID.fullmatch(key) is None:
            return None
        data = rt.offload(self._read, key)
        return None if data is None else self._decoded(data)

    def close(self) -> None:
        """Keep the mails."""

    def _decoded(self, data: bytes) -> OutgoingMail | None:
        try:
            return cast("OutgoingMail", decoder_of(OutgoingMail).decode(data))
        except (MalformedBody, ValidationError, ValueError):
            return None  # of another version of Photon

    def _write(self, data: bytes) -> None:
        if not self.folder.is_dir():
            self.folder.mkdir(parents=True, exist_ok=True)
            (self.folder / ".gitignore").write_text("*\n")
        key = _new_key()
        partial = self.folder / f"{key}.partial"
        partial.write_bytes(data)
        os.replace(partial, self.folder / f"{key}.json")
        for old in self._keys()[MAX_MAILS:]:
            (self.folder / f"{old}.json").unlink(missing_ok=True)

    def _keys(self) -> list[str]:
        """Return the ids of the mails, the newest first."""
        try:
            names = os.listdir(self.folder)
        except FileNotFoundError:
            return []
        keys = (name.removesuffix(".json") for name in names if name.endswith(".json"))
        return sorted((key for key in keys if _ID.fullmatch(key)), reverse=True)

    def _read_all(self) -> list[tuple[str, bytes]]:
        read = ((key, self._read(key)) for key in self._keys()[:MAX_MAILS])
        return [(key, data) for key, data in read if data is not None]

    def _read(self, key: str) -> bytes | None:
        with suppress(FileNotFoundError):  # it has been removed in the meantime
            return (self.folder / f"{key}.json").read_bytes()
        return None


def _new_key() -> str:
    return f"{time.time_ns():020d}-{token_hex(4)}"
