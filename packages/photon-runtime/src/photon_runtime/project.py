"""The project around a folder: where it is, its environment, its settings, its application.

A project is the folder of ``photon.toml``, found from the current folder upwards, as git finds its
own. A command works without one too, if its arguments name the application. The command line gives
each command its project: ``@click.pass_obj``.
"""

from __future__ import annotations

import functools
import os
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from ._application_loading import check_target, load_application
from ._installed_sections import installed_sections
from .errors import LoadError as LoadError
from .settings import Settings, load_settings, section

if TYPE_CHECKING:
    from typing import Self

    from .http import Application, Handler


@section("project")
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
    def here(cls, *, environment: str | None = None) -> Self:
        """Find the project around the current folder.

        Args:
            environment: The environment that was asked for.
        """
        directory = Path.cwd()
        folders = (directory, *directory.parents)
        root = next((folder for folder in folders if (folder / "photon.toml").is_file()), None)
        return cls(directory, root, environment)

    def defaulting_to(self, environment: str) -> Self:
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
        return self.settings.read(ProjectSettings)

    def check_settings(self) -> None:
        """Check all sections against the classes that installed packages offer for them.

        Raises:
            SettingsError: A section is unknown or wrong, all problems are listed; or a package's
                class cannot be imported.
        """
        self.settings.check(installed_sections())

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
        check_target(target)
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
                attribute, or that is not an application.
            SettingsError: A file of settings is wrong.

        Blocks: while the modules of the application are imported.
        """
        target = self.target(target)
        os.environ["PHOTON_ENV"] = self.environment
        application = load_application(target, [self.root or self.directory, self.directory])
        use_settings = getattr(application, "use_settings", None)
        if callable(use_settings):
            use_settings(self.settings)
        return application
