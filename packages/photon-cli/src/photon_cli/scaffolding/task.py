"""``photon generate task``: a task that is run by hand, with its test."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from photon_runtime.generators import Arguments, Edit
from photon_runtime.project import Project

from ._background_code import BackgroundCode, background_application, background_name
from ._call_parameters import CallParameter, imports_of, signature
from ._handler_names import HandlerName


class TaskGenerator:
    """A task that is run by hand: `photon generate task shrink_images limit:int`."""

    def plan(self, project: Project, arguments: Arguments) -> Sequence[Edit]:
        """Return the task and the test that runs it as `photon task` does.

        Raises:
            GeneratorError: The name or a parameter cannot be used.
        """
        name, parameters = _name_and_parameters(arguments)
        words = [word for each in parameters for word in each.typed_words]
        return BackgroundCode(
            application=background_application(project),
            name=name,
            templates="task",
            folder="tasks",
            context={
                "signature": signature(parameters),
                "words": words,
            },
            imports=imports_of(parameters) | {"from photon import task"},
            test_imports=frozenset({"from photon_tasks.by_hand import read_arguments"}),
        ).edits()

    def next_steps(self, project: Project, arguments: Arguments) -> Sequence[str]:
        """Return the commands that follow."""
        name, parameters = _name_and_parameters(arguments)
        words = [shlex.quote(word) for each in parameters for word in each.typed_words]
        return ["next: photon test", "      " + " ".join(["photon task", name.module, *words])]


def _name_and_parameters(arguments: Arguments) -> tuple[HandlerName, tuple[CallParameter, ...]]:
    name = background_name(arguments.name, suffix="task")
    return name, CallParameter.parse_all(arguments.words, function=name.module)
