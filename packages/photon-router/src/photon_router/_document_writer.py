"""The document of an application: its title and version, and the operations of its code."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from photon_openapi.document import Document, OpenApi
from photon_openapi.errors import DocumentError, SignatureError
from photon_runtime.callables import location

from .handlers import HandlerEntry, WriterContext, write_operation
from .security import Verifier, requirements, verifiers_in, write_schemes


def begin_document(
    base: OpenApi | None, info: Mapping[str, str | None], servers: Sequence[str]
) -> OpenApi:
    """Return the document that operations are written into.

    Args:
        base: A loaded document, which is not changed; ``None`` for none.
        info: Title, version and description, which override those of ``base`` unless ``None``.
        servers: URLs, which override the servers of ``base`` unless empty.
    """
    data: OpenApi = {"openapi": "3.1.0", "info": {}}
    data |= copy.deepcopy(base) if base is not None else {}
    # A document without paths is valid with one of the others, and then exported unchanged.
    if not data.keys() & {"paths", "webhooks", "components"}:
        data["paths"] = {}
    if isinstance(data["info"], dict):
        data["info"] = _info_of(data["info"], info)
    if servers:
        data["servers"] = [{"url": url} for url in servers]
    return data


def title_of(base: OpenApi | None, info: Mapping[str, str | None]) -> str:
    """Return the title of the document that `begin_document` returns for the same arguments."""
    loaded = base.get("info") if base is not None else {}
    title = _info_of(loaded, info).get("title") if isinstance(loaded, dict) else None
    return "API" if title is None else str(title)


def _info_of(loaded: Mapping[str, Any], info: Mapping[str, str | None]) -> dict[str, Any]:
    own = {key: value for key, value in info.items() if value is not None}
    return {"title": "Photon", "version": "0.1.0", **loaded, **own}


def write_entries(
    data: OpenApi,
    entries: Sequence[HandlerEntry],
    context: WriterContext,
    refused: list[SignatureError] | None = None,
) -> list[HandlerEntry]:
    """Write operations into a document, with the schemas and the schemes that they refer to.

    Args:
        data: The document; it is changed.
        entries: The handlers whose operations are written.
        context: The state that the operations share.
        refused: List to which the errors of handlers are added, whose operations are left out;
            ``None`` to raise the first.

    Returns:
        The entries, with the sources of their arguments.

    Raises:
        SignatureError: A handler cannot be written as an operation.
        DocumentError: A class of the code and a schema of the document share a name.
    """
    written = []
    for entry in entries:
        try:
            written.append(entry.with_sources(write_operation(entry, data, context)))
        except SignatureError as error:
            if refused is None:
                raise
            refused.append(error)
    present = data.get("components", {}).get("schemas", {})
    schemas = context.schemas(present)
    _check_schema_names(present, schemas)
    if schemas:
        components = data.setdefault("components", {})
        components["schemas"] = present | {name: schemas[name] for name in sorted(schemas)}
    write_schemes(data, required_by(entries))
    return written


def write_security(document: Document, entries: Sequence[HandlerEntry]) -> None:
    """Write the security that handlers of a loaded document state into its operations.

    Args:
        document: The document, which is well-formed; its data is changed.
        entries: The handlers.

    Raises:
        SignatureError: An option is not a list of verifiers, requirements or names of schemes.
    """
    stating = {
        each.operation_id: each
        for each in entries
        if not each.is_written and "security" in each.options
    }
    if not stating:
        return
    for operation in document.operations():
        entry = stating.get(operation.name)
        if entry is not None:
            try:
                operation.data["security"] = requirements(entry.options["security"], has_names=True)
            except TypeError as error:
                raise SignatureError(f"{location(entry.function)}: {error}") from error
    write_schemes(document.data, required_by(list(stating.values())))


def required_by(entries: Sequence[HandlerEntry]) -> list[Verifier]:
    """Return the verifiers that ``entries`` require."""
    return verifiers_in([each for entry in entries for each in entry.options.get("security", ())])


def _check_schema_names(present: Mapping[str, Any], schemas: Mapping[str, Any]) -> None:
    conflicts = sorted(
        name for name in schemas if name in present and present[name] != schemas[name]
    )
    if conflicts:
        raise DocumentError(
            [
                f"/components/schemas/{name}: the document and a class of the code share the "
                "name; rename one of them"
                for name in conflicts
            ]
        )
