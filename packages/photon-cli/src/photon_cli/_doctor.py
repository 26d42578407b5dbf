"""``photon doctor``: what would keep the application from running, found in advance.

Every check ends: what imports the application or asks a database runs in a process of its own, and
is ended after `_PATIENCE`. Nothing is looked up on the internet.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from typing import IO, TYPE_CHECKING, Literal

import attrs
import click

from photon_runtime import speedups
from photon_runtime.errors import PhotonError
from photon_runtime.http import ServerSettings, open_listeners
from photon_runtime.parts import Finding
from photon_runtime.project import installed_sections

from ._plugins import COMMANDS, find_plugins
from ._tables import is_styled
from ._version import installed_versions

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from photon_runtime.project import Project
    from photon_runtime.settings import SettingEntry

Status = Literal["ok", "warning", "failed"]

_PATIENCE = 30.0
"""Seconds for a check in a process of its own."""

_MARKS: dict[Status, tuple[str, str]] = {
    "ok": ("✓", "green"),
    "warning": ("!", "yellow"),
    "failed": ("✗", "red"),
}
_TOOLS = ("IPython", "mypy", "pytest", "ruff")
_ENVIRONMENTS = ("development", "test", "production")
_SHORTEST_SECRET = 16
_WEAK = ("change", "default", "example", "password", "secret", "test", "12345", "admin", "postgres")
_SWITCHES = frozenset({"debug", "development", "echo", "reload"})


@click.command()
@click.option("--json", "as_json", is_flag=True, help="As a JSON array.")
@click.pass_obj
def doctor(project: Project, /, *, as_json: bool) -> None:
    """Check the installation, the settings, the application and its database.

    Exits with 1 if a check has failed (✗); warnings (!) do not count.
    """
    findings = []
    for finding in _findings(project):
        findings.append(finding)
        if not as_json:
            _print(finding)
    if as_json:
        click.echo(json.dumps([attrs.asdict(each) for each in findings], indent=2))
    sys.exit(any(each.status == "failed" for each in findings))


def _print(finding: Finding) -> None:
    mark, color = _MARKS[finding.status]
    first, *others = finding.message.splitlines() or [""]
    shown = click.style(mark, fg=color) if is_styled() else mark
    click.echo(f"{shown} {finding.name}: {first}")
    for line in others:
        click.echo(f"    {line}")


def _findings(project: Project) -> Iterator[Finding]:
    yield _versions()
    yield _speedups()
    yield _tools()
    try:
        project.check_settings()
        yield _environment(project)
    except PhotonError as error:
        yield Finding("settings", "failed", str(error))
        return  # everything else depends on them
    yield from _secrets(project)
    yield _port(project)
    yield from _application(project)
    yield from _databases(project)
    if project.root is not None:
        yield from _generated(project.root)


def _versions() -> Finding:
    versions = installed_versions()
    python = versions.pop("python")
    if len(set(versions.values())) > 1:
        listed = ", ".join(f"{name} {version}" for name, version in versions.items())
        message = f"the Photon packages have different versions: {listed}; install the same"
        return Finding("versions", "failed", message)
    return Finding("versions", "ok", f"Photon {versions['photon-cli']}, Python {python}")


def _speedups() -> Finding:
    """Warn of photon-speedups if it is installed and not used."""
    status = speedups.status()
    if status.is_used:
        return Finding("speedups", "ok", f"photon-speedups {status.version} is used")
    found: Status = "ok" if status.version is None else "warning"
    return Finding("speedups", found, f"photon-speedups is not used: {status.reason}")


def _environment(project: Project) -> Finding:
    """Warn of an environment without a file of its own, whose name may be misspelled."""
    name, root = project.environment, project.root
    file = f"config/{name}.toml"
    if name in _ENVIRONMENTS or root is None or (root / file).exists():
        return Finding("settings", "ok", f"valid for {name}")
    message = f"valid for {name}, which has no {file}; is the name of the environment right?"
    return Finding("settings", "warning", message)


def _tools() -> Finding:
    missing = [name for name in _TOOLS if importlib.util.find_spec(name) is None]
    if missing:
        return Finding("tools", "warning", f"not installed: {', '.join(missing)}; all are optional")
    return Finding("tools", "ok", ", ".join(_TOOLS))


def _secrets(project: Project) -> Iterator[Finding]:
    """Find weak secrets, and switches of development in production."""
    is_production = project.environment == "production"
    entries = [
        each for each in project.settings.entries(installed_sections()) if each.source != "default"
    ]
    weak = [each for each in entries if each.is_secret and _is_weak(each)]
    found: Status = "failed" if is_production else "warning"
    for each in weak:
        message = f"{each.name} ({each.source}) is short or well known; `photon secret` prints one"
        yield Finding("secrets", found, message)
    if not weak:
        yield Finding("secrets", "ok", "none is short or well known")
    for each in entries if is_production else ():
        if each.path[-1] in _SWITCHES and each.value is True:
            message = f"{each.name} ({each.source}) is for development; remove it in production"
            yield Finding("production", "failed", message)


def _is_weak(entry: SettingEntry) -> bool:
    value = entry.value
    if not isinstance(value, str):
        return False
    return len(value) < _SHORTEST_SECRET or any(word in value.lower() for word in _WEAK)


def _port(project: Project) -> Finding:
    settings = project.settings.read(ServerSettings)
    if settings.unix is not None or settings.listen:
        return Finding("port", "ok", "other addresses than a port are not checked")
    try:
        for listeners in open_listeners(attrs.evolve(settings, workers=1)):
            for listener in listeners:
                listener.close()
    except (PhotonError, OSError) as error:
        return Finding("port", "failed", str(error))
    return Finding("port", "ok", f"{settings.host}:{settings.port} is free")


def _application(project: Project) -> Iterator[Finding]:
    """Load and start the application in a process of its own."""
    try:
        project.target()
    except PhotonError as error:
        yield Finding("application", "failed", str(error))
        return
    output = _run(project, "-m", "photon_cli._doctor_child")
    if output is None:
        message = f"it was not loaded and started within {_PATIENCE:g} s; what does it wait for?"
        yield Finding("application", "failed", message)
        return
    try:
        found = json.loads(output.stdout)
    except ValueError:
        message = f"the process that loads it ended with {output.returncode}\n{output.stderr}"
        yield Finding("application", "failed", message.rstrip())
        return
    for name, problem in found["errors"].items():
        failed: Status = "warning" if name == "patch" else "failed"
        yield Finding(
            name, "ok" if problem is None else failed, problem or _FINE.get(name, "ready")
        )
    for each in found["findings"]:
        yield Finding(**each)


_FINE = {
    "application": "is loaded",
    "patch": "no module was imported before the patch",
    "start": "the application starts",
}


def _databases(project: Project) -> Iterator[Finding]:
    """Ask for the migrations of the databases that the settings name."""
    entries = project.settings.entries(installed_sections())
    written = [each for each in entries if each.path[0] == "database" and each.source != "default"]
    if not written or "db" not in find_plugins(COMMANDS):
        return
    named = dict.fromkeys(each.path[1] for each in written if len(each.path) > 2)
    names = [None, *named] if any(len(each.path) == 2 for each in written) else list(named)
    for name in names:
        yield _database(project, name)


def _database(project: Project, name: str | None) -> Finding:
    title = "database" if name is None else f"database.{name}"
    options = [] if name is None else ["--database", name]
    output = _run(project, "-m", "photon_cli", "db", "status", "--json", *options)
    if output is None:
        return Finding(title, "failed", f"no response within {_PATIENCE:g} s")
    try:
        status = json.loads(output.stdout)
    except ValueError:
        return Finding(title, "failed", output.stderr.strip().removeprefix("Error: "))
    left = [each for each in status["migrations"] if each["state"] != "applied"]
    if left or not status["is_up_to_date"]:
        files = ", ".join(str(each["file"] or each["revision"]) for each in left)
        message = (
            f"reachable; not applied: {files or 'see `photon db status`'}; `photon db migrate`"
        )
        return Finding(title, "failed", message)
    count = len(status["migrations"])
    applied = "1 migration is applied" if count == 1 else f"{count} migrations are applied"
    return Finding(title, "ok", f"reachable; {applied}")


def _generated(root: Path) -> Iterator[Finding]:
    """List generated files whose template has changed since."""
    from .generation import list_drift

    try:
        drifted = list_drift(root)
    except PhotonError as error:
        yield Finding("generated", "failed", str(error))
        return
    for each in drifted:
        edited = "and was edited since" if each.is_edited else "and was not edited"
        origin = f"photon generate {each.generator} {each.name}"
        message = f"{each.path} is of {each.version} ({origin}), whose template changed, {edited}"
        yield Finding("generated", "warning", message)
    if not drifted:
        yield Finding("generated", "ok", "no template of a generated file has changed since")


def _run(project: Project, *arguments: str) -> subprocess.CompletedProcess[str] | None:
    """Run Python in the environment of the project; ``None`` if it does not end in time.

    Its output is a file and not a pipe, which a process that the application has started would keep
    open.
    """
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        try:
            ended = subprocess.run(
                [sys.executable, *arguments],
                cwd=project.directory,
                env=os.environ | {"PHOTON_ENV": project.environment},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=errors,
                timeout=_PATIENCE,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return None
        return subprocess.CompletedProcess(
            ended.args, ended.returncode, *map(_text, (output, errors))
        )


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode(errors="replace")
