"""A server that stands in for one that is not written yet: a document, and nothing else.

Every operation has a generated handler that asks for all of its parameters and its body, so
requests are matched, authenticated and validated as they will be by the real handlers. What it
answers comes from the document: an example, or a value built from the schema.

It is a tool for development. Any credential will do where one is required, and pages of any origin
may read the answers.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import attrs

from photon_openapi.annotations import Param
from photon_openapi.document import (
    Document,
    OpenApi,
    Operation,
    Problem,
    components_of,
    load_document,
)
from photon_openapi.sampling import Samples
from photon_runtime.http import Handler, Request, Response

from ..annotations import In
from ..application import Application
from ..dispatch import HANDLER, MIDDLEWARE
from ..middleware import Cors
from ..security import AcceptAnyCredential
from ._mock_answers import MockAnswers

_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "QUERY")


class MockApplication:
    """An application that answers every operation of a document.

    Args:
        spec: An OpenAPI document: the path of a YAML or JSON file, or the document itself.
        seed: ``None`` answers the plainest values, a number others; the same ones every time.
        docs_url: Path of the documentation page; ``None`` for none.

    Attributes:
        problems: What could not be built, and which examples do not fit their schemas. The rest
            is served; an answer that is missing is a 501.

    Raises:
        DocumentError: The document cannot be loaded.

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
        """Load the document and build the answers."""
        self.docs_url = docs_url
        self.problems: list[Problem] = []
        data = _without_code(load_document(spec))
        self._router = Application(spec=data, docs_url=docs_url, middleware=[_open_to_all()])
        for name in components_of(data, "securitySchemes"):
            self._router.security(name, AcceptAnyCredential())
        document = Document(data)
        samples, seen = Samples(document.definitions, seed), set()
        for operation in document.operations():
            if operation.name in seen:
                continue  # it stands in an item that two paths share
            seen.add(operation.name)
            # What is not sound is told when it starts; here it is not to be missed.
            told = operation if operation.is_sound else attrs.evolve(operation, data={})
            answers = MockAnswers(document, told, samples=samples, problems=self.problems)
            self._router.operation(operation.name)(_handler(operation, answers))

    def document(self) -> OpenApi:
        """Return the document."""
        return self._router.document()

    @contextmanager
    def start(self, *, development: bool = False) -> Iterator[Handler]:
        """Start it, as `Application.start` does.

        Raises:
            DocumentError: The document is not in order; lists every problem.
        """
        with self._router.start(development=development) as handler:
            yield handler


def _without_code(data: OpenApi) -> OpenApi:
    """Take out what names code: the mock has none."""
    paths = data.get("paths")
    named = components_of(data, "pathItems")
    items = [*(paths if isinstance(paths, dict) else {}).values(), *named.values()]
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
        allow_headers=["*", "Authorization"],  # which the star does not mean
        expose_headers=["*"],
        allow_private_network=True,
    )


def _handler(operation: Operation, answers: MockAnswers) -> Callable[..., Response]:
    """Make a handler that takes everything that the operation declares."""

    def handler(request: Request, **values: object) -> Response:
        return answers.answer(request)

    wanted: dict[str, Any] = {"request": Request}
    for number, parameter in enumerate(operation.parameters):
        place, name = parameter["in"], parameter["name"]
        wanted[f"parameter{number}"] = Annotated[Any, In(place), Param(name=name)]
    if operation.body is not None:
        wanted["body"] = Any
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
        for name, annotation in wanted.items()
    ]
    handler.__signature__ = inspect.Signature(arguments)  # type: ignore[attr-defined]
    handler.__annotations__ = wanted
    handler.__qualname__ = f"the mock of {operation.name}"
    return handler
