"""The macros of forms: ``photon/form.html`` of the application, or of this package."""

from __future__ import annotations

import functools
from typing import Final

from markupsafe import Markup

from .._current import templates_variable
from .._folders import BUILTIN_FOLDER
from ..templates import Templates

_FILE: Final = "photon/form.html"


def render_macro(name: str, /, *arguments: object, **keywords: object) -> Markup:
    """Return the markup of a macro.

    Raises:
        LookupError: The file of the project does not have the macro.
    """
    templates = templates_variable.get(None) or _without_application()
    macro = getattr(templates.template(_FILE).module, name, None)
    if macro is None:
        raise LookupError(f"the template {_FILE} has no macro {name!r}")
    return Markup(macro(*arguments, **keywords))


@functools.cache
def _without_application() -> Templates:
    """Return the templates for forms that are made in scripts and tests."""
    return Templates(BUILTIN_FOLDER)
