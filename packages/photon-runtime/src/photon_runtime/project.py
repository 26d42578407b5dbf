"""The project of the current folder: its root, its environment, its settings, its application.

A project is the folder of ``photon.toml``, searched from the current folder upwards, as git
searches its repository. A command also works without one if its arguments name the application. The
command line passes the project to each command: ``@click.pass_obj``.

The environment is a name. It selects ``config/<environment>.toml``, and it alone decides about the
development mode, which shows details that production must not: an application is in development
mode in the environment ``development``, and in no other. No setting changes that, so a setting
cannot enable it in production.
"""

from __future__ import annotations

import functools
import os
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from ._application_loading import check_target, load_application
from ._env_file import read_env_file
from ._installed_sections import installed_sections as installed_sections
from .errors import LoadError as LoadError
from .settings import Settings, load_settings, section

if TYPE_CHECKING:
    from typing import Self

    from .http import Application, Handler


DEVELOPMENT = "development"
"""The environment in which applications are in development mode."""


@section("project")
@attrs.frozen
class ProjectSettings:
    """The section ``[project]`` of ``photon.toml``.

    Attributes:
        name: Name of the project; by default, that of its folder.
        app: Application, as ``module:attribute``.
        kind: Kind of the project, for generators: ``html``, ``api`` or ``minimal``; empty if it is
            unknown.
    """

    name: str = ""
    app: str | None = None
    kind: str = attrs.field(
        default="", validator=attrs.validators.in_(("", "html", "api", "minimal"))
    )


@attrs.frozen(eq=False)
class Project:
    """The project a command works on.

    Attributes:
        directory: Folder that the command runs in.
        root: Folder of ``photon.toml``, or ``None``.
        chosen_environment: Environment that the user requested, or ``None``.
        default_environment: Environment otherwise.
    """

    directory: Path
    root: Path | None
    chosen_environment: str | None = None
    default_environment: str = DEVELOPMENT

    @classmethod
    def here(cls, *, environment: str | None = None) -> Self:
        """Return the project of the current folder.

        Args:
            environment: Environment that the user requested.
        """
        directory = Path.cwd()
        folders = (directory, *directory.parents)
        root = next((folder for folder in folders if (folder / "photon.toml").is_file()), None)
        return cls(directory, root, environment)

    def defaulting_to(self, environment: str) -> Self:
        """Return the same project with another default environment."""
        return attrs.evolve(self, default_environment=environment)

    def in_environment(self, environment: str) -> Self:
        """Return the same project in an environment that the user requested."""
        return attrs.evolve(self, chosen_environment=environment)

    @property
    def environment(self) -> str:
        """The name of the environment, such as ``production``."""
        return self.chosen_environment or self.default_environment

    @property
    def is_development(self) -> bool:
        """True in the environment ``development``, whose applications show details of errors."""
        return self.environment == DEVELOPMENT

    @property
    def name(self) -> str:
        """The name to show for the project."""
        return self.own_settings.name or (self.root or self.directory).name

    @functools.cached_property
    def settings(self) -> Settings:
        """The settings, read once.

        Variables in the file ``.env`` of the project are added to the environment of the process
        before, if they are not set; not in the environment ``test``.

        Raises:
            SettingsError: A settings file is invalid.
        """
        if self.root is not None and self.environment != "test":
            for name, value in read_env_file(self.root / ".env").items():
                os.environ.setdefault(name, value)
        return load_settings(self.root or self.directory, environment=self.environment)

    @functools.cached_property
    def own_settings(self) -> ProjectSettings:
        """The section ``[project]``.

        Raises:
            SettingsError: The section or a settings file is invalid.
        """
        return self.settings.read(ProjectSettings)

    def check_settings(self) -> None:
        """Check all sections against the classes that installed packages declare for them.

        Raises:
            SettingsError: A section is unknown or invalid (the message lists all errors), or the
                class of a package cannot be imported.
        """
        self.settings.check(installed_sections())

    def target(self, named: str | None = None) -> str:
        """Return the name of the application.

        Args:
            named: Name from the user, as ``module:attribute``.

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

        The project's folder and the current one are put on ``sys.path``, and ``PHOTON_ENV`` is set
        to the environment. An application that has ``use_settings`` receives the settings.

        Args:
            target: ``module:attribute``; by default, the one of ``photon.toml``.

        Returns:
            An object that can be started or called.

        Raises:
            LoadError: No application is named, its module does not exist or fails, it does not have
                the attribute, or the attribute is not an application.
            SettingsError: A settings file is invalid.

        Blocks: while the modules of the application are imported.
        """
        target = self.target(target)
        os.environ["PHOTON_ENV"] = self.environment
        application = load_application(target, [self.root or self.directory, self.directory])
        use_settings = getattr(application, "use_settings", None)
        if callable(use_settings):
            use_settings(self.settings)
        return application
