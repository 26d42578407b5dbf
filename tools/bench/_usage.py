"""What a server has used so far, read from ``/proc``.

A server is a tree of processes: a supervisor, its workers, whatever they start. Members are found
by session (a server is started as the leader of a new one, so a child whose parent has died is
still found) and by parent (so is a child that opened a session of its own). A member's CPU time is
its own and that of the children it has waited for; living children count themselves, so nothing
counts twice and a worker that ends under load is not lost.

CPU times have the resolution of the kernel's clock tick, mostly 10 ms: half a percent of 2 seconds.
"""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

_TICK = 1 / os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class ProcessStat:
    """The fields used of one ``/proc/<pid>/stat``; ticks include the children waited for."""

    pid: int
    name: str
    parent: int
    session: int
    ticks: int
    pages: int


@dataclass(frozen=True, slots=True)
class Usage:
    """CPU seconds (user and system) and resident bytes of a tree of processes."""

    cpu: float
    memory: int


def parse_stat(text: str) -> ProcessStat:
    """Parse one ``/proc/<pid>/stat``.

    The second field is the process's name in parentheses, and the name is free text: it may hold
    blanks, parentheses and line ends. Only the last ``)`` ends it.
    """
    pid, _, rest = text.partition(" (")
    name, _, tail = rest.rpartition(")")
    fields = tail.split()  # fields[0] is the third field, the state
    return ProcessStat(
        pid=int(pid),
        name=name,
        parent=int(fields[1]),
        session=int(fields[3]),
        ticks=sum(int(ticks) for ticks in fields[11:15]),
        pages=int(fields[21]),
    )


def members(leader: int, *, among: Iterable[ProcessStat]) -> list[ProcessStat]:
    """Pick the processes of the session of ``leader``, and all descendants of those."""
    waiting = list(among)
    found: dict[int, ProcessStat] = {}
    grown = True
    while grown:
        chosen = [s for s in waiting if leader in (s.session, s.pid) or s.parent in found]
        found.update((s.pid, s) for s in chosen)
        waiting = [s for s in waiting if s.pid not in found]
        grown = bool(chosen)
    return list(found.values())


def read_usage(leader: int) -> Usage:
    """Sum up the server led by process ``leader``; all zero once it is gone."""
    tree = members(leader, among=_all_processes())
    return Usage(
        cpu=sum(s.ticks for s in tree) * _TICK,
        memory=sum(s.pages for s in tree) * _PAGE,
    )


def members_of(leader: int) -> list[int]:
    """Return the processes of the server led by process ``leader``."""
    return [s.pid for s in members(leader, among=_all_processes())]


def _all_processes() -> Iterator[ProcessStat]:
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            try:
                text = (folder / "stat").read_text(errors="replace")
            except (FileNotFoundError, ProcessLookupError):
                continue  # it ended between the listing and the reading
            yield parse_stat(text)
