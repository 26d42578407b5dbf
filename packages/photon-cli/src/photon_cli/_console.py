"""``photon console``: Python with the application started, its database and its models.

The process is prepared as ``photon run`` prepares it, and the application is started but not
served. The code that is typed runs in the main task of a hub, so that everything that a handler may
call works: sessions, tasks, blocking calls of the patched standard library. Ctrl-C interrupts that
code and its waits (`photon_runtime.process.keyboard_interrupts`).

IPython lets other tasks run while it waits for a line, through its hook for event loops. The plain
console waits in the C library; other tasks run only while a line of code waits.
"""

from __future__ import annotations

import code
import contextlib
import importlib
import importlib.util
import os
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from photon_runtime import run, sleep
from photon_runtime.http import Application
from photon_runtime.parts import ConsolePart
from photon_runtime.process import keyboard_interrupts, prepare_process
from photon_runtime.tracebacks import readable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from photon_runtime.project import Project

_PAUSE = 0.02
"""Seconds between two looks at the keyboard while other tasks run."""


@click.command()
@click.argument("target", required=False, metavar="[MODULE:ATTRIBUTE]")
@click.option("-c", "--command", "source", metavar="CODE", help="Execute this code and exit.")
@click.option("--plain", is_flag=True, help="Do not use IPython.")
@click.pass_obj
def console(project: Project, /, target: str | None, source: str | None, *, plain: bool) -> None:
    """Open a Python console with the application started.

    It has `app`, `settings`, `project`, and what the parts of the application offer: with a
    database `db`, a session, and the models. Code that is piped in is executed like that of -c: an
    exception ends it with its traceback and exit code 1.
    """
    project.check_settings()
    application = prepare_process(project, target)
    if source is None and not sys.stdin.isatty():
        source = sys.stdin.read()

    def main() -> int:
        with _names(project, application) as names, keyboard_interrupts():
            if source is not None:
                return _execute(source, names)
            return _interact(project, names, plain=plain)

    sys.exit(run(main))


@contextlib.contextmanager
def _names(project: Project, application: object) -> Iterator[dict[str, Any]]:
    """Start the application, and yield the names of the console."""
    with contextlib.ExitStack() as stack:
        names: dict[str, Any] = {"__name__": "__console__", "__doc__": None}
        if isinstance(application, Application):
            stack.enter_context(application.start(development=project.is_development))
            for part in getattr(application, "parts", ()):
                if isinstance(part, ConsolePart):
                    names |= stack.enter_context(part.console_values(application))
        yield names | {"app": application, "settings": project.settings, "project": project}


def _execute(source: str, names: dict[str, Any]) -> int:
    """Execute code; return the exit code."""
    try:
        exec(compile(source, "<console>", "exec"), names)
    except SystemExit as error:
        return _exit_code(error)
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        error.__traceback__ = error.__traceback__ and error.__traceback__.tb_next
        click.echo(readable(error), err=True, nl=False)
        return 1
    return 0


def _exit_code(error: SystemExit) -> int:
    if error.code is None or isinstance(error.code, int):
        return error.code or 0
    click.echo(error.code, err=True)
    return 1


def _interact(project: Project, names: dict[str, Any], *, plain: bool) -> int:
    banner = _banner(project, names)
    try:
        if plain or importlib.util.find_spec("IPython") is None:
            _Plain(names).interact(banner=banner, exitmsg="")
        else:
            _run_ipython(names, banner)
    except SystemExit as error:
        return _exit_code(error)
    return 0


def _banner(project: Project, names: dict[str, Any]) -> str:
    version = ".".join(map(str, sys.version_info[:3]))
    shown = ", ".join(name for name in names if not name.startswith("_"))
    return f"{project.name} ({project.environment}), Python {version}\n{shown}"


class _Plain(code.InteractiveConsole):
    """Python's own console, with completion and a history file."""

    def __init__(self, names: dict[str, Any]) -> None:
        super().__init__(names, filename="<console>")
        self._save: Callable[[], object] = lambda: None
        with contextlib.suppress(ImportError):
            import readline
            import rlcompleter

            readline.set_completer(rlcompleter.Completer(names).complete)
            readline.parse_and_bind("tab: complete")
            history = history_file()
            with contextlib.suppress(OSError):
                readline.read_history_file(history)
            readline.set_history_length(10_000)
            self._save = lambda: readline.write_history_file(history)

    def interact(self, banner: str | None = None, exitmsg: str | None = None) -> None:
        """Read and execute lines until their end, then save the history."""
        try:
            super().interact(banner, exitmsg)
        finally:
            with contextlib.suppress(OSError):
                self._save()

    def raw_input(self, prompt: str = "") -> str:
        """Read a line; before it, let tasks that are ready run."""
        sleep(0)
        return super().raw_input(prompt)

    def showtraceback(self) -> None:
        """Show the error from the line that was typed on."""
        error = sys.exc_info()[1]
        if error is not None:
            traceback.print_exception(
                type(error), error, error.__traceback__ and error.__traceback__.tb_next
            )


def history_file() -> Path:
    """Return the file of the history of the plain console, whose folder exists."""
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    folder = Path(state) / "photon"
    with contextlib.suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
    return folder / "console_history"


def _run_ipython(names: dict[str, Any], banner: str) -> None:
    """Run IPython, which is optional and so imported by name."""
    terminal: Any = importlib.import_module("IPython.terminal.ipapp")
    input_hooks: Any = importlib.import_module("IPython.terminal.pt_inputhooks")
    configuration: Any = importlib.import_module("traitlets.config")

    def let_tasks_run(context: Any) -> None:
        while not context.input_is_ready():
            sleep(_PAUSE)

    input_hooks.register("photon", let_tasks_run)
    config = configuration.Config()
    config.TerminalInteractiveShell.banner1 = f"{banner}\n"
    config.TerminalInteractiveShell.banner2 = ""
    config.TerminalInteractiveShell.confirm_exit = False
    application = terminal.TerminalIPythonApp.instance(config=config)
    application.initialize(argv=[])
    application.shell.push(names)
    application.shell.enable_gui("photon")
    _interrupt_cells(application.shell.events)
    application.shell.show_banner()
    application.shell.mainloop()


def _interrupt_cells(events: Any) -> None:
    """Let Ctrl-C interrupt each cell: the prompt before it has replaced the handlers of signals."""
    stack = contextlib.ExitStack()
    events.register("pre_run_cell", lambda _: stack.enter_context(keyboard_interrupts()))
    events.register("post_run_cell", lambda _: stack.close())
