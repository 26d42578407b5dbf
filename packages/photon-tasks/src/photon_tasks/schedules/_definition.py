"""`Definition`: text and time zone of a schedule, as the store has them, and which one counts.

Theory of operation. During a deploy, processes with the old and the new text of a schedule run at
the same time. The store has one definition for each schedule, and only processes that have the
same text fire its ticks. A definition in the store is replaced

- at once, by a process that has started later than the one that has put it there: processes with
  new code start after those with old code;
- by any process, if it has been *contested* for a while. A process that has started earlier, with
  another text, notes that it contests the definition. Every process that has the definition removes
  the note at its next look. So a note that stays means that no such process is left, as when one
  with old code was restarted during the deploy, and then stopped.

When a definition is replaced, the ticks of the old text up to that moment are fired, as after an
outage, and those of the new text from then on. So no tick is lost between them, and the new text
does not catch up.
"""

from __future__ import annotations

import attrs
import msgspec

from ..records import ScheduleRecord
from ._schedule import Schedule
from ._texts import parse
from ._ticks import Ticks

PATIENCE = 45.0
"""Seconds for which a definition is contested before it is replaced; several looks of others."""


@attrs.frozen
class Definition:
    """A definition in the store.

    Attributes:
        text: Text of the schedule.
        timezone: Its time zone.
        since: Start of the process that has put it there, by the store's clock.
        contested: When a process with another text has contested it; ``None`` if none has.
    """

    text: str
    timezone: str
    since: float
    contested: float | None = None

    def is_of(self, schedule: Schedule) -> bool:
        """Return whether it is the definition of a schedule."""
        return (self.text, self.timezone) == (schedule.text, schedule.timezone)

    def ticks(self) -> Ticks | None:
        """Return its ticks; ``None`` if this version of the code does not understand it."""
        try:
            return parse(self.text, self.timezone)
        except ValueError:
            return None

    def encode(self) -> str:
        """Return it as the text of a `ScheduleRecord`."""
        return msgspec.json.encode(attrs.asdict(self)).decode()


def definition_of(record: ScheduleRecord) -> Definition:
    """Return the definition of a record; one that is older than any if it is not readable."""
    try:
        return msgspec.json.decode(record.text.encode(), type=Definition)
    except (msgspec.DecodeError, msgspec.ValidationError):
        return Definition(record.text, "", float("-inf"))
