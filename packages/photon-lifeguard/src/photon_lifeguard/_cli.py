"""``photon db``: migrations, seeds and schema of the databases.

Functions of `photon_lifeguard.migrations` do the work; this module has their options and output. A
command that destroys data is refused in production without ``--yes``.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import attrs
import click

from photon_runtime.project import Project

from . import migrations
from .database import Database
from .errors import DatabaseConfigurationError

_WIDTH = 100
F = TypeVar("F", bound=Callable[..., Any])


@click.group()
def db() -> None:
    """Work with the databases: migrations, seeds, schema."""


def _database_option(function: F) -> F:
    return click.option(
        "--database",
        "name",
        metavar="NAME",
        help="The database of the section [database.NAME] instead of [database].",
    )(function)


_YES = click.option("--yes", is_flag=True, help="Do it in production, too.")
_JSON = click.option("--json", "as_json", is_flag=True, help="As JSON.")


def _database(project: Project, name: str | None) -> Database:
    """Return the database that a command works on."""
    try:
        return Database.of_project(name, project=project)
    except DatabaseConfigurationError as error:
        raise click.UsageError(str(error)) from None


def _refuse_in_production(project: Project, what: str, *, yes: bool) -> None:
    if project.environment == "production" and not yes:
        raise click.ClickException(f"this would {what} in production; add --yes to do it")


def _report(line: str) -> None:
    click.echo(line, err=line.startswith("warning"))


def _print_json(value: object) -> None:
    click.echo(json.dumps(value, indent=2, ensure_ascii=False, default=str))


@db.command()
@_database_option
@click.pass_obj
def create(project: Project, name: str | None) -> None:
    """Create the database, if it does not exist."""
    database = _database(project, name)
    is_new = migrations.create(database)
    click.echo(f"{_shown(database)} {'was created' if is_new else 'exists already'}")


@db.command()
@_YES
@_database_option
@click.pass_obj
def drop(project: Project, name: str | None, *, yes: bool) -> None:
    """Drop the database with everything in it."""
    _refuse_in_production(project, "drop the database", yes=yes)
    database = _database(project, name)
    existed = migrations.drop(database)
    click.echo(f"{_shown(database)} {'was dropped' if existed else 'does not exist'}")


_GENERATE_OPTIONS = (
    click.option("-m", "--message", metavar="TEXT", help="What the new migration does."),
    click.option(
        "--rename",
        "renames",
        multiple=True,
        metavar="OLD:NEW",
        help="A renamed column or table, as posts.title:headline or posts:articles.",
    ),
    click.option("--allow-drop", is_flag=True, help="Drop columns and tables without a question."),
)


def _generate_options(function: F) -> F:
    for option in reversed(_GENERATE_OPTIONS):
        function = option(function)
    return function


@db.command()
@click.argument("revision", default="head")
@click.option("--dry-run", is_flag=True, help="Write the SQL instead of executing it.")
@click.option("--check", "is_check", is_flag=True, help="The same as `photon db check`.")
@click.option("--autogenerate", is_flag=True, help="Write a migration from the models instead.")
@_generate_options
@_database_option
@click.pass_obj
def migrate(
    project: Project,
    revision: str,
    name: str | None,
    message: str | None,
    renames: tuple[str, ...],
    *,
    dry_run: bool,
    is_check: bool,
    autogenerate: bool,
    allow_drop: bool,
) -> None:
    """Apply the pending migrations, up to REVISION.

    Several processes may do it together: each migration is applied once. One that fails leaves no
    trace on PostgreSQL and SQLite.
    """
    database = _database(project, name)
    if autogenerate:
        _generate(database, message, renames, allow_drop=allow_drop)
    elif message or renames or allow_drop:
        raise click.UsageError("--message, --rename and --allow-drop belong to --autogenerate")
    elif dry_run:
        click.echo(migrations.pending_sql(database, revision), nl=False)
    elif is_check:
        _check(database, as_json=False)
    elif not migrations.migrate(database, revision, report=_report):
        click.echo("nothing to do: all migrations are applied")


@db.command()
@_generate_options
@click.option("--empty", is_flag=True, help="Do not compare the models; write empty functions.")
@_database_option
@click.pass_obj
def revision(
    project: Project,
    name: str | None,
    message: str | None,
    renames: tuple[str, ...],
    *,
    empty: bool,
    allow_drop: bool,
) -> None:
    """Write a new migration from the difference between models and database."""
    database = _database(project, name)
    if not empty:
        _generate(database, message, renames, allow_drop=allow_drop)
        return
    file = migrations.plan_empty(database, _message(message))
    file.write()
    click.echo(f"added: {_relative(database, file.path)}")


def _generate(
    database: Database, message: str | None, renames: Sequence[str], *, allow_drop: bool
) -> None:
    text = _message(message)
    given = migrations.KnownRenames(dict(_rename(each) for each in renames))
    is_interactive = _is_interactive() and not allow_drop
    decisions = _Questions(given) if is_interactive else given
    planned = migrations.plan_migration(database, text, decisions=decisions)
    if planned.file is None:
        click.echo("nothing to do: the database is as the models describe it")
        return
    for line in planned.warnings:
        click.echo(f"warning: {line}", err=True)
    if planned.losses and not allow_drop:
        _confirm_losses(planned.losses, given, is_interactive=is_interactive)
    planned.file.write()
    for change in planned.changes:
        if change.description:
            click.echo(f"  {change.description}")
    click.echo(f"added: {_relative(database, planned.file.path)}")
    click.echo("Read it, then apply it by `photon db migrate`.")


def _is_interactive() -> bool:
    return sys.stdin.isatty()


def _confirm_losses(
    losses: Sequence[str], given: migrations.KnownRenames, *, is_interactive: bool
) -> None:
    what = " and ".join(losses)
    if is_interactive:
        click.confirm(f"Drop {what}, with the data?", abort=True, err=True)
        return
    hints = "".join(
        f"\nif {old} was renamed to {new}: --rename {old}:{new}" for old, new in given.candidates
    )
    raise click.ClickException(
        f"the migration would drop {what}, and the data would be lost; nothing was written{hints}"
        "\nif it may be lost: --allow-drop"
    )


class _Questions:
    """Asks about renames on the terminal."""

    def __init__(self, given: migrations.KnownRenames) -> None:
        self._given = given

    def is_rename(self, kind: str, old: str, new: str) -> bool:
        """Return the answer to the question."""
        if self._given.is_rename(kind, old, new):
            return True
        return click.confirm(f"Was the {kind} {old} renamed to {new}?", err=True)


def _rename(text: str) -> tuple[str, str]:
    old, separator, new = text.partition(":")
    if not (old and separator and new):
        raise click.UsageError(f"--rename {text}: write it as posts.title:headline")
    table, dot, _ = old.rpartition(".")
    return old, f"{table}.{new}" if dot and "." not in new else new


def _message(message: str | None) -> str:
    if not message:
        raise click.UsageError('name what the migration does: -m "add posts"')
    return message


@db.command()
@click.argument("steps", type=click.IntRange(min=1), default=1, metavar="[N]")
@click.option("--to", metavar="REVISION", help="Return to this migration; `base` for none.")
@_YES
@_database_option
@click.pass_obj
def rollback(project: Project, steps: int, to: str | None, name: str | None, *, yes: bool) -> None:
    """Roll the last N migrations back; one by default."""
    _refuse_in_production(project, "roll migrations back", yes=yes)
    database = _database(project, name)
    if not migrations.rollback(database, steps, to=to, report=_report):
        click.echo("nothing to do: no migration is applied")


@db.command()
@click.argument("revision", default="head")
@_database_option
@click.pass_obj
def stamp(project: Project, revision: str, name: str | None) -> None:
    """Note migrations as applied, up to REVISION, without running them.

    For a database whose tables were there before its first migration.
    """
    found = migrations.stamp(_database(project, name), revision)
    click.echo(f"noted as applied: {found.name}, and all that it follows")


@db.command()
@_JSON
@_database_option
@click.pass_obj
def status(project: Project, name: str | None, *, as_json: bool) -> None:
    """List the migrations, applied and pending; exit 1 if something is left to do."""
    database = _database(project, name)
    found = migrations.status(database)
    if as_json:
        _print_json(_status_members(found))
    else:
        _print_status(database, found)
    if not found.is_up_to_date:
        sys.exit(1)


def _status_members(found: migrations.Status) -> dict[str, object]:
    return {
        "current": found.current,
        "heads": found.heads,
        "is_up_to_date": found.is_up_to_date,
        "migrations": [
            {
                "revision": each.revision,
                "file": each.file,
                "message": each.message,
                "state": each.state,
                "applied_at": each.applied_at and f"{each.applied_at.isoformat()}Z",
            }
            for each in found.migrations
        ],
    }


def _print_status(database: Database, found: migrations.Status) -> None:
    if not found.migrations:
        click.echo(f"there are no migrations in {database.settings.migrations}")
    for each in found.migrations:
        time = f"{each.applied_at:%Y-%m-%d %H:%M}" if each.applied_at else ""
        shown = each.file or f"{each.revision} (no file has this revision)"
        click.echo(f"{each.state:8}  {time:16}  {shown}")
    if len(found.heads) > 1:
        files = {each.revision: each.file for each in found.migrations}
        names = " and ".join(str(files[each]) for each in found.heads)
        click.echo(
            f"{len(found.heads)} last migrations: {names}; join them by `photon db merge`", err=True
        )
    if any(each.state == "edited" for each in found.migrations):
        click.echo("edited: the file was changed after it had been applied here", err=True)


@db.command()
@_JSON
@_database_option
@click.pass_obj
def history(project: Project, name: str | None, *, as_json: bool) -> None:
    """List the migrations in their order, the last one first."""
    found = migrations.history(_database(project, name))
    if as_json:
        _print_json(
            [
                {
                    "revision": each.revision,
                    "parents": each.parents,
                    "file": each.name,
                    "message": each.message,
                }
                for each in found
            ]
        )
        return
    for each in found:
        click.echo(f"{', '.join(each.parents) or 'base':12} → {each.revision:12}  {each.message}")


@db.command()
@click.option("-m", "--message", metavar="TEXT", help="What the merge is about.")
@click.option(
    "--rebase", is_flag=True, help="Put the ones that are not applied here after the other."
)
@_database_option
@click.pass_obj
def merge(project: Project, name: str | None, message: str | None, *, rebase: bool) -> None:
    """Join migrations that were made on separate branches.

    It writes a migration that follows all last ones. With --rebase it changes the files of those
    that are not applied here instead, so that they follow the one that is.
    """
    database = _database(project, name)
    if rebase:
        for each in migrations.rebase(database):
            click.echo(f"changed: {_relative(database, each.path)}")
        return
    file = migrations.merge(database, message)
    click.echo(f"added: {_relative(database, file.path)}")


@db.command()
@_YES
@click.option("--no-seed", is_flag=True, help="Leave the database without seeds.")
@_database_option
@click.pass_obj
def reset(project: Project, name: str | None, *, yes: bool, no_seed: bool) -> None:
    """Drop the database, create it, apply all migrations and seed it."""
    _refuse_in_production(project, "drop the database", yes=yes)
    database = _database(project, name)
    migrations.drop(database)
    migrations.create(database)
    migrations.migrate(database, report=_report)
    if not no_seed and migrations.seeds_folder(database).is_dir():
        _print_seeded(migrations.seed(database))
    click.echo(f"{_shown(database)} was reset")


@db.command()
@click.option("--reset", is_flag=True, help="Delete all rows first.")
@click.option("--dump", is_flag=True, help="Write the rows of the database to the files instead.")
@click.option("--dump-tables", metavar="A,B", help="The same for some tables.")
@click.option(
    "--from",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of the files. Default: [database] seeds.",
)
@_YES
@_database_option
@click.pass_obj
def seed(
    project: Project,
    name: str | None,
    dump_tables: str | None,
    folder: Path | None,
    *,
    reset: bool,
    dump: bool,
    yes: bool,
) -> None:
    """Write the rows of the seeds into the database, or back into files."""
    database = _database(project, name)
    if dump or dump_tables:
        tables = [each.strip() for each in dump_tables.split(",")] if dump_tables else None
        for path in migrations.dump(database, folder, tables):
            click.echo(f"written: {_relative(database, path)}")
        return
    if reset:
        _refuse_in_production(project, "delete all rows", yes=yes)
    _print_seeded(migrations.seed(database, folder, reset=reset))


def _print_seeded(done: migrations.Seeded) -> None:
    for table, count in done.rows.items():
        click.echo(f"{table}: {count} rows")
    for function in done.functions:
        click.echo(f"{function} was called")


@db.command()
@_JSON
@_database_option
@click.pass_obj
def diff(project: Project, name: str | None, *, as_json: bool) -> None:
    """Compare the models with the database; exit 1 if they differ."""
    changes = [each for each in migrations.diff(_database(project, name)) if each.description]
    if as_json:
        _print_json([{"description": each.description, "loses": each.loses} for each in changes])
    for change in () if as_json else changes:
        loss = " (its data would be lost)" if change.loses else ""
        click.echo(f"{change.description}{loss}")
    if changes:
        sys.exit(1)


@db.command()
@click.argument("tables", nargs=-1, metavar="[TABLE]...")
@_YES
@_database_option
@click.pass_obj
def truncate(project: Project, tables: tuple[str, ...], name: str | None, *, yes: bool) -> None:
    """Delete all rows; of all tables, or of those that are named."""
    _refuse_in_production(project, "delete all rows", yes=yes)
    names = migrations.truncate(_database(project, name), tables or None)
    click.echo(f"emptied: {', '.join(names) or 'nothing, there are no tables'}")


_OUTPUT = click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write to this file instead of standard output.",
)


@db.command()
@_OUTPUT
@_database_option
@click.pass_obj
def schema(project: Project, name: str | None, output: Path | None) -> None:
    """Write the schema of the database as SQL."""
    _write(migrations.schema_sql(_database(project, name)), output)


@db.command()
@_OUTPUT
@_database_option
@click.pass_obj
def entities(project: Project, name: str | None, output: Path | None) -> None:
    """Write models for the tables of the database."""
    _write(migrations.entities(_database(project, name)), output)


def _write(text: str, output: Path | None) -> None:
    if output is None:
        click.echo(text, nl=False)
    else:
        output.write_text(text, encoding="utf-8")
        click.echo(f"written: {output}")


def _shown(database: Database) -> str:
    """Return the name of a database for messages."""
    url = database.engine.url
    if url.get_backend_name() == "sqlite":
        return _relative(database, Path(url.database or ":memory:"))
    return f"the database {url.database}"


def _relative(database: Database, path: Path) -> str:
    folder = (database.folder or Path.cwd()).resolve()
    resolved = path.resolve()
    return str(resolved.relative_to(folder) if resolved.is_relative_to(folder) else resolved)


@db.command()
@_JSON
@_database_option
@click.pass_obj
def check(project: Project, name: str | None, *, as_json: bool) -> None:
    """Try the pending migrations on a copy, and name the locks that they take.

    It exits with 1 if one fails, was edited after it had been applied, or keeps reads or writes
    waiting for longer than necessary; the safe way is named.
    """
    _check(_database(project, name), as_json=as_json)


def _check(database: Database, *, as_json: bool) -> None:
    result = migrations.check(database)
    if as_json:
        _print_json({**attrs.asdict(result), "is_safe": result.is_safe})
    else:
        _print_check(result)
    if not result.is_safe:
        sys.exit(1)


def _print_check(result: migrations.Check) -> None:
    if not result.migrations and result.error is None:
        click.echo("nothing to do: all migrations are applied")
    elif not result.has_rows:
        click.echo("on an empty copy, so the durations are not those of the database")
    for migration in result.migrations:
        click.echo(f"{migration.file} ({migration.seconds:.2f} s)")
        for statement in migration.statements:
            _print_statement(statement)
    for file in result.edited:
        click.echo(f"{file} was edited after it had been applied", err=True)
    if result.error is not None:
        click.echo(result.error, err=True)


def _print_statement(statement: migrations.CheckedStatement) -> None:
    click.echo(f"  {statement.statement[:_WIDTH]}  ({statement.seconds * 1000:.0f} ms)")
    for lock in statement.locks:
        waits = f"; {lock.blocks} wait" if lock.blocks else ""
        click.echo(f"    {lock.mode} on {lock.table} for {lock.seconds * 1000:.0f} ms{waits}")
    for table in statement.rewrites:
        click.echo(f"    rewrites {table}")
    if statement.advice:
        click.echo(f"    safer: {statement.advice}")
