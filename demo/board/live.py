"""Pages that change while they are open: a room that every open page has joined.

A page is rendered with the id of the newest change, and connects with it: changes that were made in
between come first, and so do those of a time without a connection. A message names a board that has
changed and not what has changed, so what a page shows is always what the server renders.

`announce_change` is called within the transaction of the change, and the message is sent when that
is committed: to all workers, because `rooms` in photon.toml names a file that they share.

The progress of a job is in its message, since it changes often and is soon over.
"""

from __future__ import annotations

from typing import Annotated, Literal, Never

import attrs

from photon import Param, Query, Room, Router, WebSocket

router = Router()


@attrs.frozen
class BoardChanged:
    """The board, or a card on it, has changed."""

    board: int
    type: Literal["changed"] = "changed"


@attrs.frozen
class People:
    """The number of open pages."""

    count: int
    type: Literal["people"] = "people"


@attrs.frozen
class JobProgress:
    """How far a job is; ``done`` is ``total`` for one that is completed.

    Attributes:
        job: Its id.
        title: What it does.
        done: Number of the pieces that are done.
        total: Number of all.
    """

    job: str
    title: str
    done: int
    total: int
    type: Literal["progress"] = "progress"


@attrs.frozen
class Gap:
    """There were changes that the server does not remember."""

    type: Literal["gap"] = "gap"


changes = Room("changes", history=100, id_member="id", gap=Gap())


def announce_change(board_id: int) -> None:
    """Let all open pages know that a board has changed, when the change is committed."""
    changes.broadcast(BoardChanged(board_id))


progress = Room("progress")


def announce_progress(job: str, title: str, done: int, total: int) -> None:
    """Show on all open pages how far a job is."""
    progress.broadcast(JobProgress(job, title, done, total))


def _announce_people(room: Room, user: str) -> None:
    """Let all open pages know how many they are: one has been opened or closed."""
    visitors.broadcast(People(len(visitors.presence())))


visitors = Room("visitors", on_user_joined=_announce_people, on_user_left=_announce_people)


_Person = Annotated[
    str,
    Param(
        pattern="^[a-z0-9]+$",
        max_length=32,
        description="A name that the page has made up, and keeps when it connects again.",
    ),
]
_LatestChange = Annotated[str, Param(description="The id of the newest change that it shows.")]


@router.websocket("/live")
def follow_changes(
    ws: WebSocket[Never, BoardChanged | People | JobProgress | Gap],
    person: Query[_Person],
    after: Query[_LatestChange] | None = None,
) -> None:
    """Send changes, the progress of jobs and the number of open pages, until it is closed."""
    with changes.join(ws, after=after), progress.join(ws), visitors.join(ws, user=person):
        ws.send(People(len(visitors.presence())))
        ws.read_message()  # pages send nothing: it returns when the page is closed
