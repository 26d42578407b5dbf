"""The differences between two documents, and their effect on clients of the old one.

Operations are matched by method and path, regardless of the names of path parameters. Clients are
not affected if more requests are accepted than before, or fewer responses are possible; every other
change breaks some of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, TypeAlias

import attrs

from ..document import Document, OpenApi, Operation, shape_of, upgraded
from ..errors import DocumentError
from ..messages import pointer_of
from ._changes import SEVERITIES, Change, Direction
from ._diff_operation import OPPOSITE, OperationDiff, Schemas, named

_Key: TypeAlias = tuple[str, str]
"""The key that matches operations of both documents: the method, and the shape of the path."""
_Operations: TypeAlias = Mapping[_Key, Operation]
_SCHEME: Final = ("type", "scheme", "in", "name", "openIdConnectUrl")


def diff(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Change]:
    """Compare two bundled documents; those of OpenAPI 3.0 are read as 3.1.

    Returns:
        The changes, the most severe first, then by operation. A change of a component that several
        operations use is one change, with all of them.

    Raises:
        DocumentError: One of the documents is not an OpenAPI document; lists its problems.
    """
    before, after = _document(old), _document(new)
    schemas = Schemas(before, after)
    listed = [*_general(before, after), *_operations(schemas), *_webhooks(schemas)]
    return sorted(_grouped(listed), key=lambda each: SEVERITIES[each.severity])


def _grouped(changes: Iterable[Change]) -> list[Change]:
    """Return each change once; one of a shared component names all of its operations."""
    groups: dict[object, list[Change]] = {}
    for each in dict.fromkeys(changes):
        key = (each.id, each.severity, each.component, each.message) if each.component else each
        groups.setdefault(key, []).append(each)
    result = []
    for first, *others in groups.values():
        operations = tuple(dict.fromkeys(each.operation for each in (first, *others)))
        several = operations if len(operations) > 1 else ()
        result.append(attrs.evolve(first, operations=several))
    return result


def _document(data: Mapping[str, Any]) -> Document:
    document = Document(upgraded(dict(data))[0])
    problems = document.schema_errors
    if problems:
        raise DocumentError([str(problem) for problem in problems])
    return document


def _general(old: Document, new: Document) -> Iterator[Change]:
    before, after = old.data["info"].get("version"), new.data["info"].get("version")
    if before != after:
        yield Change("version-changed", "info", "", "/info/version", f"{before} is now {after}")
    others = _schemes(new)
    for name, scheme in _schemes(old).items():
        if name in others:
            yield from _scheme(name, scheme, others[name])


def _scheme(name: str, old: OpenApi, new: OpenApi) -> Iterator[Change]:
    location = pointer_of(["components", "securitySchemes", name])
    for key in _SCHEME:
        before, after = old.get(key), new.get(key)
        if _lower(before) != _lower(after):
            message = f"{key} was {before!r} and is {after!r}"
            yield Change("security-scheme-changed", "breaking", "", location, message)


def _schemes(document: Document) -> dict[str, OpenApi]:
    result = (document.data.get("components") or {}).get("securitySchemes") or {}
    return {name: document.resolve(scheme) or {} for name, scheme in result.items()}


def _lower(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


def _operations(schemas: Schemas) -> Iterator[Change]:
    olds, news = _by_shape(schemas.old), _by_shape(schemas.new)
    yield from _compared(schemas, olds, news, "request")
    yield from _called_back(schemas, olds, news, "request")


def _by_shape(document: Document) -> _Operations:
    return {(each.method, shape_of(each.path)): each for each in document.operations()}


def _webhooks(schemas: Schemas) -> Iterator[Change]:
    hooks, new_hooks = (each.data.get("webhooks") or {} for each in (schemas.old, schemas.new))
    yield from _names("webhook", "", "/webhooks", hooks, new_hooks)
    common = [name for name in hooks if name in new_hooks]
    olds = _of_webhooks(schemas.old, {name: hooks[name] for name in common})
    news = _of_webhooks(schemas.new, {name: new_hooks[name] for name in common})
    yield from _compared(schemas, olds, news, "response")
    yield from _called_back(schemas, olds, news, "response")


def _of_webhooks(document: Document, hooks: OpenApi) -> _Operations:
    return {
        (operation.method, name): operation
        for name, item in hooks.items()
        for operation in document.operations_of(
            f"webhook {name}", item, pointer_of(["webhooks", name])
        )
    }


def _called_back(
    schemas: Schemas, olds: _Operations, news: _Operations, request_direction: Direction
) -> Iterator[Change]:
    """Yield the changes of the callbacks of operations; nested callbacks are not compared."""
    for key, before in olds.items():
        after = news.get(key)
        if after is None:
            continue
        first, second = _callbacks(schemas.old, before), _callbacks(schemas.new, after)
        location = after.pointer + "/callbacks"
        yield from _names("callback", named(after), location, first, second)
        common = [name for name in first if name in second]
        old = _of_callbacks(schemas.old, before, {name: first[name] for name in common})
        new = _of_callbacks(schemas.new, after, {name: second[name] for name in common})
        yield from _compared(schemas, old, new, OPPOSITE[request_direction])


def _callbacks(document: Document, operation: Operation) -> OpenApi:
    """Return the callbacks of an operation by name, each as path items by expression."""
    if not operation.is_well_formed:
        return {}
    result = (operation.data.get("callbacks") or {}).items()
    return {name: document.resolve(callback) or {} for name, callback in result}


def _of_callbacks(document: Document, owner: Operation, callbacks: OpenApi) -> _Operations:
    return {
        (operation.method, f"{name} {expression}"): operation
        for name, items in callbacks.items()
        for expression, item in items.items()
        if not expression.startswith("x-")
        for operation in document.operations_of(
            f"{expression} (callback {name} of {named(owner)})",
            item,
            owner.pointer + pointer_of(["callbacks", name, expression]),
        )
    }


def _names(kind: str, owner: str, location: str, olds: OpenApi, news: OpenApi) -> Iterator[Change]:
    """Yield the webhooks or callbacks that were removed, and those that were added."""
    for name in (each for each in olds if each not in news):
        pointer = location + pointer_of([name])
        yield Change(
            f"{kind}-removed", "breaking", owner, pointer, f"the {kind} {name!r} was removed"
        )
    for name in (each for each in news if each not in olds):
        pointer = location + pointer_of([name])
        yield Change(
            f"{kind}-added", "non-breaking", owner, pointer, f"the {kind} {name!r} was added"
        )


def _compared(
    schemas: Schemas, olds: _Operations, news: _Operations, request_direction: Direction
) -> Iterator[Change]:
    """Compare operations that have the same key."""
    for key, before in olds.items():
        after = news.get(key)
        if after is None:
            yield Change(
                "operation-removed", "breaking", named(before), before.pointer, "was removed"
            )
        elif before.is_well_formed and after.is_well_formed:
            yield from OperationDiff(schemas, before, after, request_direction).changes()
    for key, after in news.items():
        if key not in olds:
            yield Change(
                "operation-added", "non-breaking", named(after), after.pointer, "was added"
            )
