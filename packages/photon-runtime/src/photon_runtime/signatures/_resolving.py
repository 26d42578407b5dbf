"""Annotations as types.

Text is evaluated with the names of `_scopes`. What cannot be resolved is an error that names the
function, the parameter, the text and the remedy; it is never left out, because an argument without
a type is a different argument: text from the query in place of a number, or of a body.

A text that was resolved with names of an enclosing function is replaced by its type, in the
function and in the classes of its arguments: the names are gone when they are read again.
"""

from __future__ import annotations

import builtins
import difflib
import typing
from collections.abc import Callable, Sequence
from typing import Any, Final

from ..callables import location
from ..errors import SignatureError
from ._parameter import Note
from ._plain import compiled, has_text, is_plain_class
from ._scopes import Origin, Scope, scope_of
from ._type_variables import without_variables

_VARIABLES: Final = (typing.TypeVar, typing.ParamSpecArgs, typing.ParamSpecKwargs)


class Resolver:
    """Resolves the annotations of one callable; has the scopes that it has used.

    Args:
        function: The callable, for messages.
    """

    def __init__(self, function: Callable[..., object]) -> None:
        """Begin without scopes."""
        self._function = function
        self._scopes: dict[Origin, Scope] = {}

    def parameter(self, name: str, notes: Sequence[Note]) -> Any:
        """Return the type of a parameter with an annotation.

        Raises:
            SignatureError: It cannot be resolved.
        """
        return self._resolve(name, notes, f"argument {name}")

    def result(self, notes: Sequence[Note]) -> Any:
        """Return the type of the result.

        Raises:
            SignatureError: It cannot be resolved.
        """
        return self._resolve("return", notes, "its result")

    def _resolve(self, name: str, notes: Sequence[Note], subject: str) -> Any:
        """Return the first type that says something: a wrapper often has ``Any``."""
        first, *others = notes
        found = self._resolve_one(name, first, subject)
        for note in others:
            if not _is_vague(found):
                break
            found = self._resolve_one(name, note, subject)
        return without_variables(found)

    def _resolve_one(self, name: str, note: Note, subject: str) -> Any:
        error: Exception | None = None
        for origin in note.origins:
            try:
                found = evaluated(note.value, self._scope(origin))
            except Exception as raised:  # an annotation is any expression
                error = error or raised
                continue
            if origin.is_local:
                for each in note.origins:  # a generated function, and the class that it is from
                    _replace(each, name, note.value, found)
                resolve_classes(found, self._scope(origin))
            return found
        raise self._error(note, subject, error) from error

    def _scope(self, origin: Origin) -> Scope:
        if origin not in self._scopes:
            self._scopes[origin] = scope_of(origin)
        return self._scopes[origin]

    def _error(self, note: Note, subject: str, error: Exception | None) -> SignatureError:
        text = note.value if isinstance(note.value, str) else repr(note.value)
        where = f"{location(self._function)}, {subject}"
        if not isinstance(error, NameError):
            return SignatureError(f"{where}: the annotation {text!r} is invalid: {error}")
        name = error.name or ""
        is_local = any(origin.is_local for origin in note.origins)
        known = {each for scope in self._scopes.values() for names in scope for each in names}
        near = difflib.get_close_matches(
            name, (known | set(vars(builtins))) - {name}, n=1, cutoff=0.75
        )
        hint = f"; did you mean {near[0]!r}?" if near else ""
        remedy = "import it there (not under TYPE_CHECKING)"
        if is_local:
            remedy += (
                ". A name of an enclosing function is known only while that function runs, and "
                "after its definition: register the function inside of it, below the definition"
            )
        return SignatureError(
            f"{where}: the annotation {text!r} names {name!r}, which is not defined at module "
            f"level; {remedy}{hint}"
        )


def evaluated(annotation: object, scope: Scope) -> Any:
    """Return an annotation with the texts in it evaluated.

    Raises:
        Exception: What the evaluation of the text raises.
    """
    if isinstance(annotation, str):  # names of classes, which most are, need no more
        found: Any = eval(compiled(annotation), scope.names, scope.local_names)
        if is_plain_class(found):
            return found
    elif is_plain_class(annotation):
        return annotation

    def holder() -> None: ...

    holder.__annotations__ = {"it": annotation}
    # Locals that are not the globals: typing then evaluates references anew, which it shares.
    hints = typing.get_type_hints(holder, scope.names, dict(scope.local_names), include_extras=True)
    return hints["it"]


def resolve_classes(hint: Any, scope: Scope) -> None:
    """Resolve the annotations of local classes in a type, while their names are known.

    A class is left as it is if one of its annotations names what is not defined yet.
    """
    waiting, seen = [hint], set[int]()
    while waiting:
        each = waiting.pop()
        if id(each) in seen:
            continue
        seen.add(id(each))
        waiting += typing.get_args(each)
        origin = typing.get_origin(each) or each
        if isinstance(origin, type) and "<locals>" in origin.__qualname__:
            waiting += _resolved_members(origin, scope)


def _resolved_members(cls: type, scope: Scope) -> list[Any]:
    written = vars(cls).get("__annotations__", {})  # replaced in place
    try:
        own = scope_of(Origin(cls))
        hints = typing.get_type_hints(
            cls, localns={**scope.local_names, **own.local_names}, include_extras=True
        )
    except Exception:  # reported where the class is used
        return []
    for name, annotation in written.items():
        if has_text(annotation):
            written[name] = hints[name]
    return [hints[name] for name in written]


def _replace(origin: Origin, name: str, written: object, found: object) -> None:
    annotations = getattr(origin.definition, "__annotations__", None)
    if isinstance(annotations, dict) and annotations.get(name) is written:
        annotations[name] = found


def _is_vague(hint: object) -> bool:
    return hint is Any or hint is object or isinstance(hint, _VARIABLES)
