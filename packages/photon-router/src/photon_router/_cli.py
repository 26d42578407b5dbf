"""``photon routes``, ``openapi``, ``middleware``, ``mock``: look into applications and documents.

The first two read the document and nothing else, because it is where routes are. The project comes
from the command line as ``ctx.obj``; what is needed of it is said here, so that this package does
not depend on the one that brings the command line.
"""

from __future__ import annotations

import contextlib
import functools
import json
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

import click

from photon_runtime.http import Application, listen, serve

from ._routes import list_routes
from .document._export import encode_document
from .errors import DocumentError
from .openapi import (
    CHANGES,
    FINDINGS,
    IDS,
    RANKS,
    RULES,
    SEVERITIES,
    MockApplication,
    Positions,
    ReloadingMock,
    Source,
    from_file,
    from_text,
)
from .openapi import diff as compare
from .openapi import lint as judge


class _Project(Protocol):
    """The project that a command works on."""

    @property
    def environment(self) -> str:
        """The name of the environment."""
        ...

    def changes(self, folder: Path, *, stop: threading.Event) -> Iterator[list[str]]:
        """Yield the files in a folder that have changed, in batches that may be empty."""
        ...

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

    def layers(self, *, development: bool) -> Sequence[_Placed]:
        """Return the layers, outermost first."""
        ...


@click.command()
@click.argument("target", required=False, metavar="[MODULE:ATTRIBUTE]")
@click.option("--json", "as_json", is_flag=True, help="As a JSON array.")
@click.pass_obj
def routes(project: _Project, target: str | None, *, as_json: bool) -> None:
    """List the routes of the application, by the paths that answer."""
    found = list_routes(load_document(project, target))
    if as_json:
        click.echo(json.dumps([route.as_json() for route in found], indent=2, ensure_ascii=False))
        return
    if not found:
        click.echo("the application has no routes", err=True)
    heads = [f"[{route.method}] {route.path}" for route in found]
    width = max(map(len, heads), default=0)
    for head, route in zip(heads, found, strict=True):
        click.echo(f"{head:{width}}  {route.operation_id}".rstrip())


@click.command()
@click.argument("target", required=False, metavar="[MODULE:ATTRIBUTE]")
@click.option("--json", "as_json", is_flag=True, help="As a JSON array.")
@click.pass_obj
def middleware(project: _Project, target: str | None, *, as_json: bool) -> None:
    """List what lies around each request of the application.

    The outermost layer comes first: what observes requests, then the layers of photon.toml, then
    those of the code. Beside each stands what switches it on, and the options that differ from
    their defaults.
    """
    development = project.environment == "development"
    with contextlib.redirect_stdout(sys.stderr):
        application = project.load_app(target)
        layers = (
            application.layers(development=development)
            if isinstance(application, _Layered)
            else None
        )
    if layers is None:
        raise click.ClickException(
            f"`{project.target(target)}` has no middleware that could be listed; only an"
            " application made with Photon() or a Router has"
        )
    if as_json:
        found = [_layer_as_json(layer) for layer in layers]
        click.echo(json.dumps(found, indent=2, ensure_ascii=False, default=_shown))
        return
    if not layers:
        click.echo("the application has no middleware", err=True)
    places = [layer.place or layer.origin for layer in layers]
    first = max((len(layer.name) for layer in layers), default=0)
    second = max(map(len, places), default=0)
    for number, (layer, place) in enumerate(zip(layers, places, strict=True), 1):
        options = " ".join(f"{name}={_shown(value)}" for name, value in layer.options.items())
        click.echo(f"{number:2}  {layer.name:{first}}  {place:{second}}  {options}".rstrip())


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
    """Work with OpenAPI documents: export, lint, diff."""


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


_FAIL_ON = (*RANKS, "never")


class _UnusableError(click.ClickException):
    """A document that cannot be read, which is something else than a finding."""

    exit_code = 3


