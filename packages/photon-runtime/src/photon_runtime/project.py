"""The project around a folder: where it is, its environment, its settings, its application.

A project is the folder of ``photon.toml``, found from the current folder upwards, as git finds its
own. A command works without one too, if it is told which application is meant.
"""

from __future__ import annotations

import difflib
import functools
import importlib
import os
import pkgutil
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, cast

import attrs

from photon_runtime.errors import PhotonError
from photon_runtime.http import Application
from photon_runtime.settings import Settings, load_settings

from ._plugins import SETTINGS, PluginError, find_plugins
from ._tracebacks import readable, with_place
from ._watch import changes

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterable, Iterator
    from types import ModuleType

    from photon_runtime.http import Handler

_TARGET = re.compile(r"([^\W\d]\w*(?:\.[^\W\d]\w*)*):([^\W\d]\w*(?:\.[^\W\d]\w*)*)")


class LoadError(PhotonError):
    """The application cannot be loaded; the message says why, with a traceback if code failed.

    What Photon itself refuses, such as a handler's signature, is told with its place alone.
    """

    exit_code = 3


@attrs.frozen
class ProjectSettings:
    """The section ``[project]`` of ``photon.toml``.

    Attributes:
        name: What the project is called; by default, as its folder is.
        app: The application, as ``module:attribute``.
    """

    name: str = ""
    app: str | None = None


@attrs.frozen(eq=False)
class Project:
    """The project a command works on.

    Attributes:
        directory: The folder the command runs in.
        root: The folder of ``photon.toml``, if there is one.
        chosen_environment: The environment that was asked for, if any was.
        default_environment: The environment otherwise.
    """

    directory: Path
    root: Path | None
    chosen_environment: str | None = None
    default_environment: str = "development"

    @classmethod
    def here(cls, *, environment: str | None = None) -> Project:
        """Find the project around the current folder.

        Args:
            environment: The environment that was asked for.
        """
        directory = Path.cwd()
        folders = (directory, *directory.parents)
        root = next((folder for folder in folders if (folder / "photon.toml").is_file()), None)
        return cls(directory, root, environment)

    def defaulting_to(self, environment: str) -> Project:
        """The same project in another environment, unless one was asked for."""
        return attrs.evolve(self, default_environment=environment)

    @property
    def environment(self) -> str:
        """The name of the environment, such as ``production``."""
        return self.chosen_environment or self.default_environment

    @property
    def name(self) -> str:
        """What to call the project."""
        return self.own_settings.name or (self.root or self.directory).name

    @functools.cached_property
    def settings(self) -> Settings:
        """The settings, read once.

        Raises:
            SettingsError: A file is wrong.
        """
        return load_settings(self.root or self.directory, environment=self.environment)

    @functools.cached_property
    def own_settings(self) -> ProjectSettings:
        """The section ``[project]``.

        Raises:
            SettingsError: It, or a whole file, is wrong.
        """
        return self.settings.section("project", ProjectSettings)

    def check_settings(self) -> None:
        """Check all sections against the classes that installed packages offer for them.

        Raises:
            SettingsError: A section is unknown or wrong; all problems are listed.
            PluginError: A package's class cannot be imported.
        """
        known: dict[str, type] = {}
        for name, plugin in find_plugins(SETTINGS).items():
            cls = plugin.load()
            if not isinstance(cls, type):
                raise PluginError(f"the class for the section [{name}] is {cls!r}, not a class")
            known[name] = cls
        self.settings.check(known)

    def target(self, named: str | None = None) -> str:
        """Decide which application is meant.

        Args:
            named: What the user named, as ``module:attribute``.

        Raises:
            LoadError: Neither the user nor ``photon.toml`` names one, or not in that form.
        """
        target = named or self.own_settings.app
        if target is None:
            where = (
                f"{self.root / 'photon.toml'} has no `app` under [project]"
                if self.root
                else f"there is no photon.toml in {self.directory} or above"
            )
            raise LoadError(
                f"no application is named: {where}; name one as module:attribute, as in main:app,"
                " on the command line or there"
            )
        if not _TARGET.fullmatch(target) or target.partition(":")[0].endswith(".py"):
            raise LoadError(
                f"`{target}` does not name an application; write module:attribute, as in "
                + _as_target(target)
            )
        return target

    def load_app(self, target: str | None = None) -> Application | Handler:
        """Import the application.

        The project's folder and the current one are put on ``sys.path``, and ``PHOTON_ENV`` tells
        the application its environment. One that has ``use_settings`` is given the settings.

        Args:
            target: ``module:attribute``; by default, what ``photon.toml`` says.

        Returns:
            An object that can be started or called.

        Raises:
            LoadError: No application is named, its module is not there or fails, it has no such
                attribute, or that is no application.
            SettingsError: A file of settings is wrong.

        Blocks: while the modules of the application are imported.
        """
        target = self.target(target)
        module_name, _, attributes = target.partition(":")
        os.environ["PHOTON_ENV"] = self.environment
        for folder in (self.directory, self.root or self.directory):
            if str(folder) not in sys.path:
                sys.path.insert(0, str(folder))
        value: object = self._import(module_name, target)
        owner = module_name
        for attribute in attributes.split("."):
            value = _attribute(value, attribute, owner)
            owner = f"{owner}.{attribute}"
        application = _application(value, target)
        use_settings = getattr(application, "use_settings", None)
        if callable(use_settings):
            use_settings(self.settings)
        return application

    def changes(self, folder: Path, *, stop: threading.Event) -> Iterator[list[str]]:
        """Yield the files in a folder and below that have changed, in batches that may be empty.

        They are those that ``photon dev`` starts again for.

        Args:
            folder: The folder.
            stop: Ends the iteration when it is set.

        Blocks: the calling thread, for at most half a second each time.
        """
        return changes([folder.resolve()], stop=stop)

    def _import(self, name: str, target: str) -> ModuleType:
        try:
            return importlib.import_module(name)
        except ModuleNotFoundError as error:
            if error.name is None or not f"{name}.".startswith(f"{error.name}."):
                raise _failed(name, error) from error  # it is there, and misses another module
            folders = dict.fromkeys(str(f) for f in (self.root, self.directory) if f)
            siblings = {module.name for module in pkgutil.iter_modules(folders)}
            hint = _did_you_mean(error.name, siblings - {error.name})
            raise LoadError(
                f"there is no module `{error.name}`, which `{target}` names{hint};"
                f" looked in {' and '.join(folders)}"
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
    if isinstance(value, Application):
        return value
    if callable(value):
        return cast("Handler", value)
    raise LoadError(
        f"`{target}` is a {type(value).__name__}, not an application; an application is a Photon()"
        " or a function that takes a request and returns a response"
    )


def _as_target(text: str) -> str:
    """Guess what somebody meant who wrote a path, or only a module."""
    module, _, attribute = text.partition(":")
    module = module.removesuffix(".py").replace("/", ".").strip(".")
    guess = f"{module}:{attribute or 'app'}"
    return guess if _TARGET.fullmatch(guess) else "main:app"


def _did_you_mean(name: str, valid: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, list(valid), 1)
    return f"; did you mean `{close[0]}`?" if close else ""
