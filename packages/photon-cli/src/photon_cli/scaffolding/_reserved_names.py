"""Names that generated code cannot use, because it uses them itself or Python does.

Everything else works: SQLAlchemy quotes the keywords of SQL, modules of models are inside of the
package and do not hide those of the standard library, and classes of Photon that generated code
does not import may have a model of the same name (``Task``, ``Event``, ``File``, ``Channel``).
"""

from __future__ import annotations

import builtins
import keyword
from types import MappingProxyType
from typing import Final

from ._word_lists import words

# `license`, `credits` and others are not there in every process, and are not worth a refusal.
_BUILTINS: Final = frozenset(dir(builtins)) - {"copyright", "credits", "exit", "license", "quit"}

# Classes that generated code imports or defines.
_CLASSES: Final = words(
    """
    Annotated Any Base Created Decimal Depends ForeignKey Html HtmlForm HttpError IntegrityError
    Iterator PageParameters Query Self TypedDict
    Json JsonDocument Mapped NoContent Page Param Photon Redirect Request Response Router Session
    StrEnum Submitted TemplatesPart DatabasePart Timestamps UUID UtcDateTime Unset
    """
)

# Variables, arguments and modules of generated code.
_VARIABLES: Final = words(
    """
    app assign base changes client closed conftest db dt flash form html_form new page pages
    paginate params
    photon request response router sa self session submitted values
    """
)

_SUGGESTIONS: Final = MappingProxyType(
    {
        "app": "application",
        "class": "course",
        "import": "data_import",
        "page": "web_page",
        "request": "help_request",
        "response": "survey_response",
        "session": "user_session",
        "type": "category",
        "property": "real_estate",
    }
)


def why_not_a_model(singular: str, class_name: str) -> str | None:
    """Return why a model cannot have a name; ``None`` if it can."""
    if keyword.iskeyword(singular) or keyword.iskeyword(class_name):
        return "it is a keyword of Python"
    if singular in _BUILTINS or class_name in _BUILTINS:
        return "it is a builtin of Python"
    if singular in _VARIABLES or class_name in _CLASSES:
        return "generated code uses this name itself"
    if singular.startswith("sqlite_"):
        return "SQLite reserves tables whose names begin with sqlite_"
    if singular == "photon_migration":
        return "Photon has this table for its migrations"
    return None


def suggested_model(singular: str, package: str) -> str:
    """Return another name for a model that cannot have the name ``singular``."""
    if singular in _SUGGESTIONS:
        return _SUGGESTIONS[singular]
    return f"{package}_{singular}" if package else f"{singular}_record"


_COLUMN_CLASHES: Final = MappingProxyType(
    {
        "metadata": "SQLAlchemy's models use this attribute themselves",
        "registry": "SQLAlchemy's models use this attribute themselves",
        "self": "it is the first argument of methods",
        "csrf_token": "forms have this field for their protection",
        "db": "the factory of a model has this argument",
        **dict.fromkeys(
            ("bool", "bytes", "dict", "float", "int", "list", "str", "dt", "sa"),
            "the annotations of the model use this name",
        ),
        **dict.fromkeys(
            ("mapped_column", "relationship"),
            "the attributes after it in the model call this function",
        ),
    }
)


def why_not_a_field(name: str) -> str | None:
    """Return why a field cannot have a name; ``None`` if it can."""
    if keyword.iskeyword(name):
        return "it is a keyword of Python"
    return _COLUMN_CLASHES.get(name)
