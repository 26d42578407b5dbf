"""A whole program in tasks, as plain Python would run it.

Theory of operation. The program is run by the first task of a hub, as the module ``__main__``, with
the arguments, path, exit codes and tracebacks of plain Python. At its end its threads that are not
daemons are joined, and the exit hooks run, still in the first task, since they may wait for
daemons. Then these are abandoned, as in plain Python: they are not unwound and never run again.
"""

from __future__ import annotations

import atexit
import os
import runpy
import signal
import sys
import zipfile
from collections.abc import Callable, Sequence
from importlib.machinery import SourceFileLoader
from types import ModuleType, TracebackType

from .._hub import current_hub
from .._pooled_greenlet import current_task
from .._process_end import finish_threads_and_hooks
from .._run import run
from .._task import Task

_USAGE = """\
usage: python -m photon_runtime.patch SCRIPT [ARGUMENT...]
       python -m photon_runtime.patch -m MODULE [ARGUMENT...]
       python -m photon_runtime.patch -c CODE [ARGUMENT...]
"""
_OURS = os.path.dirname(os.path.dirname(__file__)) + os.sep


def run_program(arguments: Sequence[str]) -> int:
    """Run the program that ``arguments`` name and return its exit code.

    Blocks: the process, until the program has ended.
    """
    program = _parse(list(arguments))
    if program is None:
        sys.stderr.write(_USAGE)
        return 2
    abandoned: list[Task[object]] = []
    code = run(_main, program, abandoned)
    if code == -signal.SIGINT:
        _die_of_interrupt()
    return code


def _parse(arguments: list[str]) -> Callable[[], object] | None:
    """Return a function that runs the program; set ``sys.argv`` and ``sys.path`` for it."""
    if not arguments or arguments[0] in ("-h", "--help"):
        return None
    if arguments[0] in ("-m", "-c"):
        if len(arguments) == 1:
            return None
        sys.argv = [arguments[0], *arguments[2:]]
        name = arguments[1]
        return (lambda: _run_module(name)) if arguments[0] == "-m" else (lambda: _run_code(name))
    sys.argv = arguments
    return lambda: _run_script(arguments[0])


def _run_module(name: str) -> None:
    _new_main()
    runpy._run_module_as_main(name)  # type: ignore[attr-defined]  # what `python -m` calls


def _run_code(source: str) -> None:
    sys.path[0] = ""
    exec(compile(source, "<string>", "exec"), _new_main().__dict__)


def _run_script(path: str) -> None:
    if os.path.isdir(path) or zipfile.is_zipfile(path) or path.endswith(".pyc"):
        runpy.run_path(path, run_name="__main__")
        return
    sys.path[0] = os.path.dirname(os.path.realpath(path))
    module = _new_main()
    module.__file__ = os.path.abspath(path)
    module.__loader__ = SourceFileLoader("__main__", path)
    try:
        with open(path, "rb") as file:
            source = file.read()
    except OSError as error:
        sys.stderr.write(f"{sys.executable}: can't open file {path!r}: {error}\n")
        raise SystemExit(2) from None
    exec(compile(source, path, "exec"), module.__dict__)


def _new_main() -> ModuleType:
    module = ModuleType("__main__")
    module.__builtins__ = sys.modules["builtins"]  # type: ignore[attr-defined]  # as in every module
    module.__annotations__ = {}
    sys.modules["__main__"] = module
    return module


def _main(program: Callable[[], object], abandoned: list[Task[object]]) -> int:
    hub = current_hub()
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.default_int_handler)  # now it is the main task's
    code = _code_of(program)
    try:
        finish_threads_and_hooks()
    except BaseException as error:
        _show(error)
    own = current_task()
    for task in [task for task in hub.tasks if task is not own]:
        task.abandon()
        abandoned.append(task)
        del hub.tasks[task]
    hub.lasting.clear()
    hub.ready.clear()
    return code


def _code_of(program: Callable[[], object]) -> int:
    """Run the program and return its exit code; a signal's number, negative, if that ended it."""
    try:
        program()
    except SystemExit as error:
        return _exit_code(error)
    except KeyboardInterrupt as error:
        _show(error)
        return -signal.SIGINT
    except BaseException as error:
        _show(error)
        return 1
    return 0


def _exit_code(error: SystemExit) -> int:
    if error.code is None:
        return 0
    if isinstance(error.code, int):
        return error.code
    sys.stderr.write(f"{error.code}\n")
    return 1


def _show(error: BaseException) -> None:
    """Show an error as the interpreter does, from the program's first frame on."""
    trace: TracebackType | None = error.__traceback__
    while trace is not None and _is_ours(trace.tb_frame.f_code.co_filename):
        trace = trace.tb_next
    sys.last_type, sys.last_value, sys.last_traceback = type(error), error, trace
    sys.excepthook(type(error), error.with_traceback(trace), trace)


def _is_ours(filename: str) -> bool:
    return filename.startswith((_OURS, "<frozen runpy>")) or filename == runpy.__file__


def _die_of_interrupt() -> None:
    """End by SIGINT, so that the shell sees an interrupted program."""
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    os.kill(os.getpid(), signal.SIGINT)
