"""`encode_jobs`, `decode_jobs`, `storable`: texts that stores keep.

Jobs that follow are a text, such as `photon_tasks.records.NewGroup.then`: a store enqueues its jobs
by itself, when the last job of the group has ended well.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from ..records import NewJob

_DECODER: Final = msgspec.json.Decoder(list[NewJob])


def encode_jobs(jobs: Sequence[NewJob]) -> str:
    """Return jobs as a JSON text."""
    return msgspec.json.encode(jobs).decode()


def decode_jobs(text: str) -> list[NewJob]:
    """Return the jobs of a text of `encode_jobs`.

    Raises:
        msgspec.ValidationError: The text does not describe jobs.
    """
    return _DECODER.decode(text)


def storable(error: str | None) -> str | None:
    """Return the text of an error without characters that a store may not have.

    PostgreSQL has no zero bytes, and UTF-8 has no halves of pairs.
    """
    if error is None:
        return None
    return error.replace("\0", "\ufffd").encode(errors="replace").decode()
