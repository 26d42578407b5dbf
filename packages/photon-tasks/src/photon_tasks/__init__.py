"""Durable jobs, schedules and background tasks for applications.

====================  =========================================================================
``task``              `task`, `Task`: functions whose calls are jobs
``options``           how a task is run: queue, attempts, time limit, unique key
``job``               `Job`: the running job; steps, sleeps, events, progress
``background``        `spawn_background`: work of this process that outlives its request
``enqueued_job``      `EnqueuedJob`: a job, as the code that has enqueued it sees it
``flows``             `Flow`, `group`, `pipeline`: jobs after one another, and side by side
``part``              `TasksPart`: the tasks of an application
``routes``            `Accepted`: the response that announces a job; its status for clients
``ownership``         `owned_by`: whom jobs belong to
``observability``     metrics, spans and log fields of jobs
``delivery``          which transaction a delivery is part of
``current``           `Tasks`: what belongs to a running application, and how code finds it
``registry``          which tasks an application has
``worker``            claims, runs and records jobs; heartbeats, recovery
``calls``             the call of a task: provided values, middleware, threads
``schedules``         `schedule`: tasks that are enqueued by themselves
``stores``            where jobs are: SQLite, PostgreSQL, Redis
``records``           jobs, claims and outcomes as values
``errors``            the error tree
====================  =========================================================================
"""

from ._arguments import provided as provided
from ._tasks_settings import TasksSettings as TasksSettings
from .background import spawn_background as spawn_background
from .current import Tasks as Tasks
from .current import current_tasks as current_tasks
from .delivery import joining as joining
from .enqueued_job import EnqueuedJob as EnqueuedJob
from .enqueued_job import send_event as send_event
from .errors import ArgumentsError as ArgumentsError
from .errors import JobFailed as JobFailed
from .errors import JobNotFound as JobNotFound
from .errors import LeaseLost as LeaseLost
from .errors import NoTasks as NoTasks
from .errors import Overloaded as Overloaded
from .errors import StoreRefused as StoreRefused
from .errors import StoreUnavailable as StoreUnavailable
from .errors import TaskDefinitionError as TaskDefinitionError
from .errors import TasksError as TasksError
from .flows import EnqueuedFlow as EnqueuedFlow
from .flows import Flow as Flow
from .flows import FlowProgress as FlowProgress
from .flows import flow_from_json as flow_from_json
from .flows import group as group
from .flows import pipeline as pipeline
from .job import Job as Job
from .job import JobMiddleware as JobMiddleware
from .job import current_job as current_job
from .job import step as step
from .options import Backoff as Backoff
from .options import Unique as Unique
from .ownership import owned_by as owned_by
from .part import TasksPart as TasksPart
from .records import JobState as JobState
from .routes import Accepted as Accepted
from .routes import JobStatus as JobStatus
from .schedules import Schedule as Schedule
from .schedules import schedule as schedule
from .schedules import tick_of as tick_of
from .task import Task as Task
from .task import task as task
