"""`encode_jobs`, `decode_jobs`: jobs that follow, as the text that stores keep.

`photon_tasks.records.NewGroup.then` is such a text: a store enqueues its jobs by itself, when the
last job of the group has ended well.
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
