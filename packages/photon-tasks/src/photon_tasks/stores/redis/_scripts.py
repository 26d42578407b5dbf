"""The scripts of `RedisStore`: each is one atomic step.

Theory of operation
-------------------
*Atomic.* A script is executed alone and completely. Redis undoes nothing, so nothing may fail in
the middle: what a server refuses (no memory, a read-only replica, a full disk) it refuses before
the first line, because the scripts declare what they do (``flags``). While it has no memory left,
jobs still end and can be removed, but are neither enqueued nor claimed.

*Keys.* They begin with a prefix that has a hash tag, so they are on one node of a cluster::

    …j:<id>             a job, a hash: t task, q queue, a arguments, p priority, m max_attempts,
                        k keep, tr trace, ow owner, g group, th then, u unique key, ul how long it
                        lasts, s state, n attempts, c claims, l attempts in a row that have ended
                        with their worker, e enqueued, d due, b started, z ended, y kept until,
                        w worker, pr progress, r result, er error, v event that it
                        waits for, x whether its cancellation is requested, o order in its queue
    …t:<id>             a job that is not kept any more, and whose id is still known
    …s:<id>  …e:<id>    its steps, a hash; its events, a list
    …q:<queue>          queued jobs, by priority, then by order
    …d:<queue>          delayed, failed and waiting jobs, by the time at which they are due
    …ready              queues that have queued jobs, by the turn in which they were served last
    …due                queues that have delayed jobs, by the first time
    …i:<state>:<queue>  all jobs, by id
    …queues             all queues
    …ended  …dead       ended jobs, by the time until which they are kept; dead and parked ones, by
                        the time at which they ended
    …u:<key>            the job that has a unique key
    …g:<group>          a group: jobs left to end well, jobs that are kept, what follows
    …workers            workers, by the end of their lease
    …w:<id>  …r:<id>    a worker; its jobs
    …x:<id>             those of its jobs that are to be cancelled, with their attempts
    …b:<id>             its claims that it has not confirmed, with their jobs
    …schedules          schedules
    …n                  the numbers of the last place in the queues, and of the last turn
    …news               the channel that says that workers have to look

*Order.* Redis orders members with equal scores by their bytes. The score is the priority, and the
member begins with a number of 16 digits, which counts up. A job that is given back has its number
still, which is less than those of the jobs that were not claimed.

*Unanswered claims.* A claim that was interrupted, or whose connection was lost, may have taken jobs
that their worker does not know of. Calls have numbers, and the next claim names those that were not
answered: their jobs are given back. A call that arrives only then does nothing.

*Values.* Scripts get and return MessagePack, which is one value to parse instead of thousands. What
is absent is false, since Lua's arrays have no nil.
"""

from __future__ import annotations

from importlib.resources import files
from typing import Final

from photon_runtime.drivers.redis import Script

_FOLDER = files(__package__).joinpath("lua")
_JOBS = _FOLDER.joinpath("_jobs.lua").read_text("utf-8")


def _script(name: str, flags: str = "") -> Script:
    own = _FOLDER.joinpath(f"{name}.lua").read_text("utf-8")
    return Script(f"#!lua flags={flags}\n{_JOBS}\n{own}")


BEAT: Final = _script("beat", "allow-oom")
CANCEL: Final = _script("cancel", "allow-oom")
CLAIM: Final = _script("claim")
DELIVER: Final = _script("deliver")
DEPTHS: Final = _script("depths", "no-writes")
FINISH: Final = _script("finish", "allow-oom")
JOB: Final = _script("job", "no-writes")
JOBS: Final = _script("jobs", "no-writes")
PROGRESS: Final = _script("progress")
PURGE: Final = _script("purge", "allow-oom")
REGISTER: Final = _script("register", "allow-oom")
RELEASE: Final = _script("release", "allow-oom")
REQUEUE: Final = _script("requeue")
SET_SCHEDULE: Final = _script("set_schedule")
SET_STEP: Final = _script("set_step", "allow-oom")
TAKE_EVENT: Final = _script("take_event", "allow-oom")
TIDY: Final = _script("tidy", "allow-oom")
WORKERS: Final = _script("workers", "no-writes")
