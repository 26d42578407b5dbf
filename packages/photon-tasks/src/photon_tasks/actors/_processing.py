"""One message in a worker, with the hooks of middleware in dramatiq's order.

Theory of operation. dramatiq tries a message again by enqueueing it anew, and passes results on by
enqueueing messages, before it acknowledges: a process that is killed in between doubles them. Here
the broker collects what middleware enqueues after the actor has returned. The message itself means
another attempt of the job. All others are enqueued with the outcome of the attempt, in one step.

``retries`` counts attempts that were begun. So a message that kills its process is dead in the end,
which dramatiq does not notice. Options that middleware has changed are kept with the job for its
next attempt.
"""

from __future__ import annotations

import contextlib
import math
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, final

from dramatiq.broker import MessageProxy
from dramatiq.errors import DramatiqError
from dramatiq.message import Message
from dramatiq.middleware import SkipMessage, TimeLimitExceeded

import photon_runtime as rt
from photon_openapi.codec import encode
from photon_runtime.errors import Cancelled

from ..errors import LeaseLost
from ..job import Job, Parked
from ._middleware import CancellingTimeLimit

if TYPE_CHECKING:
    from ._broker import PhotonBroker


@final
class Processing:
    """A message that is processed.

    Attributes:
        job: Its job.
        message: The message.
        has_returned: True once the actor has ended, and middleware reacts to that.
        retry_in: Seconds until the next attempt; ``None`` if middleware wants none.
    """

    def __init__(self, broker: PhotonBroker, job: Job, message: Message[Any]) -> None:
        """Note the message."""
        self.job = job
        self.message = message
        self.has_returned = False
        self.retry_in: float | None = None
        self._broker = broker
        self._proxy = MessageProxy(message)

    def run(self) -> Any:
        """Call the actor, and return its result.

        Raises:
            BaseException: What the actor has raised; its attribute ``retry_in`` says whether
                another attempt follows.

        Blocks: the calling task, as the actor does.
        """
        token = current_processing.set(self)
        try:
            return self._run()
        finally:
            current_processing.reset(token)
            self._proxy.clear_exception()

    def _run(self) -> Any:
        broker, proxy = self._broker, self._proxy
        error: BaseException | None = None
        result: Any = None
        try:
            broker.emit_before("process_message", proxy)
            if not proxy.failed:
                result = self._call()
            self.has_returned = True
            broker.emit_after("process_message", proxy, result=result)
        except SkipMessage as skip:
            self.has_returned = True
            if proxy.failed:
                error = skip
                proxy.stuff_exception(skip)
            broker.emit_after("skip_message", proxy)
        except (Cancelled, Parked, LeaseLost):
            raise  # the attempt has no result of its own
        except BaseException as raised:
            self.has_returned = True
            error = raised
            proxy.stuff_exception(raised)
            broker.emit_after("process_message", proxy, exception=raised)
        end = "nack" if proxy.failed else "ack"
        broker.emit_before(end, proxy)
        broker.emit_after(end, proxy)
        if error is None and proxy.failed:
            error = DramatiqError("a middleware has rejected the message")
        if error is not None:
            raise self._with_retry(error)
        return result

    def _call(self) -> Any:
        message = self.message
        actor = self._broker.get_actor(message.actor_name)
        seconds = None
        for each in self._broker.middleware:
            if isinstance(each, CancellingTimeLimit):
                seconds = each.seconds(actor, message.options)
        try:
            with contextlib.nullcontext() if seconds is None else rt.deadline(seconds):
                return actor(*message.args, **message.kwargs)
        except rt.DeadlineExceeded as error:
            raise TimeLimitExceeded(f"the actor did not end within {seconds} s") from error

    def _with_retry(self, error: BaseException) -> BaseException:
        """Return the error of the attempt, with the seconds until the next one."""
        delay = math.inf
        if self.retry_in is not None and not self._proxy.failed:
            delay = self.retry_in
            self.job.checkpoint(_plain(self.message.options))
        try:
            error.retry_in = delay  # type: ignore[attr-defined]
        except AttributeError:  # a class with slots
            other = DramatiqError(f"{type(error).__name__}: {error}")
            other.retry_in = delay  # type: ignore[attr-defined]
            other.__cause__ = error
            return other
        return error


def process(broker: PhotonBroker, job: Job, fields: dict[str, Any], *, keeps_result: bool) -> Any:
    """Process the message of a job, and return its result, if it is kept.

    Args:
        broker: The broker of the actor.
        job: The running job.
        fields: The fields of the message.
        keeps_result: False to return ``None``.

    Raises:
        BaseException: See `Processing.run`.

    Blocks: the calling task, as the actor does.
    """
    options = dict(fields["options"])
    if job.attempt > 1:
        options |= job.cursor or {}
        options["retries"] = job.attempt - 1
    message: Message[Any] = Message.decode(encode({**fields, "options": options}))
    broker.boot()
    result = Processing(broker, job, message).run()
    return result if keeps_result else None


def _plain(options: dict[str, Any]) -> dict[str, Any]:
    """Return the options that can be kept as JSON."""
    plain: dict[str, Any] = {}
    for name, value in options.items():
        with contextlib.suppress(TypeError, ValueError):
            encode(value)
            plain[name] = value
    return plain


current_processing: ContextVar[Processing | None] = ContextVar("photon_message", default=None)
