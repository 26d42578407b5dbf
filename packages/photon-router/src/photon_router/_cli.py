"""``photon routes``, ``middleware``, ``mock``: inspect applications, and serve documents.

``routes`` reads only the document, because it contains all routes. The command line passes the
project as ``ctx.obj``; protocols here describe the used interface, so that this package does not
depend on the package of the command line.
"""

from __future__ import annotations

import contextlib
import functools
import json
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

import click

from photon_openapi.sources import DocumentedApplication, Project
from photon_runtime.http import Application, listen, serve

from ._routes import list_routes
from .mock import MockApplication, ReloadingMock


class _Project(Project, Protocol):
    """The project that a command works on."""

    @property
    def is_development(self) -> bool:
        """True if applications are in development mode."""
        ...

    def changes(self, folder: Path, *, stop: threading.Event) -> Iterator[list[str]]:
        """Yield the files in a folder that have changed, in batches that may be empty."""
        ...


class _ChainEntry(Protocol):
    """Middleware in the chain of an application."""

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
    """An application that lists its middleware."""

    def layers(self, *, development: bool) -> Sequence[_ChainEntry]:
        """Return the middleware, outermost first."""
        ...


@runtime_checkable
class _Handled(Protocol):
    """An application that knows which operations of its document have no handler."""

    def missing_handlers(self) -> Sequence[str]:
        """Return the names of these operations."""
        ...


@click.command()
@click.argument("target", required=False, metavar="[MODULE:ATTRIBUTE]")
@click.option("--json", "as_json", is_flag=True, help="As a JSON array.")
@click.pass_obj
def routes(project: _Project, target: str | None, *, as_json: bool) -> None:
    """List the routes of the application, sorted by path; marks those without a handler."""
    with contextlib.redirect_stdout(sys.stderr):
        application = project.load_app(target)
        document = (
            application.document() if isinstance(application, DocumentedApplication) else None
        )
    if document is None:
        raise click.ClickException(
            f"`{project.target(target)}` has no OpenAPI document; only an application made with"
            " Photon() or a Router has one"
        )
    missing = application.missing_handlers() if isinstance(application, _Handled) else ()
    listed = list_routes(document, missing=missing)
    if as_json:
        click.echo(json.dumps([route.as_json() for route in listed], indent=2, ensure_ascii=False))
        return
    if not listed:
        click.echo("the application has no routes", err=True)
    heads = [f"[{route.method}] {route.path}" for route in listed]
    width = max(map(len, heads), default=0)
    for head, route in zip(heads, listed, strict=True):
        mark = "" if route.has_handler else "  (no handler)"
        click.echo(f"{head:{width}}  {route.operation_id}{mark}".rstrip())
    if missing:
        click.echo(f"operations without handler: {len(missing)}", err=True)


@click.command()
@click.argument("target", required=False, metavar="[MODULE:ATTRIBUTE]")
@click.option("--json", "as_json", is_flag=True, help="As a JSON array.")
@click.pass_obj
def middleware(project: _Project, target: str | None, *, as_json: bool) -> None:
    """List the middleware of the application.

    The outermost comes first: observers, then the middleware of photon.toml, then that of the
    code. Each line shows the setting or the line of code that enables it, and the options that
    differ from their defaults.
    """
    with contextlib.redirect_stdout(sys.stderr):
        application = project.load_app(target)
        layers = (
            application.layers(development=project.is_development)
            if isinstance(application, _Layered)
            else None
        )
    if layers is None:
        raise click.ClickException(
            f"`{project.target(target)}` does not list its middleware; only an application made"
            " with Photon() or a Router does"
        )
    if as_json:
        members = [_entry_as_json(layer) for layer in layers]
        click.echo(json.dumps(members, indent=2, ensure_ascii=False, default=_shown))
        return
    if not layers:
        click.echo("the application has no middleware", err=True)
    places = [layer.place or layer.origin for layer in layers]
    first = max((len(layer.name) for layer in layers), default=0)
    second = max(map(len, places), default=0)
    for number, (layer, place) in enumerate(zip(layers, places, strict=True), 1):
        options = " ".join(f"{name}={_shown(value)}" for name, value in layer.options.items())
        click.echo(f"{number:2}  {layer.name:{first}}  {place:{second}}  {options}".rstrip())


def _entry_as_json(entry: _ChainEntry) -> dict[str, object]:
    members = {"name": entry.name, "origin": entry.origin, "place": entry.place}
    return {name: value for name, value in members.items() if value} | {
        "options": dict(entry.options)
    }


def _shown(value: object) -> str:
    """Return the value of an option as text."""
    if callable(value):
        return getattr(value, "__qualname__", repr(value))
    return json.dumps(value, ensure_ascii=False) if _is_plain(value) else repr(value)


def _is_plain(value: object) -> bool:
    return isinstance(value, str | int | float | list | dict)


@click.command()
@click.argument("document", type=click.Path(dir_okay=False, path_type=Path), metavar="DOCUMENT")
@click.option("--host", default="127.0.0.1", show_default=True, metavar="ADDRESS")
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True)
@click.option("--seed", type=int, metavar="NUMBER", help="Send other values than the simplest.")
@click.option("--watch", is_flag=True, help="Reload it when a file of its folder changes.")
@click.pass_obj
def mock(
    project: _Project, document: Path, host: str, port: int, *, seed: int | None, watch: bool
) -> None:
    """Serve an OpenAPI document from its examples and schemas.

    Requests are validated as they will be by the real application. Any credential is accepted, and
    pages of all origins may read the responses: it is a tool for development.
    """

    def load() -> MockApplication:
        loaded = MockApplication(document, seed=seed)
        for problem in loaded.problems:
            click.echo(f"warning: {problem}", err=True)
        return loaded

    application: Application
    if watch:
        changes = functools.partial(project.changes, document.parent)
        application = ReloadingMock(load, changes, report=functools.partial(click.echo, err=True))
    else:
        application = load()
    listener = listen(host, port)
    name, number = listener.getsockname()[:2]
    base = f"http://[{name}]:{number}" if ":" in name else f"http://{name}:{number}"

    def announce() -> None:
        click.echo(f"{document} is served from examples: any credential, any origin")
        click.echo(f"  URL   {base}")
        click.echo(f"  docs  {base}/docs")
        click.echo("  stop  Ctrl-C")

    serve(application, sockets=[listener], development=True, ready=announce, is_last=True)
