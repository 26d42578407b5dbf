"""Photon: a web framework in plain blocking Python, on coroutines.

This package combines the others and has no mechanism of its own. All names that an application
needs can be imported from here; they are defined in ``photon_runtime``, ``photon_router``,
``photon_ws`` and ``photon_tasks``. The last two are imported when one of their names is used.
"""

from typing import TYPE_CHECKING

from photon_router import BackgroundTasks as BackgroundTasks
from photon_router import Body as Body
from photon_router import Cookie as Cookie
from photon_router import Created as Created
from photon_router import CurrentUser as CurrentUser
from photon_router import Depends as Depends
from photon_router import DocumentError as DocumentError
from photon_router import EventStream as EventStream
from photon_router import File as File
from photon_router import Form as Form
from photon_router import Header as Header
from photon_router import Html as Html
from photon_router import HttpError as HttpError
from photon_router import Json as Json
from photon_router import JsonLines as JsonLines
from photon_router import NoContent as NoContent
from photon_router import NotAcceptable as NotAcceptable
from photon_router import Param as Param
from photon_router import Path as Path
from photon_router import Query as Query
from photon_router import Redirect as Redirect
from photon_router import Request as Request
from photon_router import Response as Response
from photon_router import ServerSentEvent as ServerSentEvent
from photon_router import SetCookie as SetCookie
from photon_router import SignatureError as SignatureError
from photon_router import StaticFiles as StaticFiles
from photon_router import Status as Status
from photon_router import Stream as Stream
from photon_router import Submitted as Submitted
from photon_router import Text as Text
from photon_router import UploadFile as UploadFile
from photon_router import ValidationError as ValidationError
from photon_router import Wsgi as Wsgi
from photon_router import closed as closed
from photon_router import photon_route as photon_route
from photon_router import rename as rename
from photon_runtime import Channel as Channel
from photon_runtime import Event as Event
from photon_runtime import Lock as Lock
from photon_runtime import Semaphore as Semaphore
from photon_runtime import Task as Task
from photon_runtime import deadline as deadline
from photon_runtime import go as go
from photon_runtime import offload as offload
from photon_runtime import scope as scope
from photon_runtime import shield as shield
from photon_runtime import sleep as sleep
from photon_runtime import spawn as spawn
from photon_runtime import yield_now as yield_now

from .app import Photon as Photon
from .router import Router as Router

if TYPE_CHECKING:
    from photon_tasks import Accepted as Accepted
    from photon_tasks import Backoff as Backoff
    from photon_tasks import EnqueuedFlow as EnqueuedFlow
    from photon_tasks import EnqueuedJob as EnqueuedJob
    from photon_tasks import Flow as Flow
    from photon_tasks import Job as Job
    from photon_tasks import TasksPart as TasksPart
    from photon_tasks import Unique as Unique
    from photon_tasks import current_job as current_job
    from photon_tasks import group as group
    from photon_tasks import owned_by as owned_by
    from photon_tasks import pipeline as pipeline
    from photon_tasks import provided as provided
    from photon_tasks import schedule as schedule
    from photon_tasks import send_event as send_event
    from photon_tasks import spawn_background as spawn_background
    from photon_tasks import step as step
    from photon_tasks import task as task
    from photon_tasks import tick_of as tick_of
    from photon_tasks.mail import Address as Address
    from photon_tasks.mail import Attachment as Attachment
    from photon_tasks.mail import MailMessage as MailMessage
    from photon_tasks.mail import mailer as mailer
    from photon_ws import PhotonWebSocket as PhotonWebSocket
    from photon_ws import Room as Room
    from photon_ws import WebSocket as WebSocket
    from photon_ws import WebSocketClosed as WebSocketClosed

_OF_WEBSOCKETS = frozenset({"PhotonWebSocket", "Room", "WebSocket", "WebSocketClosed"})
_OF_TASKS = frozenset(
    {
        "Accepted",
        "Backoff",
        "EnqueuedFlow",
        "EnqueuedJob",
        "Flow",
        "Job",
        "TasksPart",
        "Unique",
        "current_job",
        "group",
        "pipeline",
        "owned_by",
        "provided",
        "schedule",
        "send_event",
        "spawn_background",
        "step",
        "task",
        "tick_of",
    }
)
_OF_MAILS = frozenset({"Address", "Attachment", "MailMessage", "mailer"})


def __getattr__(name: str) -> object:
    if name in _OF_WEBSOCKETS:
        import photon_ws

        return getattr(photon_ws, name)
    if name in _OF_TASKS:
        import photon_tasks

        return getattr(photon_tasks, name)
    if name in _OF_MAILS:
        from photon_tasks import mail

        return getattr(mail, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_OF_WEBSOCKETS, *_OF_TASKS, *_OF_MAILS})
