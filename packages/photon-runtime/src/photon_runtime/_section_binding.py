"""Which section of the settings a class describes; `photon_runtime.settings` explains the rest.

A module of its own, which imports nothing: the classes are in modules that are imported early, and
the settings are read late.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import attrs

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

_ATTRIBUTE = "__photon_section__"


@attrs.frozen
class SectionBinding:
    """The section that a class describes.

    Attributes:
        name: The name of the section, without brackets.
        named: Whether tables in the section are further sections of the same class.
    """

    name: str
    named: bool = False


def section(name: str, *, named: bool = False) -> Callable[[type[T]], type[T]]:
    """Bind an attrs class to a section of the settings, for `Settings.read`.

    It goes above the decorator of attrs. A package that wants its section checked names the class
    under the same name in the entry-point group ``photon.settings``.

    Args:
        name: The section, without brackets.
        named: With it, ``[NAME.OTHER]`` is a further section of the same class, called ``OTHER``,
            unless ``OTHER`` is a key of the class; `Settings.read_named` reads these.

    Raises:
        ValueError: The name is empty or has a dot.

    Example:
        >>> @section("mail")
        ... @attrs.frozen
        ... class MailSettings:
        ...     sender: str = "nobody@localhost"
    """
    if not name or "." in name:
        raise ValueError(f"a section has a name without dots, such as mail, not {name!r}")

    def bind(cls: type[T]) -> type[T]:
        setattr(cls, _ATTRIBUTE, SectionBinding(name, named))
        return cls

    return bind


def binding_of(cls: type) -> SectionBinding | None:
    """Return the section that a class, or a class above it, is bound to; ``None`` for none."""
    binding = getattr(cls, _ATTRIBUTE, None)
    return binding if isinstance(binding, SectionBinding) else None