@openapi.command()
@click.argument("target", required=False, metavar="[FILE|MODULE:ATTRIBUTE]")
@click.option("--profile", type=click.Choice(list(RULES)), default="recommended", show_default=True)
@click.option(
    "--level", type=click.Choice(list(RANKS)), default="info", help="Show this level and graver."
)
@click.option(
    "--fail-on",
    type=click.Choice(_FAIL_ON),
    default="error",
    show_default=True,
    help="Exit with 1 if there is something of this level or graver.",
)
@click.option(
    "--ignore", multiple=True, metavar="ID", help="Leave this rule out; may be given repeatedly."
)
@click.option("--format", "form", type=click.Choice(list(FINDINGS)), default="text")
@click.pass_obj
def lint(
    project: _Project,
    target: str | None,
    *,
    profile: Literal["minimal", "recommended", "strict", "camel", "snake"],
    level: str,
    fail_on: str,
    ignore: tuple[str, ...],
    form: str,
) -> None:
    """Judge an OpenAPI document: a file, `-` for standard input, or the application's.

    Exit code 0: nothing that `--fail-on` names; 1: something; 3: the document cannot be read.
    """
    unknown = sorted(set(ignore) - IDS)
    if unknown:
        raise click.UsageError(f"there is no rule {unknown[0]}; there is {', '.join(sorted(IDS))}")
    is_file = target is not None and _is_file(target)
    source = _source(str(target)) if is_file else _own_source(project, target)
    found = judge(source.data, profile=profile, ignore=ignore)
    shown = [finding for finding in found if RANKS[finding.level] <= RANKS[level]]
    click.echo(FINDINGS[form](shown, source.name, source.positions), nl=False)
    if fail_on != "never" and any(RANKS[each.level] <= RANKS[fail_on] for each in found):
        sys.exit(1)


@openapi.command()
@click.argument("old", metavar="OLD")
@click.argument("new", metavar="NEW")
@click.option(
    "--level", type=click.Choice(list(SEVERITIES)), default="info", help="Show this and graver."
)
@click.option(
    "--fail-on",
    type=click.Choice([*SEVERITIES, "never"]),
    default="breaking",
    show_default=True,
    help="Exit with 1 if there is such a change, or a graver one.",
)
@click.option("--format", "form", type=click.Choice(list(CHANGES)), default="text")
def diff(old: str, new: str, level: str, fail_on: str, form: str) -> None:
    """Compare two OpenAPI documents: files, or `-` for standard input.

    Exit code 0: nothing that `--fail-on` names; 1: something; 3: a document cannot be read.
    """
    try:
        changes = compare(_source(old).data, _source(new).data)
    except DocumentError as error:
        raise _UnusableError("\n".join(error.problems)) from error
    shown = [each for each in changes if SEVERITIES[each.severity] <= SEVERITIES[level]]
    click.echo(CHANGES[form](shown), nl=False)
    limit = SEVERITIES.get(fail_on, -1)
    if any(SEVERITIES[each.severity] <= limit for each in changes):
        sys.exit(1)


@click.command()
@click.argument("document", type=click.Path(dir_okay=False, path_type=Path), metavar="DOCUMENT")
@click.option("--host", default="127.0.0.1", show_default=True, metavar="ADDRESS")
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True)
@click.option("--seed", type=int, metavar="NUMBER", help="Answer other values than the plainest.")
@click.option("--watch", is_flag=True, help="Load it anew when a file of its folder changes.")
@click.pass_obj
def mock(
    project: _Project, document: Path, host: str, port: int, *, seed: int | None, watch: bool
) -> None:
    """Serve an OpenAPI document from its examples and schemas.

    Requests are validated as they will be by the real application. Any credential will do, and
    pages of all origins may read the answers: it is a tool for development.
    """

    def load() -> MockApplication:
        loaded = MockApplication(document, seed=seed)
        for problem in loaded.problems:
            click.echo(f"warning: {problem}", err=True)
        return loaded

    application: Application
    if watch:
        changes = functools.partial(project.changes, document.parent)
        application = ReloadingMock(load, changes, tell=functools.partial(click.echo, err=True))
    else:
        application = load()
    listener = listen(host, port)
    name, number = listener.getsockname()[:2]
    base = f"http://[{name}]:{number}" if ":" in name else f"http://{name}:{number}"

    def announce() -> None:
        click.echo(f"{document} is served by examples: any credential, any origin")
        click.echo(f"  URL   {base}")
        click.echo(f"  docs  {base}/docs")
        click.echo("  stop  Ctrl-C")

    serve(application, sockets=[listener], development=True, ready=announce, is_last=True)


def _is_file(target: str) -> bool:
    return target == "-" or target.endswith((".yaml", ".yml", ".json")) or Path(target).is_file()


def _source(name: str) -> Source:
    try:
        if name == "-":
            return from_text(sys.stdin.read(), name)
        return from_file(Path(name))
    except DocumentError as error:
        raise _UnusableError("\n".join(error.problems)) from error
    except UnicodeDecodeError as error:
        raise _UnusableError(f"{name}: not a text in UTF-8 ({error.reason})") from error


def _own_source(project: _Project, target: str | None) -> Source:
    return Source(project.target(target), load_document(project, target), Positions(""))


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
