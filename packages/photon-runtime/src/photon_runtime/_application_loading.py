"""Loading an application by its name, ``module:attribute``, with messages for its author."""

from __future__ import annotations

import difflib
import importlib
import pkgutil
import re
import sys
from typing import TYPE_CHECKING, cast

from .errors import LoadError, PhotonError
from .tracebacks import readable, with_place

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path
    from types import ModuleType

    from .http import Application, Handler

_TARGET = re.compile(r"([^\W\d]\w*(?:\.[^\W\d]\w*)*):([^\W\d]\w*(?:\.[^\W\d]\w*)*)")


def check_target(target: str) -> None:
    """See that a text has the form ``module:attribute``.

    Raises:
        LoadError: It has not; the message guesses what was meant.
    """
    if not _TARGET.fullmatch(target) or target.partition(":")[0].endswith(".py"):
        raise LoadError(
            f"`{target}` does not name an application; write module:attribute, as in "
            + _as_target(target)
        )


def load_application(target: str, folders: Sequence[Path]) -> Application | Handler:
    """Import an application.

    Args:
        target: ``module:attribute``.
        folders: Where its module is looked for first; they are put on ``sys.path``.

    Raises:
        LoadError: Its module does not exist or fails, it has no such attribute, or that is not an
            application.

    Blocks: while the modules of the application are imported.
    """
    for folder in reversed(folders):
        if str(folder) not in sys.path:
            sys.path.insert(0, str(folder))
    module_name, _, attributes = target.partition(":")
    value: object = _import(module_name, target, folders)
    owner = module_name
    for attribute in attributes.split("."):
        value = _attribute(value, attribute, owner)
        owner = f"{owner}.{attribute}"
    return _application(value, target)


def _import(name: str, target: str, folders: Sequence[Path]) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise _failed(name, error) from error  # it is there, and misses another module
        places = dict.fromkeys(map(str, folders))
        siblings = {module.name for module in pkgutil.iter_modules(places)}
        hint = _did_you_mean(error.name, siblings - {error.name})
        raise LoadError(
            f"there is no module `{error.name}`, which `{target}` names{hint};"
            f" looked in {' and '.join(places)}"
        ) from None
    except (Exception, SystemExit) as error:
        raise _failed(name, error) from error


def _failed(name: str, error: BaseException) -> LoadError:
    if isinstance(error, PhotonError):
        return LoadError(with_place(error))
    return LoadError(f"importing `{name}` failed:\n{readable(error)}")


def _attribute(owner: object, name: str, owner_name: str) -> object:
    try:
        value: object = getattr(owner, name)
    except AttributeError:
        hint = _did_you_mean(name, (key for key in dir(owner) if not key.startswith("__")))
        raise LoadError(f"`{owner_name}` has no `{name}`{hint}") from None
    return value


def _application(value: object, target: str) -> Application | Handler:
    if isinstance(value, type):
        raise LoadError(
            f"`{target}` is the class {value.__name__}, not an application;"
            f" name an instance of it, as app = {value.__name__}() makes one"
        )
    from .http import Application  # here: commands that generate code start without HTTP

    if isinstance(value, Application):
        return value
    if callable(value):
        _check_handler(value, target)
        return cast("Handler", value)
    raise LoadError(
        f"`{target}` is a {type(value).__name__}, not an application; an application is a Photon()"
        " or a function that takes a request and returns a response"
    )


def _check_handler(value: Callable[..., object], target: str) -> None:
    import inspect  # here: commands that generate code start without it

    try:
        signature = inspect.signature(value)
    except (TypeError, ValueError):  # of a callable that is written in C
        return
    try:
        signature.bind(object())
    except TypeError:
        raise LoadError(
            f"`{target}` does not take a request; if it makes the application, call it in its"
            " module, as in app = create_app(), and name the result"
        ) from None


def _as_target(text: str) -> str:
    """Guess what somebody meant who wrote a path, or only a module."""
    module, _, attribute = text.partition(":")
    module = module.removesuffix(".py").replace("/", ".").strip(".")
    guess = f"{module}:{attribute or 'app'}"
    return guess if _TARGET.fullmatch(guess) else "main:app"


def _did_you_mean(name: str, valid: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, list(valid), 1)
    return f"; did you mean `{close[0]}`?" if close else ""
