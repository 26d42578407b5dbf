"""``photon generate worker``: a background job with its test."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from photon_runtime.generators import Arguments, Edit, GeneratorError, Option
from photon_runtime.project import Project

from ._background_code import BackgroundCode, background_application, background_name
from ._call_parameters import (
    CallParameter,
    call_arguments,
    example_imports_of,
    imports_of,
    signature,
)

_QUEUE: Final = re.compile(r"[\w.:-]{1,100}")


class WorkerGenerator:
    """A background job: `photon generate worker send_receipt order_id:int note:string?`."""

    options = (Option("queue", "The queue of its jobs.", default=None),)

    def plan(self, project: Project, arguments: Arguments) -> Sequence[Edit]:
        """Return the task and the test that enqueues it.

        Raises:
            GeneratorError: The name, a parameter or the queue cannot be used.
        """
        name = background_name(arguments.name, suffix="job")
        parameters = CallParameter.parse_all(arguments.words, function=name.module)
        queue = arguments.options.get("queue")
        if isinstance(queue, str) and not _QUEUE.fullmatch(queue):
            raise GeneratorError(
                f"--queue {queue!r}: a queue has up to 100 letters, digits and _ . : -, as in mails"
            )
        return BackgroundCode(
            application=background_application(project),
            name=name,
            templates="worker",
            folder="tasks",
            context={
                "signature": signature(parameters),
                "arguments": call_arguments(parameters),
                "queue": queue,
            },
            imports=imports_of(parameters) | {"from photon import task"},
            test_imports=example_imports_of(parameters),
        ).edits()

    def next_steps(self, project: Project, arguments: Arguments) -> Sequence[str]:
        """Return what follows: the test, and how to enqueue a job."""
        name = background_name(arguments.name, suffix="job").module
        return ["next: photon test", f"a call that runs later: {name}.enqueue(...)"]
