"""The effect of edits on a project."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import attrs

from photon_runtime.generators import (
    CreateFile,
    Edit,
    InsertArgument,
    InsertAttribute,
    InsertCall,
    InsertCode,
    InsertItem,
    RenderFile,
    SetToml,
    UpdateFile,
)

from ._blueprints import Blueprints
from ._conflict import Conflict, PlaceNotFound
from ._file_changes import EditResult, Plan, Verb
from ._insertions import text_with

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ._file_changes import FileChange


def apply_edits(root: Path, edits: Sequence[Edit], *, force: bool = False) -> Plan:
    """Plan the effect of edits on a project.

    Args:
        root: The folder of the project.
        edits: The edits, in their order.
        force: Overwrite files and keys that have another content, where that is the conflict, and
            leave out insertions without a place.

    Raises:
        GeneratorError: A path leads out of the project, or a template is invalid.
    """
    plan = Plan(root)
    for edit in edits:
        plan.results.append(_Application(plan, edit, force=force).result())
        if isinstance(edit, UpdateFile):
            plan.results += [EditResult("changed", edit.path, each) for each in edit.changed]
            plan.results += [EditResult("conflict", edit.path, each) for each in edit.conflicts]
    return plan


@attrs.frozen
class _Application:
    """One edit."""

    plan: Plan
    edit: Edit
    force: bool = attrs.field(kw_only=True)

    def result(self) -> EditResult:
        """Change the file of the plan, and describe the effect."""
        edit, file = self.edit, self.plan.file(self.edit.path)
        before = file.after
        try:
            self._change(file)
        except PlaceNotFound as conflict:
            is_left_out = self.force or getattr(edit, "optional", False)
            return _without_place(edit, conflict, "skipped" if is_left_out else "conflict")
        except Conflict as conflict:
            if not self.force or not conflict.is_forcible:
                return EditResult("conflict", edit.path, str(conflict))
            file.after = conflict.forced
        if file.after == before:
            return EditResult("skipped", edit.path)
        return EditResult(_verb(edit, before), edit.path)

    def _change(self, file: FileChange) -> None:
        edit, root = self.edit, self.plan.root
        match edit:
            case CreateFile():
                file.create(edit.content.encode())
            case RenderFile():
                file.create(Blueprints(root, edit.package).render(edit.template, edit.context))
            case UpdateFile():
                file.update(edit)
            case _:
                file.edit(
                    lambda text: text_with(text, edit, root), is_new=isinstance(edit, SetToml)
                )


def _verb(edit: Edit, before: bytes | None) -> Verb:
    """Return the word for an edit that changes its file."""
    if isinstance(edit, UpdateFile):
        return "added" if before is None else "updated"
    return "added" if isinstance(edit, CreateFile | RenderFile) else "injected"


def _without_place(
    edit: Edit, conflict: PlaceNotFound, verb: Literal["skipped", "conflict"]
) -> EditResult:
    return EditResult(
        verb, edit.path, f"{conflict}; add by hand, {conflict.where}:", lines_of(edit)
    )


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
    return ""
