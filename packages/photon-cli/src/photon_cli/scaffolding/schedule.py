"""``photon generate schedule``: a task that is enqueued at the times of a text, with its test."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from photon_runtime.generators import Arguments, Edit, GeneratorError, Option
from photon_runtime.project import Project

from ._background_code import BackgroundCode, background_application, background_name
from ._first_tick import first_tick

_UTC: Final = "UTC"


class ScheduleGenerator:
    """A task at certain times: `photon generate schedule nightly_report "0 3 * * *"`."""

    options = (Option("timezone", "Its time zone, such as Europe/Berlin.", default=None),)

    def plan(self, project: Project, arguments: Arguments) -> Sequence[Edit]:
        """Return the task with its schedule, and the test.

        Raises:
            GeneratorError: The name, the text or the time zone cannot be used.

        Blocks: for a moment, while another process reads the text.
        """
        name = background_name(arguments.name, suffix="task")
        text = re.sub(r"\s+", " ", " ".join(arguments.words)).strip()
        if not text:
            raise GeneratorError(
                f'at which times? Write photon generate schedule {name.module} "every day at 3:00"'
                ', or a cron expression, such as "0 3 * * *"'
            )
        zone = str(arguments.options.get("timezone") or _UTC)
        is_utc = zone == _UTC
        test_imports = {"import datetime as dt"}
        if not is_utc:
            test_imports.add("from zoneinfo import ZoneInfo")
        return BackgroundCode(
            application=background_application(project),
            name=name,
            templates="schedule",
            folder="tasks",
            context={
                "text": text,
                "zone": "" if is_utc else zone,
                "first": first_tick(name.module, text, zone),
            },
            imports=frozenset({"from photon import schedule"}),
            test_imports=frozenset(test_imports),
        ).edits()

    def next_steps(self, project: Project, arguments: Arguments) -> Sequence[str]:
        """Return the commands that follow."""
        return ["next: photon test", "      photon scheduler --list"]
