"""The ``[static]`` section of photon.toml: one folder of files, served without a line of code."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import attrs

from photon_runtime.errors import PhotonError
from photon_runtime.settings import Settings, section

from ..dispatch import REST, Mount, mounts_below
from ._files import StaticFiles


def _path(instance: object, attribute: attrs.Attribute[str], value: str) -> None:
    if not value.startswith("/"):
        raise ValueError(f"is a path and begins with a slash, not {value!r}")


@section("static")
@attrs.frozen(kw_only=True)
class StaticSettings:
    """A folder of static files; see `StaticFiles` for what the keys mean.

    Attributes:
        folder: Where the files are, from the folder of photon.toml; empty, the default, for none.
        url: Below which path they are.
        index: Name of the file that answers for a folder; empty for none.
        fallback: The page of an application that routes in the browser; empty for none.
        not_found: The page that people see with a 404; empty for none.
        max_age: Seconds for which files may be used without asking again.
        private: Whether no shared cache may keep files.
        cache_control: Values of ``Cache-Control`` by patterns of paths.
        precompressed: Whether ``.br``, ``.zst`` and ``.gz`` beside a file are sent for it.
        follow_symlinks: Whether symbolic links are followed that stay inside.
        hidden: Whether names that begin with a dot are served.
        base_url: What addresses begin with; empty for ``url``.
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
    """The folder that the section ``[static]`` names, opened when it is first asked for.

    Args:
        settings: Where the section is; ``None`` while there are none.
    """

    def __init__(self, settings: Settings | None = None) -> None:
        """Look at nothing yet."""
        self._settings = settings
        self._files: StaticFiles | None = None

    @property
    def files(self) -> StaticFiles:
        """The files.

        Raises:
            RuntimeError: There are no settings, or they name no folder.
            PhotonError: There is no such folder, a page that is named is not in it, or a key is
                wrong.
        """
        if self._files is None:
            values = self._section()
            if self._settings is None or not values.folder:
                raise RuntimeError("the settings name no folder of static files: see [static]")
            self._files = _opened(values, self._settings.root)
        return self._files

    def mounts(self) -> list[Mount]:
        """Return the mounts of the files, none where no folder is named.

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
    files.mounted_at(values.url, is_guarded=False)
    return files


def tell_places(mounts: Iterable[Mount]) -> None:
    """Tell all static files where they are mounted, and whether layers may guard them there."""
    for mount in mounts:
        if mount.is_catch_all and isinstance(mount.handler, StaticFiles):
            is_guarded = bool(mount.scope.middleware)
            mount.handler.mounted_at(mount.template.removesuffix(REST), is_guarded=is_guarded)
