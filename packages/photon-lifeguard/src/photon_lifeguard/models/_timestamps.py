"""When a row was made and changed."""

from __future__ import annotations

import datetime
from typing import Any

from sqlalchemy.orm import Mapped, mapped_column

from ._utc_datetime import UtcDateTime, utc_now


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


def _created_or_now(context: Any) -> datetime.datetime:
    """Return the time at which the row of an INSERT is created."""
    created: datetime.datetime | None = context.get_current_parameters().get("created_at")
    return created if isinstance(created, datetime.datetime) else _now()


class Timestamps:
    """A mixin with the times at which a row was created and last changed.

    SQLAlchemy sets them, from the clock of the process: they have microseconds on every database,
    and an object has them after its flush without another statement. Rows that other programs
    insert get the time of the database.

    `updated_at` changes with every UPDATE that SQLAlchemy sends for the row, also by
    ``update(Post)``; what other programs change does not change it.

    Attributes:
        created_at: Time at which the row was created.
        updated_at: Time at which it was last changed; at first that of its creation.
    """

    created_at: Mapped[datetime.datetime] = mapped_column(
        UtcDateTime(), default=_now, server_default=utc_now(), sort_order=1000
    )
    updated_at: Mapped[datetime.datetime] = mapped_column(
        UtcDateTime(),
        default=_created_or_now,
        onupdate=_now,
        server_default=utc_now(),
        sort_order=1001,
    )
