"""`Registry`: the tasks of an application by name.

Theory of operation. `task` keeps no list: two applications of one process would share it. An
application finds its tasks where it finds its handlers, in its modules:

- the package of the module that made the application (``shop`` for ``shop.app``), as far as it is
  imported, and its module or package ``tasks``, which is imported if it exists;
- the modules and packages of ``[tasks] modules``, which are imported, packages with all modules in
  them;
- the tasks that the part was given, and those that were enqueued in the application.

Two tasks of one name are refused at start: their jobs could not be distinguished.
"""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
import sys
from collections.abc import Iterator, Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any

from photon_runtime.callables import location

from .errors import TaskDefinitionError
from .flows import COLLECT

if TYPE_CHECKING:
    from .task import Task


class Registry:
    """The tasks of an application.

    Args:
        tasks: Tasks to begin with.

    Raises:
        TaskDefinitionError: Two tasks have the same name.
    """

    def __init__(self, tasks: Sequence[Task[..., Any]] = ()) -> None:
        """Note the tasks."""
        self._by_name: dict[str, Task[..., Any]] = {}
        for each in tasks:
            self.add(each)

    def __iter__(self) -> Iterator[Task[..., Any]]:
        """Iterate over the tasks, by name."""
        return iter(sorted(self._by_name.values(), key=lambda each: each.name))

    def __len__(self) -> int:
        """Return the number of tasks."""
        return len(self._by_name)

    def get(self, name: str) -> Task[..., Any] | None:
        """Return the task of a name; ``None`` if it is not known."""
        if name == COLLECT:
            from ._group_results import collect

            return collect
        return self._by_name.get(name)

    def add(self, task: Task[..., Any]) -> None:
        """Add a task.

        Raises:
            TaskDefinitionError: Another task has its name.
        """
        other = self._by_name.setdefault(task.name, task)
        if other.function is not task.function:
            raise TaskDefinitionError(
                f"two tasks have the name {task.name!r}, {location(other.function)} and "
                f"{location(task.function)}: give one of them another one, by @task(name=...)"
            )

    def note(self, task: Task[..., Any]) -> None:
        """Add a task that is enqueued, unless one of its name is known."""
        if task.name not in self._by_name:
            self._by_name[task.name] = task


def find_tasks(home: str | None, modules: Sequence[str]) -> Registry:
    """Return the tasks of an application; see the module.

    Args:
        home: Name of the module that made the application; ``None`` if it is not known.
        modules: Names of modules and packages, of ``[tasks] modules``.

    Raises:
        TaskDefinitionError: A module cannot be found, or two tasks have the same name.
        Exception: What the import of a module raises.

    Blocks: while modules are imported.
    """
    from .task import Task

    registry = Registry()
    found = [*_imported(modules), *modules_of_application(home)]
    for module in dict.fromkeys(found):
        values = list(vars(module).values())
        for value in values:
            if isinstance(value, Task):
                registry.add(value)
        if f"{__package__}.actors" in sys.modules:
            from .actors import actors_in

            for each in actors_in(values):
                registry.add(each)
    return registry


def _imported(names: Sequence[str]) -> Iterator[ModuleType]:
    for name in names:
        try:
            module = importlib.import_module(name)
        except ModuleNotFoundError as error:
            if error.name is None or not f"{name}.".startswith(f"{error.name}."):
                raise
            raise TaskDefinitionError(f"[tasks] modules: {name} is not a module") from error
        yield module
        yield from _submodules(module)


def _submodules(module: ModuleType) -> Iterator[ModuleType]:
    for each in pkgutil.walk_packages(getattr(module, "__path__", ()), f"{module.__name__}."):
        if not each.name.endswith(".__main__"):
            yield importlib.import_module(each.name)


def modules_of_application(home: str | None) -> Iterator[ModuleType]:
    """Yield the modules of an application, as far as they are imported, and those of its tasks.

    Args:
        home: Name of the module that made the application; ``None`` if it is not known.

    Blocks: while modules are imported.
    """
    if home is None or home not in sys.modules:
        return
    package = home.partition(".")[0]
    found = sys.modules.get(package)
    if getattr(found, "__path__", None) is None or getattr(found, "__file__", None) is None:
        yield sys.modules[home]  # a module on its own, or one of a namespace package
        return
    if importlib.util.find_spec(f"{package}.tasks") is not None:
        tasks = importlib.import_module(f"{package}.tasks")
        yield tasks
        yield from _submodules(tasks)
    for name, module in list(sys.modules.items()):
        if name == package or name.startswith(f"{package}."):
            yield module
