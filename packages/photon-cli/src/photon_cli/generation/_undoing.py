"""The effect of taking edits back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from photon_runtime.generators import CreateFile, Edit, RenderFile, UpdateFile

from ._blueprints import Blueprints
from ._conflict import Conflict
from ._file_changes import EditResult, FileChange, Plan
from ._insertions import text_without

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def undo_edits(root: Path, edits: Sequence[Edit], *, force: bool = False) -> Plan:
    """Plan the undoing of edits.

    Args:
        root: The folder of the project.
        edits: The edits, in the order in which they were applied.
        force: Remove files and keys that were changed since.

    Raises:
        GeneratorError: A path leads out of the project.
    """
    plan = Plan(root)
    for edit in reversed(edits):
        file = plan.file(edit.path)
        before = file.after
        try:
            _undo(root, file, edit)
        except Conflict as conflict:
            if not force or not conflict.is_forcible:
                plan.results.append(EditResult("conflict", edit.path, str(conflict)))
                continue
            file.after = conflict.forced
        verb = "skipped" if file.after == before else "removed"
        plan.results.append(EditResult(verb, edit.path))  # type: ignore[arg-type]  # one of two
    return plan


def _undo(root: Path, file: FileChange, edit: Edit) -> None:
    if file.after is None:
        return
    match edit:
        case CreateFile():
            _remove(file, edit.content.encode())
        case RenderFile():
            _remove(file, Blueprints(root, edit.package).render(edit.template, edit.context))
        case UpdateFile():
            _remove(file, edit.initial.encode())
        case _:
            file.edit(lambda text: text_without(text, edit, root))


def _remove(file: FileChange, content: bytes) -> None:
    if file.after != content:
        raise Conflict("it was changed since", forced=None)
    file.after = None
