"""The ``[static]`` section of photon.toml: one folder of files, served without a line of code."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import attrs

from photon_runtime.errors import PhotonError

from ..dispatch._mount import REST, Mount, mounts_below
from ._files import StaticFiles


def _path(instance: object, attribute: attrs.Attribute[str], value: str) -> None:
    if not value.startswith("/"):
        raise ValueError(f"is a path and begins with a slash, not {value!r}")


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
    cache_control: dict[str, str] = attrs.field(factory=dict)
    precompressed: bool = True
    follow_symlinks: bool = False
    hidden: bool = False
    base_url: str = ""


def static_mounts(settings: StaticSettings, root: Path) -> list[Mount]:
    """Return the mounts that the settings ask for.

    Args:
        settings: The section.
        root: The folder of photon.toml.

    Raises:
        PhotonError: There is no such folder, a page that is named is not in it, or a key is wrong.
    """
    if not settings.folder:
        return []
    options = attrs.asdict(settings, filter=attrs.filters.exclude("folder", "url"))
    try:
        files = StaticFiles(root / settings.folder, **options)
    except ValueError as error:
        raise PhotonError(f"the section [static] of the settings: {error.args[0]}") from error
    return mounts_below(settings.url, files, "[static] in the settings")


def tell_places(mounts: Iterable[Mount]) -> None:
    """Tell all static files where they are mounted."""
    for mount in mounts:
        if mount.is_catch_all and isinstance(mount.handler, StaticFiles):
            mount.handler.mounted_at(mount.template.removesuffix(REST))
