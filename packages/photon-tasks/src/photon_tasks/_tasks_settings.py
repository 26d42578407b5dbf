"""The ``[tasks]`` section of photon.toml."""

from __future__ import annotations

import re

import attrs
from attrs.validators import ge, gt, in_

from photon_runtime.settings import section

SCHEMES = ("sqlite", "postgresql", "redis", "rediss", "amqp", "amqps")
MODES = ("in_process", "queue", "inline")
_PASSWORD = re.compile(r"(://[^/@]*:).*@")


def without_password(url: str) -> str:
    """Return a URL for people to read."""
    return _PASSWORD.sub(r"\1***@", url)


def _shown(url: str) -> str:
    return repr(without_password(url))


def _url(instance: object, attribute: attrs.Attribute[str], value: str) -> None:
    scheme, separator, _ = value.partition("://")
    if value and (not separator or scheme.partition("+")[0] not in SCHEMES):
        known = ", ".join(f"{each}://" for each in SCHEMES)
        raise ValueError(f"is empty for the application's database, or a URL of {known}")


def _address(instance: object, attribute: attrs.Attribute[str], value: str) -> None:
    host, _, port = value.rpartition(":")
    if value and not (host and port.isascii() and port.isdecimal() and int(port) < 65_536):
        raise ValueError(f"is an address with a port such as '127.0.0.1:9100', not {value!r}")


def _path(instance: object, attribute: attrs.Attribute[str], value: str) -> None:
    if value and (not value.startswith("/") or value.endswith("/") or "{" in value):
        raise ValueError(f"is a path that begins with a slash and ends without one, not {value!r}")


@section("tasks")
@attrs.frozen(kw_only=True)
class TasksSettings:
    """Where jobs are kept, who runs them, and their limits.

    Durations are seconds, sizes are bytes.

    Attributes:
        url: Where jobs are kept: empty for the database of the application, else the URL of an
            SQLite file, a PostgreSQL, a Redis or a RabbitMQ.
        mode: Who runs jobs: ``in_process`` the process that serves, ``queue`` only processes of
            ``photon worker``, ``inline`` the call that enqueues them. Empty for ``inline`` in the
            environment ``test``, and ``in_process`` in all others.
        modules: Modules and packages that define tasks and schedules, imported at start. The
            application's own package is searched without being listed; see `photon_tasks.registry`.
        queues: Queues that workers take jobs from; empty for all.
        concurrency: Maximum number of jobs that run at the same time in a process.
        processes: Number of processes of ``photon worker``.
        lease: Time after which the jobs of a killed worker are run by another one.
        poll_interval: Maximum time between two looks for jobs, where a notification was lost.
        enqueue_timeout: Maximum time that enqueueing waits for the database or the server.
        shutdown_timeout: Time that running jobs have to end when a worker stops; then they are
            cancelled, and queued again. In development, the process that serves waits a second.
        retries: Attempts after the first one, for tasks that do not say otherwise.
        timeout: Time limit of one attempt, for tasks that do not say otherwise; zero for none.
        keep_completed: Time for which completed and cancelled jobs, with their results, are kept.
        keep_dead: Time for which dead and parked jobs are kept.
        max_arguments: Maximum size of the arguments of a job.
        max_result: Maximum size of a result.
        max_background: Maximum number of calls of `spawn_background` that run at the same time.
        max_memory: Memory of a worker process above which it is replaced between jobs; zero for no
            limit.
        max_jobs: Number of jobs after which a worker process is replaced; zero for no limit.
        metrics: Address and port at which ``photon worker`` serves ``/metrics``, such as
            ``127.0.0.1:9100``; empty for none. Every client that can reach it can read them.
        page: Path of the page about jobs in development; empty for none.
        page_clients: Who may use that page: ``local`` for this machine only, ``all`` for every
            client that can reach the server, such as the host of a container.
    """

    url: str = attrs.field(default="", validator=_url, repr=_shown)
    mode: str = attrs.field(default="", validator=in_(("", *MODES)))
    modules: list[str] = attrs.field(factory=list)
    queues: list[str] = attrs.field(factory=list)
    concurrency: int = attrs.field(default=100, validator=gt(0))
    processes: int = attrs.field(default=1, validator=gt(0))
    lease: float = attrs.field(default=30.0, validator=ge(1))
    poll_interval: float = attrs.field(default=1.0, validator=gt(0))
    enqueue_timeout: float = attrs.field(default=5.0, validator=gt(0))
    shutdown_timeout: float = attrs.field(default=20.0, validator=ge(0))
    retries: int = attrs.field(default=3, validator=ge(0))
    timeout: float = attrs.field(default=0.0, validator=ge(0))
    keep_completed: float = attrs.field(default=86_400.0, validator=ge(0))
    keep_dead: float = attrs.field(default=30 * 86_400.0, validator=ge(0))
    max_arguments: int = attrs.field(default=256 * 1024, validator=gt(0))
    max_result: int = attrs.field(default=1024 * 1024, validator=gt(0))
    max_background: int = attrs.field(default=1000, validator=gt(0))
    max_memory: int = attrs.field(default=0, validator=ge(0))
    max_jobs: int = attrs.field(default=0, validator=ge(0))
    metrics: str = attrs.field(default="", validator=_address)
    page: str = attrs.field(default="/photon/jobs", validator=_path)
    page_clients: str = attrs.field(default="local", validator=in_(("local", "all")))

    def mode_in(self, environment: str) -> str:
        """Return `mode` with its default in an environment."""
        return self.mode or ("inline" if environment == "test" else "in_process")
