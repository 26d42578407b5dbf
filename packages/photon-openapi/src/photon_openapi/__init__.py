"""OpenAPI documents and JSON Schema: read, check and compare them, and generate sample values.

===================  ==========================================================================
``document``         documents: load, bundle, upgrade, check, resolve, export
``codec``            JSON texts and strings to values of Python types, and back
``schema``           Python types as JSON Schema, and the validation of values
``annotations``      `Param`: the constraints of a value, beside its type
``serving``          the errors that prevent operations from being served
``linting``          `lint`: the errors of a document, and possible improvements
``comparison``       `diff`: the differences between two documents
``sampling``         `sample`: a value that matches a schema
``sources``          documents from files, standard input and applications
``reports``          findings and changes as text, JSON, Markdown and GitHub commands
``errors``           the error tree; ``messages`` has the parts of their messages
===================  ==========================================================================

The names of this package are imported on first use: an application that only validates values does
not load the rules of `lint`.
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
    """Import a public name from the module that defines it."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
