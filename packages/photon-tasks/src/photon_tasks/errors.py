"""The errors of photon-tasks.

Misuse that is visible at once is a `TypeError` or `ValueError`.
"""

from __future__ import annotations

from photon_runtime.errors import PhotonError, SignatureError


class TasksError(PhotonError):
    """The root of the errors of this package."""


class TaskDefinitionError(TasksError, SignatureError):
    """A function cannot be a task, or a schedule is invalid; the message names its line."""


class ArgumentsError(TasksError, ValueError):
    """The arguments of a call do not fit the task, or are too large."""


class StoreUnavailable(TasksError):
    """The database or the server of the jobs cannot be reached. It may be a matter of time."""


class StoreRefused(TasksError):
    """The database or the server of the jobs cannot be used as it is configured."""


class NoTasks(TasksError):
    """The call needs a running application with tasks, or a running job, and found none."""


class JobNotFound(TasksError, LookupError):
    """The job does not exist, or is not kept any more."""


class TaskNotFound(TasksError, LookupError):
    """No task of the application has the name, or several have it."""


class JobFailed(TasksError):
    """The job whose result was requested is dead, parked or cancelled."""


class LeaseLost(TasksError):
    """The worker has lost its lease, and its jobs belong to other workers."""


class ProcessFailed(TasksError):
    """The function of a task in a process of its own has raised, or the process has ended.

    Attributes:
        is_fatal: True if no further attempt follows, by the option ``fatal`` of the task.
        retry_in: Seconds until the next attempt, if the error has decided that.
    """

    def __init__(
        self, message: str, *, is_fatal: bool = False, retry_in: float | None = None
    ) -> None:
        """Note the error of the function, with its traceback."""
        super().__init__(message)
        self.is_fatal = is_fatal
        self.retry_in = retry_in


class TransactionOpen(TasksError):
    """A step of a job cannot be recorded, because a transaction that has written is open."""


class Overloaded(TasksError):
    """A limit of waiting work is reached."""


class MailRefused(TasksError):
    """The mail server refuses a mail for good, or all of its recipients."""


class MailUnavailable(TasksError):
    """The mail server cannot be reached, or does not accept a mail now."""


class NoMails(TasksError):
    """The call needs a running application with mails, and found none."""
