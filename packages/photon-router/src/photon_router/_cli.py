"""``photon routes``, ``photon openapi``, ``photon middleware``: look into an application.

The first two read the document and nothing else, because it is where routes are. The project comes
from the command line as ``ctx.obj``; what is needed of it is said here, so that this package does
not depend on the one that brings the command line.
"""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

import attrs
import click

from ._export import encode_document

_METHODS = ("get", "post", "put", "patch", "delete", "head", "options", "trace", "query")


class _Project(Protocol):
    """The project that a command works on."""

    def target(self, named: str | None = None) -> str:
        """Decide which application is meant."""
        ...

    def load_app(self, target: str | None = None) -> object:
        """Import the application."""
        ...


@runtime_checkable
class _Described(Protocol):
    """An application with an OpenAPI document."""

    def document(self) -> dict[str, object]:
        """Return the document."""
        ...


class _Placed(Protocol):
    """A layer in the chain of an application."""

    @property
    def name(self) -> str: ...
    @property
    def origin(self) -> str: ...
    @property
    def place(self) -> str | None: ...
    @property
    def options(self) -> Mapping[str, object]: ...


@runtime_checkable
class _Layered(Protocol):
    """An application with layers around its requests."""

    def layers(self) -> Sequence[_Placed]:
        """Return the layers, outermost first."""
        ...


@attrs.frozen
class _Route:
    """One operation of the document."""

    method: str
    path: str
    operation_id: str
    summary: str

    def as_json(self) -> dict[str, str]:
        """The members that are not empty, under the names OpenAPI has for them."""
        members = {
            "method": self.method,
            "path": self.path,
            "operationId": self.operation_id,
            "summary": self.summary,
        }
        return {name: value for name, value in members.items() if value}


@click.command()
@click.argument("target", required=False, metavar="[MODULE:ATTRIBUTE]")
@click.option("--json", "as_json", is_flag=True, help="As a JSON array.")
@click.pass_obj
def routes(project: _Project, target: str | None, *, as_json: bool) -> None:
    """List the routes of the application."""
    found = list_routes(load_document(project, target))
    if as_json:
        click.echo(json.dumps([route.as_json() for route in found], indent=2, ensure_ascii=False))
        return
    heads = [f"[{route.method}] {route.path}" for route in found]
    width = max(map(len, heads), default=0)
    for head, route in zip(heads, found, strict=True):
        click.echo(f"{head:{width}}  {route.operation_id}".rstrip())


@click.command()
@click.argument("target", required=False, metavar="[MODULE:ATTRIBUTE]")
@click.option("--json", "as_json", is_flag=True, help="As a JSON array.")
@click.pass_obj
def middleware(project: _Project, target: str | None, *, as_json: bool) -> None:
    """List the middleware of the application.

    The outermost layer comes first. Those of photon.toml lie around those of the code.
    """
    with contextlib.redirect_stdout(sys.stderr):
        application = project.load_app(target)
        layers = application.layers() if isinstance(application, _Layered) else None
    if layers is None:
        raise click.ClickException(
            f"`{project.target(target)}` has no middleware that could be listed; only an"
            " application made with Photon() or a Router has"
        )
    if as_json:
        found = [_layer_as_json(layer) for layer in layers]
        click.echo(json.dumps(found, indent=2, ensure_ascii=False, default=_shown))
        return
    names = max((len(layer.name) for layer in layers), default=0)
    for number, layer in enumerate(layers, 1):
        options = [f"{name}={_shown(value)}" for name, value in layer.options.items()]
        notes = " ".join(options or ([layer.place] if layer.place else []))
        click.echo(f"{number:2}  {layer.name:{names}}  {layer.origin:8}  {notes}".rstrip())


def _layer_as_json(layer: _Placed) -> dict[str, object]:
    members = {"name": layer.name, "origin": layer.origin, "place": layer.place}
    return {name: value for name, value in members.items() if value} | {
        "options": dict(layer.options)
    }


def _shown(value: object) -> str:
    """Return the value of an option as people read it."""
    if callable(value):
        return getattr(value, "__qualname__", repr(value))
    return json.dumps(value, ensure_ascii=False) if _is_plain(value) else repr(value)


def _is_plain(value: object) -> bool:
    return isinstance(value, str | int | float | list | dict)


@click.group()
def openapi() -> None:
    """Work with the application's OpenAPI document."""


@openapi.command()
@click.argument("target", required=False, metavar="[MODULE:ATTRIBUTE]")
@click.option(
    "--format",
    "form",
    type=click.Choice(["yaml", "json"]),
    help="Default: what the name of FILE ends in, else yaml.",
)
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write to FILE instead of standard output.",
)
@click.pass_obj
def export(
    project: _Project, target: str | None, form: Literal["yaml", "json"] | None, output: Path | None
) -> None:
    """Write the OpenAPI document of the application.

    The same application gives the same bytes, every time.
    """
    if form is None:
        form = "json" if output is not None and output.suffix == ".json" else "yaml"
    text = encode_document(load_document(project, target), form=form)
    if output is None:
        click.echo(text, nl=False)
        return
    try:
        output.write_bytes(text)
    except OSError as error:
        raise click.ClickException(f"cannot write {output}: {error.strerror}") from error
    click.echo(f"written: {output}", err=True)


def load_document(project: _Project, target: str | None) -> dict[str, object]:
    """Import the application and ask it for its document.

    What its modules print goes to standard error: standard output is for the answer.

    Raises:
        click.ClickException: The application has no document.
        PhotonError: It cannot be loaded, or its routes contradict each other.
    """
    with contextlib.redirect_stdout(sys.stderr):
        application = project.load_app(target)
        document = application.document() if isinstance(application, _Described) else None
    if document is None:
        raise click.ClickException(
            f"`{project.target(target)}` has no OpenAPI document; only an application made with"
            " Photon() or a Router has one"
        )
    return document


def list_routes(document: dict[str, object]) -> list[_Route]:
    """List the operations of a document, sorted by path, methods in their usual order."""
    found = []
    paths = document.get("paths")
    for path, item in sorted(paths.items()) if isinstance(paths, dict) else ():
        for method in _METHODS:
            operation = item.get(method)
            if isinstance(operation, dict):
                names = (str(operation.get(key, "")) for key in ("operationId", "summary"))
                found.append(_Route(method.upper(), path, *names))
    return found
