"""Tasks that are run by hand: ``photon task NAME name:value``.

Theory of operation. The function is called here and now, as a worker calls it: with what the
application provides, within its middleware, and with arguments that were decoded as those of a job.
But the store has no job: steps and progress are kept in memory until the function has returned. A
sleep of the job waits here, and an event cannot arrive.

An argument is a text, which is read as the annotated type of its parameter (``count:3``), or JSON
(``range:={"first":1}``). A list has an argument for each item (``id:1 id:2``).
"""

from __future__ import annotations

import difflib
import inspect
import re
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, cast

import msgspec

import photon_runtime as rt
from photon_openapi.annotations import union_members
from photon_openapi.codec import encode, strings_converter, takes_strings, text_converter
from photon_openapi.errors import ValidationError

from ._arguments import explained
from .calls import call_task
from .errors import ArgumentsError, TaskNotFound, TasksError
from .job import Job, Parked, job_variable
from .records import Claim, ClaimedJob

if TYPE_CHECKING:
    from .current import Tasks
    from .registry import Registry
    from .task import Task

_ARGUMENT: Final = re.compile(r"([^\W\d]\w*):(=?)(.*)", re.DOTALL)
_MODULES: Final = re.compile(r"(?:[\w<>]+\.)+(?=\w)")
_MOST_NAMES: Final = 3


def find_task(registry: Registry, name: str) -> Task[..., Any]:
    """Return the task of a name, or of the end of one: ``charge`` for ``shop.tasks.charge``.

    Raises:
        TaskNotFound: No task has it, or several do; the message names similar ones.
    """
    task = registry.get(name)
    if task is not None:
        return task
    found = [each for each in registry if each.name.endswith(f".{name}")]
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(each.name for each in found)
        raise TaskNotFound(f"several tasks have the name {name}: write one of {names}")
    ends = {each.name.rpartition(".")[2]: each.name for each in registry}
    known = {**ends, **{each.name: each.name for each in registry}}
    similar = difflib.get_close_matches(name, known, n=_MOST_NAMES)
    hint = f"; similar: {', '.join(sorted({known[each] for each in similar}))}" if similar else ""
    raise TaskNotFound(f"no task has the name {name}{hint}")


def usage(task: Task[..., Any]) -> str:
    """Return how a task is called by hand, with the types of its parameters."""
    words = [task.name]
    for name, hint in task.signature.sent.items():
        annotation = inspect.formatannotation(hint).replace(" ", "")
        word = f"{name}:{_MODULES.sub('', annotation)}"
        is_required = name in task.signature.required
        words.append(word if is_required else f"[{word}]")
    return " ".join(words)


def read_arguments(task: Task[..., Any], words: Sequence[str]) -> dict[str, Any]:
    """Return the arguments of a call by name.

    Args:
        task: The task.
        words: Texts such as ``count:3`` and ``range:={"first":1}``.

    Raises:
        ArgumentsError: They do not fit the task; the message names each error.
    """
    texts: dict[str, list[str]] = {}
    members: dict[str, bytes] = {}
    for word in words:
        match = _ARGUMENT.fullmatch(word)
        if match is None:
            raise _refusal(task, f"{word!r} is not an argument: write name:value or name:=JSON")
        name, is_json, value = match.groups()
        if name not in task.signature.sent:
            reason = "is filled in" if name in task.signature.provided else "is not a parameter"
            raise _refusal(task, f"{name} {reason}")
        if name in members or (is_json and name in texts):
            raise _refusal(task, f"{name} has several values")
        if is_json:
            members[name] = _checked_json(task, name, value)
        else:
            texts.setdefault(name, []).append(value)
    for name, values in texts.items():
        members[name] = _converted(task, name, values)
    pairs = (encode(name) + b":" + value for name, value in members.items())
    try:
        return task.signature.decode((b"{" + b",".join(pairs) + b"}").decode())
    except ValidationError as error:
        raise _refusal(task, explained(error)) from error


def run_by_hand(
    tasks: Tasks,
    task: Task[..., Any],
    arguments: Mapping[str, Any],
    *,
    report: Callable[[str], object] = lambda line: None,
) -> Any:
    """Call a task here and now, and return its result; see the module.

    Args:
        tasks: The tasks of the application.
        task: The task.
        arguments: Arguments by name.
        report: Shows a line about progress and sleeps.

    Raises:
        TasksError: It waits for an event, without a limit.
        BaseException: What the task raises.

    Blocks: the calling task, until the task has returned.
    """
    memory = _Memory(report)
    claim = Claim(tasks.ids.new(), 1)
    for number in range(1, 1_000_000):
        claimed = ClaimedJob(
            claim=claim, task=task.name, queue=task.queue, arguments="{}", claims=number
        )
        job = Job(claimed, "by hand", cast("Tasks", memory))
        token = job_variable.set(job)
        try:
            return call_task(tasks, task, job, dict(arguments))
        except Parked as parked:
            if parked.delay is None:
                raise TasksError(
                    f"{task.name} waits for the event {parked.event!r}, which cannot reach a task "
                    "that is run by hand: enqueue it"
                ) from None
            what = f"waits for the event {parked.event!r}" if parked.event else "sleeps"
            report(f"{task.name} {what} for {parked.delay:.0f} s")
            delay = parked.delay
        finally:
            job_variable.reset(token)
        rt.sleep(delay)
    raise TasksError(f"{task.name} does not end")


class _Memory:
    """What a `Job` uses of `Tasks` and of their store, for one run."""

    def __init__(self, report: Callable[[str], object]) -> None:
        self.store = self
        self.mode = "queue"
        self.clock = time.time
        self._report = report
        self._steps: dict[str, str] = {}

    def steps(self, job: str) -> Mapping[str, str]:
        return self._steps

    def set_step(self, worker: str, claim: Claim, name: str, value: str) -> bool:
        self._steps[name] = value
        return True

    def set_progress(self, worker: str, claim: Claim, progress: str) -> bool:
        self._report(f"progress: {progress}")
        return True

    def take_event(self, worker: str, claim: Claim, name: str, step: str) -> str | None:
        return None


def _refusal(task: Task[..., Any], reason: str) -> ArgumentsError:
    return ArgumentsError(f"{task.name}: {reason}\nusage: photon task {usage(task)}")


def _checked_json(task: Task[..., Any], name: str, text: str) -> bytes:
    try:
        msgspec.json.decode(text.encode())
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError) as error:
        raise _refusal(task, f"{name} is not JSON: {error}") from error
    return text.encode()


def _converted(task: Task[..., Any], name: str, values: list[str]) -> bytes:
    hint = task.signature.sent[name]
    try:
        for choice in [hint, *(union_members(hint) or ())]:
            if takes_strings(choice):
                return encode(strings_converter(choice)(values))
        read = text_converter(hint)
    except TypeError:
        raise _refusal(task, f"{name} needs JSON: write {name}:=...") from None
    except ValueError as error:
        raise _refusal(task, f"{name}: {error}") from error
    if len(values) > 1:
        raise _refusal(task, f"{name} has several values")
    try:
        return encode(read(values[0]))
    except ValueError as error:
        raise _refusal(task, f"{name}: {error}") from error
