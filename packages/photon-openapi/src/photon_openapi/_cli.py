"""``photon openapi``: lint, diff, check, bundle, upgrade and export documents.

The project comes from the command line as ``ctx.obj`` and is used for the document of an
application; documents from files need no project.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Literal, TypeAlias

import click

from .comparison import SEVERITIES
from .comparison import diff as compare
from .document import Document, OpenApi, encode_document, is_old, upgraded
from .errors import DocumentError
from .linting import IDS, RANKS, RULES
from .linting import lint as run_lint
from .reports import CHANGES, FINDINGS
from .serving import serving_errors
from .sources import Positions, Project, Source, application_document, from_file, from_text

_Form: TypeAlias = Literal["yaml", "json"]
_FAIL_ON = (*RANKS, "never")


class _UnusableError(click.ClickException):
    """A document that cannot be read; its exit code differs from that of findings."""

    exit_code = 3


@click.group()
def openapi() -> None:
    """Work with OpenAPI documents: lint, diff, check, bundle, upgrade, export."""


_FORMAT = click.option(
    "--format",
    "form",
    type=click.Choice(["yaml", "json"]),
    help="Default: the extension of FILE, otherwise yaml.",
)
_OUTPUT = click.option(
    "-o",
    "--output",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write to FILE instead of standard output.",
)


@openapi.command()
@click.argument("target", required=False, metavar="[MODULE:ATTRIBUTE]")
@_FORMAT
@_OUTPUT
@click.pass_obj
def export(project: Project, target: str | None, form: _Form | None, output: Path | None) -> None:
    """Write the OpenAPI document of the application.

    The output for the same application is the same, byte for byte.
    """
    _write(_loaded(project, target), form, output)


@openapi.command()
@click.argument("document", metavar="FILE")
@_FORMAT
@_OUTPUT
def bundle(document: str, form: _Form | None, output: Path | None) -> None:
    """Write a document that includes everything it refers to in other files.

    Only files in the folder of the document and below are read.
    """
    _write(_source(document).data, form, output)


@openapi.command()
@click.argument("document", metavar="FILE")
@_FORMAT
@_OUTPUT
def upgrade(document: str, form: _Form | None, output: Path | None) -> None:
    """Write a document of OpenAPI 3.0 as one of 3.1, bundled; others stay as they are.

    Each rewritten part is listed on standard error. Exit code 1: the document has errors, which
    `photon openapi check` lists, and is not rewritten.
    """
    data, rewritten = upgraded(_source(document).data)
    if is_old(data):
        raise click.ClickException(
            f"{document} is not a correct document of OpenAPI 3.0: correct what"
            f" `photon openapi check {document}` lists"
        )
    for problem in rewritten:
        click.echo(str(problem), err=True)
    _write(data, form, output)


@openapi.command()
@click.argument("target", required=False, metavar="[FILE|MODULE:ATTRIBUTE]")
@click.pass_obj
def check(project: Project, target: str | None) -> None:
    """Check that a document can be served: a file, `-` for standard input, or the application's.

    Exit code 0: it can; 1: it has errors, which are listed; 3: it cannot be read.
    """
    source = _target_source(project, target)
    data, _ = upgraded(source.data)
    problems = serving_errors(Document(data)).texts
    for problem in problems:
        click.echo(f"{source.name}: {problem}")
    if problems:
        sys.exit(1)
    click.echo(f"{source.name}: no errors", err=True)


def _write(document: OpenApi, form: _Form | None, output: Path | None) -> None:
    if form is None:
        form = "json" if output is not None and output.suffix == ".json" else "yaml"
    text = encode_document(document, form=form)
    if output is None:
        click.echo(text, nl=False)
        return
    try:
        output.write_bytes(text)
    except OSError as error:
        raise click.ClickException(f"cannot write {output}: {error.strerror}") from error
    click.echo(f"written: {output}", err=True)


@openapi.command()
@click.argument("target", required=False, metavar="[FILE|MODULE:ATTRIBUTE]")
@click.option("--profile", type=click.Choice(list(RULES)), default="recommended", show_default=True)
@click.option(
    "--level", type=click.Choice(list(RANKS)), default="info", help="Show this level and above."
)
@click.option(
    "--fail-on",
    type=click.Choice(_FAIL_ON),
    default="error",
    show_default=True,
    help="Exit with 1 if there is a finding of this level or above.",
)
@click.option("--ignore", multiple=True, metavar="ID", help="Ignore this rule; may be repeated.")
@click.option("--format", "form", type=click.Choice(list(FINDINGS)), default="text")
@click.pass_obj
def lint(
    project: Project,
    target: str | None,
    *,
    profile: Literal["minimal", "recommended", "strict", "camel", "snake"],
    level: str,
    fail_on: str,
    ignore: tuple[str, ...],
    form: str,
) -> None:
    """Lint an OpenAPI document: a file, `-` for standard input, or the application's.

    Exit code 0: no findings that `--fail-on` selects; 1: at least one; 3: the document cannot be
    read.
    """
    unknown = sorted(set(ignore) - IDS)
    if unknown:
        raise click.UsageError(
            f"the rule {unknown[0]} does not exist; the rules are {', '.join(sorted(IDS))}"
        )
    source = _target_source(project, target)
    findings = run_lint(source.data, profile=profile, ignore=ignore)
    shown = [finding for finding in findings if RANKS[finding.level] <= RANKS[level]]
    click.echo(FINDINGS[form](shown, source.name, source.positions), nl=False)
    if fail_on != "never" and any(RANKS[each.level] <= RANKS[fail_on] for each in findings):
        sys.exit(1)


@openapi.command()
@click.argument("old", metavar="OLD")
@click.argument("new", metavar="NEW")
@click.option(
    "--level",
    type=click.Choice(list(SEVERITIES)),
    default="info",
    help="Show this severity and above.",
)
@click.option(
    "--fail-on",
    type=click.Choice([*SEVERITIES, "never"]),
    default="breaking",
    show_default=True,
    help="Exit with 1 if there is a change of this severity or above.",
)
@click.option("--format", "form", type=click.Choice(list(CHANGES)), default="text")
def diff(old: str, new: str, level: str, fail_on: str, form: str) -> None:
    """Compare two OpenAPI documents: files, or `-` for standard input.

    Exit code 0: no changes that `--fail-on` selects; 1: at least one; 3: a document cannot be read.
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


def _target_source(project: Project, target: str | None) -> Source:
    if target is not None and _is_file(target):
        return _source(target)
    return Source(project.target(target), _loaded(project, target), Positions(""))


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
        raise _UnusableError(f"{name}: not UTF-8 ({error.reason})") from error


def _loaded(project: Project, target: str | None) -> OpenApi:
    """Return the document of the application.

    Raises:
        click.ClickException: The application has no document.
        PhotonError: The application cannot be loaded, or its routes contradict each other.
    """
    document = application_document(project, target)
    if document is None:
        raise click.ClickException(
            f"`{project.target(target)}` has no OpenAPI document; only an application made with"
            " Photon() or a Router has one"
        )
    return document
