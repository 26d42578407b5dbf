"""OpenAPI documents and JSON Schema: read them, check them, compare them, make values for them.

===================  ==========================================================================
``document``         documents: load, bundle, upgrade, check, resolve, export
``schema``           Python types as JSON Schema, and values judged by schemas
``annotations``      `Param`: what constrains a value, beside its type
``linting``          `lint`: what is wrong with a document, and what could be better
``comparison``       `diff`: what is different between two documents
``sampling``         `sample`: a value for a schema
``sources``          documents from files, standard input and applications
``errors``           the error tree; ``messages`` has what their messages are made of
===================  ==========================================================================

The names of this package are imported when they are first used: who only checks values does not
load the rules of `lint`.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .annotations import Param as Param
    from .comparison import Change as Change
    from .comparison import diff as diff
    from .document import encode_document as encode_document
    from .document import load_document as load_document
    from .errors import DocumentError as DocumentError
    from .linting import Finding as Finding
    from .linting import lint as lint
    from .sampling import NoValue as NoValue
    from .sampling import sample as sample

_HOMES = {
    "Change": "comparison",
    "DocumentError": "errors",
    "Finding": "linting",
    "NoValue": "sampling",
    "Param": "annotations",
    "diff": "comparison",
    "encode_document": "document._export",
    "lint": "linting",
    "load_document": "document._load",
    "sample": "sampling",
}


def __getattr__(name: str) -> object:
    """Import a public name from its home."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
