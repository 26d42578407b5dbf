"""Copies of templates in a project, ``.photon/templates``, which override those of packages."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from photon_runtime.generators import GeneratorError

from ._blueprints import OVERRIDES, blueprint_folder
from ._file_changes import EditResult, Plan
from ._generating import store
from ._ledger import Ledger, RecordedOverride, digest

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


@attrs.frozen
class Template:
    """A template of a package.

    Attributes:
        name: Its folder and file, as in ``model/model.py.jinja``.
        package: The package that has it, as it is imported.
        file: Where it is.
        is_overridden: Whether the project has a file of its own in its place.
    """

    name: str
    package: str
    file: Path
    is_overridden: bool


@attrs.frozen
class OutdatedOverride:
    """A copy of a template whose original has changed since it was copied.

    Attributes:
        path: The copy, from the project's folder.
        package: The package of the original, as it is imported.
        version: The version of its distribution that was copied.
    """

    path: str
    package: str
    version: str


def list_templates(
    root: Path, packages: Iterable[str], generators: Iterable[str]
) -> list[Template]:
    """List the templates that a project can override, by name.

    Args:
        root: The folder of the project.
        packages: The packages that have generators, as they are imported.
        generators: The generators; the templates of others, and of commands, are left out.
    """
    folders = set(generators)
    templates = []
    for package in sorted(set(packages)):
        try:
            folder = blueprint_folder(package)
        except GeneratorError:
            continue
        for file in sorted(folder.rglob("*")):
            name = file.relative_to(folder).as_posix()
            if file.is_file() and name.partition("/")[0] in folders and "__pycache__" not in name:
                is_overridden = (root / OVERRIDES / name).is_file()
                templates.append(Template(name, package, file, is_overridden))
    return templates


def plan_override(
    root: Path, templates: Iterable[Template], versions: dict[str, str], *, force: bool = False
) -> Plan:
    """Plan to copy templates into a project.

    Args:
        root: The folder of the project.
        templates: The templates.
        versions: The version of the distribution of each package.
        force: Overwrite copies that have another content.

    Raises:
        GeneratorError: The ledger cannot be read.
    """
    plan, ledger = Plan(root), Ledger.read(root)
    for template in templates:
        path, content = f"{OVERRIDES}/{template.name}", template.file.read_bytes()
        file = plan.file(path)
        if file.problem or (file.after not in (None, content) and not force):
            reason = file.problem or "it exists and has another content"
            plan.results.append(EditResult("conflict", path, reason))
            continue
        plan.results.append(EditResult("skipped" if file.after == content else "added", path))
        file.after = content
        name = f"{template.package}:{template.name}"
        ledger.overrides = [each for each in ledger.overrides if each.template != name]
        version = versions.get(template.package, "")
        ledger.overrides.append(RecordedOverride(name, version, digest(content)))
    if not plan.conflicts:
        store(plan, ledger)
    return plan


def list_outdated_overrides(root: Path) -> list[OutdatedOverride]:
    """List the copies of templates whose original has changed since they were copied.

    Args:
        root: The folder of the project.

    Raises:
        GeneratorError: The ledger cannot be read.
    """
    outdated = []
    for override in Ledger.read(root).overrides:
        package, _, name = override.template.partition(":")
        path = f"{OVERRIDES}/{name}"
        if (root / path).is_file() and _original_digest(package, name) != override.digest:
            outdated.append(OutdatedOverride(path, package, override.version))
    return outdated


def _original_digest(package: str, name: str) -> str | None:
    try:
        return digest((blueprint_folder(package) / name).read_bytes())
    except (OSError, GeneratorError):
        return None
