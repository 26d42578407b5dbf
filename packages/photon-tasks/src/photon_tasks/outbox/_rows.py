"""A delivery as the text of a row, and back.

The text is JSON in ASCII, so that no encoding of a database changes it. A process of another
version may read it: members that it does not know are ignored, those that are missing have their
defaults.
"""

from __future__ import annotations

import json
from typing import Final

import attrs
import msgspec

from ..records import Delivery, NewJob

_DECODER: Final = msgspec.json.Decoder(Delivery)


def encode_delivery(delivery: Delivery) -> str:
    """Return the text of a delivery."""
    return json.dumps(msgspec.to_builtins(delivery), ensure_ascii=True, separators=(",", ":"))


def decode_delivery(text: str, age: float) -> Delivery:
    """Return the delivery of a text that was written ``age`` seconds ago.

    Delays are what is left of them.

    Raises:
        msgspec.DecodeError: It is not such a text.
    """
    delivery = _DECODER.decode(text)
    if age <= 0:
        return delivery
    return attrs.evolve(delivery, jobs=[_aged(each, age) for each in delivery.jobs])


def _aged(job: NewJob, age: float) -> NewJob:
    return attrs.evolve(job, delay=max(0.0, job.delay - age)) if job.delay else job
