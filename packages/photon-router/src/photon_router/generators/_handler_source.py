"""Handlers of operations as definitions of modules, one module for each tag."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

import attrs

from photon_openapi.document import Document, Operation

from ._code_layout import expression, quoted, signature
from ._docstrings import docstring
from ._handler_arguments import ArgumentCode, handler_arguments, signature_arguments
from ._handler_results import HandlerResult, handler_result, operation_class_name
from ._module_code import Definition
from ._names import NameScope, handler_scope, snake_name
from ._schema_types import SchemaTypes

_WORD = re.compile(r"[A-Za-z][\w-]*")
_RESERVED_MODULES: Final = frozenset(("schemas", "security", "init"))
RESULT: Final = "return"
"""The key of the result among the parts of a handler."""


@attrs.frozen
class HandlerCode:
    """A handler.

    Attributes:
        operation: Its operation.
        module: The name of its module.
        name: Its name.
        arguments: Its arguments.
        result: Its result.
    """

    operation: Operation
    module: str
    name: str
    arguments: Sequence[ArgumentCode]
    result: HandlerResult

    def signature(self) -> str:
        """Return ``def name(...) -> result:``."""
        arguments = signature_arguments(self.arguments)
        return signature(self.name, arguments, self.result.annotation)

    def definition(self) -> Definition:
        """Return the handler as a definition: a stub that responds with 501."""
        operation = self.operation
        decorator = expression(f"router.operation({quoted(operation.name)})", before="@")
        body = expression(
            f"HttpError(501, {quoted(f'{operation.name} is not implemented')})",
            indent=4,
            before="raise ",
        )
        source = "\n".join([decorator, self.signature(), self._docstring(), body])
        parts = {each.name: each.annotation for each in self.arguments}
        return Definition(
            operation_key(operation.name), source, {**parts, RESULT: self.result.annotation}
        )

    def _docstring(self) -> str:
        data = self.operation.data
        summary = str(data.get("summary") or "").strip()
        description = str(data.get("description") or "").strip()
        text = "\n\n".join(filter(None, (summary, description if description != summary else "")))
        raised = [
            (
                "HttpError",
                "; ".join(f"{code} {_one_line(text)}" for code, text in self.result.errors),
            )
        ]
        return docstring(
            text or f"Handle {self.operation.method.upper()} {self.operation.path}.",
            [("Raises", raised if self.result.errors else [])],
        )


def operation_key(name: str) -> str:
    """Return the key of the handler of an operation."""
    return f"operation {name}"


def handlers_of(document: Document, types: SchemaTypes) -> list[HandlerCode]:
    """Return the handlers of all operations of a document."""
    scopes: dict[str, NameScope] = {}
    handlers = []
    for operation in document.operations():
        if "x-handler" in operation.data:
            continue
        module = module_name(operation)
        scope = scopes.setdefault(module, handler_scope())
        class_name = operation_class_name(operation)
        own = snake_name(operation.name, default="handle")
        name = scope.claim(own, f"{own.rstrip('_')}_{module}", f"handle_{own}")
        handlers.append(
            HandlerCode(
                operation,
                module,
                name,
                handler_arguments(document, operation, types, class_name),
                handler_result(document, operation, types, class_name),
            )
        )
    return handlers


def module_name(operation: Operation) -> str:
    """Return the name of the module of an operation: its first tag, else the first path segment."""
    tags = operation.data.get("tags") or ()
    text = (
        str(tags[0])
        if tags
        else next((each for each in operation.path.split("/") if _WORD.fullmatch(each)), "root")
    )
    name = snake_name(text, default="operations")
    return f"{name}_handlers" if name in _RESERVED_MODULES else name


def _one_line(text: str) -> str:
    return " ".join(text.split()).rstrip(".")
