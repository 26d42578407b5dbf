"""A server that replaces one that is not written yet, made from its document.

Every operation has a generated handler with all of its parameters and its body as arguments, so
requests are matched, authenticated and validated as they will be for the real handlers. The
response comes from the document: an example, or a value built from the schema.

It is a tool for development. Any credential is accepted where one is required, and pages of any
origin may read the responses.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

from photon_openapi.annotations import Param
from photon_openapi.document import (
    Document,
    OpenApi,
    Operation,
    Problem,
    components_of,
    is_old,
    load_document,
    schema_errors,
    upgraded,
)
from photon_openapi.errors import DocumentError
from photon_openapi.sampling import Samples
from photon_openapi.serving import serving_errors
from photon_runtime.http import Handler, HttpError, Request, Response

from ..annotations import In
from ..application import Application
from ..dispatch import HANDLER, MIDDLEWARE
from ..middleware import Cors
from ..security import AcceptAnyCredential
from ._mock_responses import MockResponses

_SHOWN = 3
"""Problems of an operation that its response names."""
_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "QUERY")


class MockApplication:
    """An application that serves every operation of a document.

    Args:
        spec: An OpenAPI document: the path of a YAML or JSON file, or the document itself.
        seed: A number to choose other values than the simplest ones (``None``); equal seeds give
            equal values.
        docs_url: Path of the documentation page; ``None`` to disable it.

    Attributes:
        problems: The errors of the document, responses that could not be built, and examples that
            are not valid for their schemas. Operations that an error concerns are answered with
            501, as are missing responses; everything else is served.

    Raises:
        DocumentError: The document cannot be loaded, or is not a document of a known version.

    Example:
        >>> from photon_router.mock import MockApplication
        >>> mock = MockApplication({
        ...     "openapi": "3.1.0",
        ...     "info": {"title": "Dice", "version": "1"},
        ...     "paths": {"/roll": {"get": {"responses": {"200": {
        ...         "description": "Eyes.",
        ...         "content": {"application/json": {"schema": {"type": "integer", "minimum": 4}}},
        ...     }}}}},
        ... })
        >>> from photon_runtime.http import Request
        >>> with mock.start() as handler:
        ...     handler(Request("GET", "/roll", [])).body
        b'4'
    """

    def __init__(
        self,
        spec: str | Path | Mapping[str, Any],
        *,
        seed: int | None = None,
        docs_url: str | None = "/docs",
    ) -> None:
        """Load the document and build the responses."""
        self.docs_url = docs_url
        self.problems: list[Problem] = []
        data = _without_code(load_document(spec))
        if is_old(data):  # it has errors; all that has none is served
            self.problems += schema_errors(data)
            data, _ = upgraded(data, despite_errors=True)
        document = Document(data)
        errors = serving_errors(document)
        self.problems += [each.problem for each in errors.listed]
        self.problems[:] = dict.fromkeys(self.problems)
        if document.is_unreadable:
            raise DocumentError(list(map(str, self.problems)))
        unservable = errors.by_operation()
        self._router = _PartialApplication(
            spec=data, docs_url=docs_url, middleware=[_open_to_all()]
        )
        for name in components_of(data, "securitySchemes"):
            self._router.security(name, AcceptAnyCredential())
        samples, seen = Samples(document.definitions, seed), set()
        for operation in document.operations():
            if operation.name in seen or operation.pointer in unservable:
                continue  # two paths share the item
            seen.add(operation.name)
            responses = MockResponses(document, operation, samples=samples, problems=self.problems)
            self._router.operation(operation.name)(_handler(operation, responses))

    def document(self) -> OpenApi:
        """Return the document."""
        return self._router.document()

    @contextmanager
    def start(self, *, development: bool = False) -> Iterator[Handler]:
        """Start the application, as `Application.start` does.

        Raises:
            DocumentError: A page of the mock has the path of an operation.
        """
        with self._router.start(development=development) as handler:
            yield handler


class _PartialApplication(Application):
    """An application that answers the operations which cannot be served with 501."""

    def _substitute(self) -> Callable[[Operation, Sequence[str]], Handler] | None:
        return _not_served


def _not_served(operation: Operation, problems: Sequence[str]) -> Handler:
    text = f"the mock does not serve {operation.name}: {'; '.join(problems[:_SHOWN])}"

    def respond(request: Request) -> Response:
        raise HttpError(501, text)

    return respond


def _without_code(data: OpenApi) -> OpenApi:
    """Remove the extensions that name code, which the mock does not have."""
    paths = data.get("paths")
    components = components_of(data, "pathItems")
    items = [*(paths if isinstance(paths, dict) else {}).values(), *components.values()]
    for item in items:
        for operation in item.values() if isinstance(item, dict) else ():
            if isinstance(operation, dict):
                operation.pop(HANDLER, None)
                operation.pop(MIDDLEWARE, None)
    return data


def _open_to_all() -> Cors:
    return Cors(
        allow_origins=["*"],
        allow_methods=_METHODS,
        allow_headers=["*", "Authorization"],  # which the star does not include
        expose_headers=["*"],
        allow_private_network=True,
    )


def _handler(operation: Operation, responses: MockResponses) -> Callable[..., Response]:
    """Create a handler with all parameters and the body of the operation as arguments."""

    def handler(request: Request, **values: object) -> Response:
        return responses.respond(request)

    annotations: dict[str, Any] = {"request": Request}
    for number, parameter in enumerate(operation.parameters):
        location, name = parameter["in"], parameter["name"]
        annotations[f"parameter{number}"] = Annotated[Any, In(location), Param(name=name)]
    if operation.body is not None:
        annotations["body"] = Any
    optional = {
        f"parameter{number}"
        for number, parameter in enumerate(operation.parameters)
        if not parameter.get("required")
    }
    if operation.body is not None and not operation.body.get("required"):
        optional.add("body")
    arguments = [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            annotation=annotation,
            default=None if name in optional else inspect.Parameter.empty,
        )
        for name, annotation in annotations.items()
    ]
    handler.__signature__ = inspect.Signature(arguments)  # type: ignore[attr-defined]
    handler.__annotations__ = annotations
    handler.__qualname__ = f"the mock of {operation.name}"
    return handler
