"""Checks of the arguments of a signature when its function is registered.

Each error names the correct form. Errors that depend on the operation (a parameter that the path
does not have, two bodies) are found where the operation is written.
"""

from __future__ import annotations

import typing
from typing import Annotated, Any, Final

from photon_openapi.annotations import Param, origin_of, strip_alias
from photon_runtime.http import Response

from .._submitted import Submitted, submitted_class, takes_submitted
from .._upload import UploadFile, takes_files
from ..annotations import Annotation, Depends, In, Marker, foreign_marker

_MUTABLE: Final[tuple[type, ...]] = (list, dict, set, bytearray)


def signature_error_of(annotation: Annotation, default: object, *, is_missing: bool) -> str | None:
    """Return the error of an argument, ``None`` if it is well-formed.

    Args:
        annotation: The annotation.
        default: The default.
        is_missing: True if the argument has no default.
    """
    if annotation.type is Response:
        return "a handler returns a Response and cannot take one as an argument"
    if any(each is Depends for each in (annotation.type, default, *annotation.metadata)):
        return "Depends must be called: write = Depends(function), or Annotated[..., Depends(...)]"
    error_text = (
        foreign_marker((*annotation.metadata, default))
        or _misused_marker(annotation)
        or _misplaced_file(annotation)
        or _wrong_submitted(annotation, is_missing=is_missing)
    )
    if error_text is None and not is_missing:
        error_text = _wrong_default(annotation, default)
    return error_text


def _misused_marker(annotation: Annotation) -> str | None:
    for item in annotation.metadata:
        if isinstance(item, Marker):
            return f"a marker wraps the type: write {item.name}[...] in place of Annotated"
        if item is Param:
            return "Param must be called: write Annotated[..., Param(...)]"
    return None


def _misplaced_file(annotation: Annotation) -> str | None:
    marker = annotation.marker
    if takes_files(annotation.type):
        if marker is not None and marker.origin != "form":
            return "an UploadFile is a field of a form: leave the marker out"
    elif _holds(annotation.type, UploadFile) and not takes_submitted(annotation.type):
        return "annotate files as UploadFile, UploadFile | None or list[UploadFile]"
    return None


def _holds(type_: Any, cls: type) -> bool:
    """Return true if a type is a class, or a type of values that contain it."""
    plain = strip_alias(type_)
    if plain is cls or origin_of(plain) is cls:
        return True
    return any(_holds(each, cls) for each in typing.get_args(plain))


def _wrong_submitted(annotation: Annotation, *, is_missing: bool) -> str | None:
    if not takes_submitted(annotation.type):
        if _holds(annotation.type, Submitted):
            return "a submitted form is not a part of another type: write Submitted[...] alone"
        return None
    if annotation.marker is not None:
        return f"{annotation.marker.name} and Submitted are two sources: keep Submitted[...] alone"
    if submitted_class(annotation.type) is None:
        return "Submitted takes the class of the form in brackets: write Submitted[NewPost]"
    if not is_missing:
        return "a submitted form is never missing: leave the default out"
    return None


def _wrong_default(annotation: Annotation, default: object) -> str | None:
    param = annotation.param
    if param is not None and param.default_factory is not None:
        return "it has a default and a default_factory: keep one"
    if isinstance(default, Param):
        return "Param belongs in the annotation, not in the default: Annotated[..., Param(...)]"
    name = _name_of_marker(default)
    if name is not None:
        return f"{name} belongs in the annotation, not in the default: write {name}[...]"
    if annotation.marker is not None and annotation.marker.origin == "path":
        return "a parameter of the path is always sent: leave its default out"
    if isinstance(default, _MUTABLE):
        kind = type(default).__name__
        return (
            f"a mutable default ({kind}) would be shared by all requests: write "
            f"Annotated[..., Param(default_factory={kind})], or use None or a tuple"
        )
    return None


def _name_of_marker(default: object) -> str | None:
    """Return the name of a marker that is used as a default, with or without a type."""
    if isinstance(default, Marker):
        return default.name
    is_marked = origin_of(default) is Annotated
    metadata = typing.get_args(default)[1:] if is_marked else ()
    return next((each.name for each in metadata if isinstance(each, In)), None)
