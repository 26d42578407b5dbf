"""`RoomFigures`: what the rooms of an application count, for its metrics.

Counting must cost a broadcast nothing for each member, so figures are plain numbers that are added
once for each message, and read when the metrics are.
"""

from __future__ import annotations

from typing import final

from photon_runtime.observability import Meter


@final
class RoomFigures:
    """Figures of all rooms together; rooms may be many, so none of them has figures of its own.

    Attributes:
        messages: Messages that were broadcast in this process.
        posts: Messages times the members that they were posted to.
        dropped: Posts that members did not get, because they were closed or too slow.
        gaps: Gaps that readers got to know.
    """

    __slots__ = ("dropped", "gaps", "messages", "posts")

    def __init__(self) -> None:
        """Begin at zero."""
        self.messages = 0
        self.posts = 0
        self.dropped = 0
        self.gaps = 0

    def expose(self, meter: Meter) -> None:
        """Declare the metrics."""
        counter = meter.observable_counter
        counter(
            "photon_room_messages", "Messages broadcast by this process.", lambda: self.messages
        )
        counter("photon_room_posts", "Messages sent to members of rooms.", lambda: self.posts)
        counter(
            "photon_room_dropped_posts",
            "Messages that members of rooms did not get, closed or too slow.",
            lambda: self.dropped,
        )
        counter("photon_room_gaps", "Readers that learned of missing messages.", lambda: self.gaps)
