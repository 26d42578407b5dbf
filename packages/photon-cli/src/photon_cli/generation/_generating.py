"""Running a generator: its edits, their effect, and the record of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from photon_runtime.generators import CreateFile, RenderFile, UpdateFile

from ._applying import apply_edits
from ._blueprints import Blueprints
from ._ledger import LEDGER, Ledger, Record, RecordedFile, digest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from photon_runtime.generators import Arguments, Generator
    from photon_runtime.project import Project

    from ._file_changes import AppliedEdit, Plan
    from ._insertions import TextEdit


@attrs.frozen
class InstalledGenerator:
    """A generator with its origin.

    Attributes:
        name: Its name on the command line.
        generator: The generator.
        package: The distribution that has it.
        version: The version of the distribution.
    """

    name: str
    generator: Generator
    package: str = ""
    version: str = ""


def plan_generation(
    project: Project, installed: InstalledGenerator, arguments: Arguments, *, force: bool = False
) -> Plan:
    """Plan the effect of a generator on a project, with the record of it.

    Args:
        project: The project.
        installed: The generator.
        arguments: What the user wrote; the earlier run is added from the ledger.
        force: As for `apply_edits`.

    Raises:
        GeneratorError: The arguments are wrong, the ledger cannot be read, or a path or a template
            is invalid.
    """
    root = project_root(project)
    ledger = Ledger.read(root)
    earlier = ledger.find(installed.name, arguments.name)
    generation = None if earlier is None else earlier.generation
    arguments = attrs.evolve(arguments, earlier=generation)
    edits = installed.generator.plan(project, arguments)
    plan = apply_edits(root, edits, force=force, earlier=earlier)
    _explain(plan, ledger, earlier)
    if plan.conflicts:
        return plan
    recording = _Recording(plan, ledger, earlier)
    record = recording.record(installed, arguments)
    follow_changes(plan, ledger, besides=earlier)
    ledger.replace(earlier, record if record.files or record.insertions else None)
    store(plan, ledger)
    return plan


def follow_changes(plan: Plan, ledger: Ledger, *, besides: Record | None) -> None:
    """Renew the hashes of unedited files of other records that the plan changes."""
    for change in plan.changes:
        if change.before is None or change.after is None:
            continue
        old, new = digest(change.before), digest(change.after)
        for record in list(ledger.others(besides)):
            recorded = record.file(change.name)
            if recorded is not None and recorded.digest == old:
                files = [
                    attrs.evolve(each, digest=new) if each is recorded else each
                    for each in record.files
                ]
                ledger.replace(record, attrs.evolve(record, files=tuple(files)))


def store(plan: Plan, ledger: Ledger) -> None:
    """Add the new ledger to a plan."""
    plan.file(LEDGER).after = ledger.content()


@attrs.frozen
class _Recording:
    """The record of a plan."""

    plan: Plan
    ledger: Ledger
    earlier: Record | None

    def record(self, installed: InstalledGenerator, arguments: Arguments) -> Record:
        """Return what the run leaves, and what earlier runs left."""
        earlier = self.earlier or Record(installed.name, arguments.name)
        files = {each.path: each for each in earlier.files}
        files |= {each.path: each for each in self._files()}
        insertions = dict.fromkeys([*earlier.insertions, *self._insertions()])
        return Record(
            installed.name,
            earlier.name,
            arguments.words,
            _plain_options(arguments.options),
            installed.package,
            installed.version,
            tuple(each for each in files.values() if self.plan.file(each.path).after is not None),
            tuple(insertions),
        )

    def _files(self) -> Iterator[RecordedFile]:
        for applied in self.plan.applied:
            edit, verb = applied.edit, applied.result.verb
            if not isinstance(edit, CreateFile | RenderFile | UpdateFile):
                continue
            if verb == "skipped" and not self._is_own(applied):
                continue
            yield self._file(edit)

    def _file(self, edit: CreateFile | RenderFile | UpdateFile) -> RecordedFile:
        recorded = self.earlier.file(edit.path) if self.earlier else None
        if recorded is not None and getattr(edit, "once", False):
            return recorded
        if isinstance(edit, UpdateFile):
            return RecordedFile(edit.path, digest(edit.initial.encode()))
        content = digest(self.plan.file(edit.path).after or b"")
        if isinstance(edit, CreateFile) or edit.once:
            return RecordedFile(edit.path, content)
        template = f"{edit.package}:{edit.template}"
        blueprints = Blueprints(self.plan.root, edit.package)
        return RecordedFile(edit.path, content, template, blueprints.digest(edit.template))

    def _is_own(self, applied: AppliedEdit) -> bool:
        """Return whether a file that was there already was generated, by this run or another."""
        path = applied.edit.path
        if self.earlier is not None and self.earlier.file(path):
            return True
        return self._is_adopted() or self.ledger.owner_of_file(path, besides=None) is not None

    def _insertions(self) -> Iterator[TextEdit]:
        for applied in self.plan.applied:
            for part, is_new in applied.parts:
                owner = self.ledger.owner_of_insertion(part, besides=None)
                if is_new or owner is not None or self._is_adopted():
                    yield part

    def _is_adopted(self) -> bool:
        """Return whether the ledger was lost: all of it exists, and none of it is recorded."""
        files = [
            applied
            for applied in self.plan.applied
            if isinstance(applied.edit, CreateFile | RenderFile)
        ]
        return (
            self.earlier is None
            and any(self.plan.file(each.edit.path).after for each in files)
            and all(each.result.verb == "skipped" for each in files)
        )


def _plain_options(options: Mapping[str, bool | str | None]) -> dict[str, bool | str]:
    return {name: value for name, value in options.items() if value is not None}


def _explain(plan: Plan, ledger: Ledger, earlier: Record | None) -> None:
    """Say of files that exist with another content where they come from."""
    for applied in plan.applied:
        path, result = applied.edit.path, applied.result
        if result.verb != "conflict" or not isinstance(applied.edit, CreateFile | RenderFile):
            continue
        before = plan.file(path).before
        owner = ledger.owner_of_file(path, besides=earlier)
        recorded = earlier.file(path) if earlier else None
        reason = result.reason
        if recorded is not None and before is not None:
            is_edited = digest(before) != recorded.digest
            reason = (
                "it was edited since it was generated"
                if is_edited
                else f"it was generated by `{earlier.command}`, and would be different now"  # type: ignore[union-attr]  # it has the file
            )
        elif owner is not None:
            reason = f"it was generated by `{owner.command}`"
        plan.results[plan.results.index(result)] = attrs.evolve(result, reason=reason)


def content_of(edit: CreateFile | RenderFile | UpdateFile, root: Path) -> bytes:
    """Return what an edit writes into a file that does not exist."""
    match edit:
        case CreateFile():
            return edit.content.encode()
        case UpdateFile():
            return edit.initial.encode()
        case RenderFile():
            return Blueprints(root, edit.package).render(edit.template, edit.context)


def project_root(project: Project) -> Path:
    """Return the folder whose files generators edit."""
    return project.root or project.directory
