"""The effect of edits on a project."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from photon_runtime.generators import (
    CreateFile,
    Edit,
    InsertArgument,
    InsertAttribute,
    InsertCall,
    InsertCode,
    InsertItem,
    RemoveAttribute,
    RenderFile,
    SetToml,
    UpdateFile,
)

from ._blueprints import Blueprints
from ._conflict import Conflict, PlaceNotFound
from ._file_changes import AppliedEdit, EditResult, Plan
from ._insertions import text_with
from ._recorded_edits import parts_of
from ._toml_text import toml_text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ._file_changes import FileChange, Verb
    from ._insertions import TextEdit
    from ._ledger import Record


def apply_edits(
    root: Path, edits: Sequence[Edit], *, force: bool = False, earlier: Record | None = None
) -> Plan:
    """Plan the effect of edits on a project.

    Args:
        root: The folder of the project.
        edits: The edits, in their order.
        force: Overwrite files and keys that have another content, where that is the conflict, and
            leave out insertions without a place.
        earlier: The record of an earlier run of the same generator for the same name.

    Raises:
        GeneratorError: A path leads out of the project, or a template is invalid.
    """
    plan = Plan(root)
    for edit in edits:
        application = _Application(plan, edit, force=force, earlier=earlier)
        plan.results.append(application.result())
        plan.applied.append(AppliedEdit(edit, plan.results[-1], application.parts))
        if isinstance(edit, UpdateFile):
            plan.results += [EditResult("changed", edit.path, each) for each in edit.changed]
            plan.results += [EditResult("conflict", edit.path, each) for each in edit.conflicts]
    return plan


@attrs.frozen
class _Application:
    """One edit.

    Attributes:
        parts: What an insertion consists of, and whether each part was inserted.
    """

    plan: Plan
    edit: Edit
    force: bool = attrs.field(kw_only=True)
    earlier: Record | None = attrs.field(kw_only=True)
    parts: list[tuple[TextEdit, bool]] = attrs.field(factory=list, init=False)

    def result(self) -> EditResult:
        """Change the file of the plan, and describe the effect."""
        edit, file = self.edit, self.plan.file(self.edit.path)
        before = file.after
        try:
            self._change(file)
        except PlaceNotFound as conflict:
            return self._without_place(conflict)
        except Conflict as conflict:
            if not self.force or not conflict.is_forcible:
                return EditResult("conflict", edit.path, str(conflict))
            file.after = conflict.forced
            if isinstance(edit, SetToml):
                self.parts.append((edit, True))
        if file.after == before:
            return EditResult("skipped", edit.path)
        return EditResult(_verb(edit, before), edit.path)

    def _change(self, file: FileChange) -> None:
        edit, root = self.edit, self.plan.root
        match edit:
            case CreateFile() | RenderFile() if edit.once and self._is_recorded(file):
                pass
            case CreateFile():
                file.create(edit.content.encode())
            case RenderFile():
                file.create(Blueprints(root, edit.package).render(edit.template, edit.context))
            case UpdateFile():
                file.update(edit)
            case _:
                self._insert(edit, file)

    def _is_recorded(self, file: FileChange) -> bool:
        recorded = self.earlier is not None and self.earlier.file(self.edit.path) is not None
        return recorded and file.after is not None

    def _insert(self, edit: TextEdit, file: FileChange) -> None:
        for part in parts_of(edit):
            before = file.after
            file.edit(
                lambda text, part=part: text_with(text, part, self.plan.root),  # type: ignore[misc]  # mypy cannot infer it
                is_new=isinstance(edit, SetToml),
            )
            self.parts.append((part, file.after != before))

    def _without_place(self, conflict: PlaceNotFound) -> EditResult:
        edit = self.edit
        is_optional = getattr(edit, "optional", False)
        return EditResult(
            "skipped" if self.force or is_optional else "conflict",
            edit.path,
            f"{conflict}; add by hand, {conflict.where}:",
            by_hand=lines_of(edit),
            is_missing=not is_optional,
        )


def _verb(edit: Edit, before: bytes | None) -> Verb:
    """Return the word for an edit that changes its file."""
    if isinstance(edit, UpdateFile):
        return "added" if before is None else "updated"
    if isinstance(edit, RemoveAttribute):
        return "removed"
    return "added" if isinstance(edit, CreateFile | RenderFile) else "injected"


def lines_of(edit: Edit) -> str:
    """Return the code that an insertion inserts, for people."""
    match edit:
        case InsertCall():
            return f"{edit.variable or 'app'}.{edit.call}"
        case InsertArgument():
            return edit.argument
        case InsertItem():
            return edit.item
        case InsertCode() | InsertAttribute():
            return edit.code
        case SetToml():
            return f"{'.'.join(edit.key)} = {toml_text(edit.value)}"
    return ""
