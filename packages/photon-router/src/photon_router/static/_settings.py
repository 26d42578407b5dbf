"""The ``[static]`` section of photon.toml: one folder of files, served without code."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import attrs

from photon_runtime.errors import PhotonError
from photon_runtime.http import ServerSettings
from photon_runtime.settings import Settings, section

from ..dispatch import REST, Mount, mounts_below
from ._files import StaticFiles


def _path(instance: object, attribute: attrs.Attribute[str], value: str) -> None:
    if not value.startswith("/"):
        raise ValueError(f"is a path and begins with a slash, not {value!r}")


@section("static")
@attrs.frozen(kw_only=True)
class StaticSettings:
    """A folder of static files; `StaticFiles` documents the keys.

    Attributes:
        folder: The folder of the files, relative to that of photon.toml; empty, the default, to
            disable static files.
        url: The path below which the files are served.
        index: Name of the file that is sent for a folder; empty to disable it.
        fallback: The page of an application that routes in the browser; empty to disable it.
        not_found: The page that is sent with 404; empty to disable it.
        max_age: Seconds for which clients may use files without revalidation.
        private: True if shared caches must not store files.
        cache_control: Values of ``Cache-Control`` by patterns of paths.
        precompressed: True to send ``.br``, ``.zst`` and ``.gz`` files for the file beside them.
        follow_symlinks: True to follow symbolic links to targets inside of the folder.
        hidden: True to serve names that begin with a dot.
        base_url: Base of the addresses of files; empty for ``url``.
    """

    folder: str = ""
    url: str = attrs.field(default="/static", validator=_path)
    index: str = "index.html"
    fallback: str = ""
    not_found: str = ""
    max_age: int = attrs.field(default=0, validator=attrs.validators.ge(0))
    private: bool = False
    cache_control: dict[str, str] = attrs.field(factory=dict)
    precompressed: bool = True
    follow_symlinks: bool = False
    hidden: bool = False
    base_url: str = ""


class ConfiguredFiles:
    """The folder that the section ``[static]`` names, opened on first use.

    Args:
        settings: The settings with the section; ``None`` before they are read.
    """

    def __init__(self, settings: Settings | None = None) -> None:
        """Store the settings; the section is read on first use."""
        self._settings = settings
        self._files: StaticFiles | None = None

    @property
    def files(self) -> StaticFiles:
        """The files.

        Raises:
            RuntimeError: The settings are missing, or do not name a folder.
            PhotonError: The folder or one of its pages does not exist, or a key is invalid.
        """
        if self._files is None:
            values = self._section()
            if self._settings is None or not values.folder:
                raise RuntimeError("the settings have no folder of static files: see [static]")
            self._files = _opened(values, self._settings.root)
            root_path = self._settings.read(ServerSettings).root_path
            self._files.mounted_at(values.url, is_guarded=False, root_path=root_path)
        return self._files

    def mounts(self) -> list[Mount]:
        """Return the mounts of the files; empty if the settings do not name a folder.

        Raises:
            PhotonError: See `files`.
        """
        values = self._section()
        if not values.folder:
            return []
        return mounts_below(values.url, self.files, "[static] in the settings")

    def _section(self) -> StaticSettings:
        if self._settings is None:
            return StaticSettings()
        return self._settings.read(StaticSettings)


def _opened(values: StaticSettings, root: Path) -> StaticFiles:
    options = attrs.asdict(values, filter=attrs.filters.exclude("folder", "url"))
    try:
        files = StaticFiles(root / values.folder, **options)
    except ValueError as error:
        raise PhotonError(f"the section [static] of the settings: {error.args[0]}") from error
    return files


def set_mount_paths(mounts: Iterable[Mount], *, root_path: str) -> None:
    """Set the mount path of all static files, and whether middleware may guard them there."""
    for mount in mounts:
        if mount.is_catch_all and isinstance(mount.handler, StaticFiles):
            is_guarded = bool(mount.scope.middleware)
            prefix = mount.template.removesuffix(REST)
            mount.handler.mounted_at(prefix, is_guarded=is_guarded, root_path=root_path)
