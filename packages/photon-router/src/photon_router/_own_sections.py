"""The sections of the settings that belong to the application itself, such as ``[app]``."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import attrs

from photon_runtime.errors import SettingsError
from photon_runtime.settings import Settings, binding_of

T = TypeVar("T")

_SECTION = "app"


@attrs.define
class OwnSections:
    """The classes of the application's own settings.

    Attributes:
        classes: The classes, each of which is one section.
    """

    classes: list[type] = attrs.field(factory=list)

    def read(self, cls: type[T], settings: Settings | None) -> T:
        """Return the settings of a class; without settings, its defaults.

        Raises:
            SettingsError: The section is invalid, or a key without a default is missing.
        """
        if settings is None:
            settings = Settings(Path(), "", values={}, sources={}, texts=frozenset())
        if binding_of(cls) is not None:
            return settings.read(cls)
        return settings.section(_SECTION, cls)

    def check(self, settings: Settings | None) -> None:
        """Read all sections.

        Raises:
            SettingsError: A section is invalid; the errors of all are listed.
        """
        problems: list[str] = []
        for cls in self.classes:
            try:
                self.read(cls, settings)
            except SettingsError as error:
                problems.append(str(error))
        if problems:
            raise SettingsError("\n".join(problems))
