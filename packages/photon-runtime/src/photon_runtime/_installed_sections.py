"""The sections of the settings that installed packages read: entry-point group photon.settings."""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points

from ._section_binding import binding_of
from .errors import SettingsError

_GROUP = "photon.settings"


def installed_sections() -> dict[str, type]:
    """Import the classes of all sections that installed packages read.

    Returns:
        The classes by the names of their sections.

    Raises:
        SettingsError: A class cannot be imported, is bound to a section of another name, or two
            packages read the same section; all such problems are listed.
    """
    classes: dict[str, type] = {}
    problems: list[str] = []
    seen: dict[str, EntryPoint] = {}
    for entry in sorted(entry_points(group=_GROUP), key=lambda each: each.name):
        known = seen.setdefault(entry.name, entry)
        if known is not entry:
            if known.value != entry.value:
                problems.append(
                    f"the section [{entry.name}] belongs to {_origin(known)}"
                    f" and to {_origin(entry)}; uninstall one of them"
                )
            continue
        try:
            classes[entry.name] = _load(entry)
        except SettingsError as error:
            problems.append(str(error))
    if problems:
        raise SettingsError("\n".join(problems))
    return classes


def _load(entry: EntryPoint) -> type:
    what = f"the class of the section [{entry.name}], {_origin(entry)},"
    try:
        cls = entry.load()
    except Exception as error:
        raise SettingsError(
            f"{what} cannot be imported: {type(error).__name__}: {error}"
        ) from error
    if not isinstance(cls, type):
        raise SettingsError(f"{what} is {cls!r}, not a class")
    binding = binding_of(cls)
    if binding is not None and binding.name != entry.name:
        raise SettingsError(f'{what} is bound to another: @section("{binding.name}")')
    return cls


def _origin(entry: EntryPoint) -> str:
    if entry.dist is None:
        return entry.value
    return f"{entry.value} of {entry.dist.name} {entry.dist.version}"
