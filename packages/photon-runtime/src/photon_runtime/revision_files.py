"""Revision files: planning their name and text apart from writing them.

A revision file is one migration, as Alembic reads it. Nothing here imports Alembic or SQLAlchemy,
so that generators of code can plan migrations: the last one is read from the text of the files.
"""

from __future__ import annotations

import ast
import datetime as dt
import os
import re
import textwrap
import uuid
from collections.abc import Sequence
from pathlib import Path

import attrs

_SLUG_LENGTH = 60
_NAMES = ("revision", "down_revision")


@attrs.frozen
class RevisionFile:
    """A planned migration.

    Attributes:
        path: File to write.
        revision: Its identifier.
        source: Its text.
    """

    path: Path
    revision: str
    source: str

    def write(self) -> None:
        """Write the file whole; the folder is made if it does not exist.

        Raises:
            FileExistsError: The file exists.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        draft = self.path.with_suffix(".new")
        draft.write_text(self.source, encoding="utf-8")
        try:
            os.link(draft, self.path)
        finally:
            draft.unlink()


def plan_revision(
    folder: Path,
    message: str,
    *,
    parents: Sequence[str],
    upgrade: str = "",
    downgrade: str = "",
    imports: Sequence[str] = (),
    is_transactional: bool = True,
    revision: str | None = None,
    now: dt.datetime | None = None,
) -> RevisionFile:
    """Return a migration, without writing it.

    Args:
        folder: Folder of the migrations.
        message: What it does, in a few words.
        parents: Revisions that it follows: one, none for the first, several to merge them.
        upgrade: Statements of the function, not indented.
        downgrade: The same for the way back.
        imports: Further imports.
        is_transactional: False to run it outside of a transaction.
        revision: Identifier; by default a new random one.
        now: Time of its creation; by default the current one.
    """
    revision = revision or uuid.uuid4().hex[:12]
    now = now or dt.datetime.now(dt.UTC)
    return RevisionFile(
        _free_path(folder, f"{now:%Y%m%d%H%M%S}_{_slug(message)}"),
        revision,
        _source(
            message=message,
            revision=revision,
            parents=parents,
            now=now,
            bodies=(upgrade, downgrade),
            imports=imports,
            is_transactional=is_transactional,
        ),
    )


def read_heads(folder: Path) -> tuple[str, ...]:
    """Return the revisions that no other follows, from the text of the files.

    A file whose revisions are not literals is left out; `heads` loads the files and includes it.
    """
    revisions = read_revisions(folder)
    followed = {parent for each in revisions.values() for parent in each.parents}
    return tuple(sorted(set(revisions) - followed))


@attrs.frozen
class WrittenRevision:
    """A migration, as the text of its file has it.

    Attributes:
        path: Its file.
        parents: Revisions that it follows.
        created: Time at which it was written; ``None`` if the file does not have one.
    """

    path: Path
    parents: tuple[str, ...]
    created: dt.datetime | None


def read_revisions(folder: Path) -> dict[str, WrittenRevision]:
    """Return the migrations of a folder by their revisions, from the text of the files.

    A file whose revisions are not literals is left out.
    """
    revisions: dict[str, WrittenRevision] = {}
    for path in sorted(folder.glob("*.py")):
        source = path.read_text(encoding="utf-8")
        values = _assignments(source)
        revision = values.get("revision")
        if isinstance(revision, str):
            parents = _as_tuple(values.get("down_revision"))
            revisions[revision] = WrittenRevision(path, parents, _created(source))
    return revisions


def _created(source: str) -> dt.datetime | None:
    date = re.search(r"^Create Date: (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)$", source, re.MULTILINE)
    return dt.datetime.fromisoformat(date[1]) if date else None


def with_parents(source: str, parents: Sequence[str]) -> str:
    """Return the text of a migration that follows other revisions than before."""
    shown = _shown_parents(parents)
    source = re.sub(
        r"^(down_revision\b[^=\n]*=\s*)[^\r\n]*",
        rf"\g<1>{shown}",
        source,
        count=1,
        flags=re.MULTILINE,
    )
    return re.sub(
        r"^Revises:[^\r\n]*", f"Revises: {', '.join(parents)}", source, count=1, flags=re.MULTILINE
    )


def _source(
    *,
    message: str,
    revision: str,
    parents: Sequence[str],
    now: dt.datetime,
    bodies: tuple[str, str],
    imports: Sequence[str],
    is_transactional: bool,
) -> str:
    title = message.replace("\\", "\\\\").replace('"""', "'''").strip() or "migration"
    code = "\n".join(bodies)
    lines = [*imports]
    if re.search(r"\bsa\.", code):
        lines.append("import sqlalchemy as sa")
    if re.search(r"\bop\.", code):
        lines.append("from alembic import op")
    parts = [
        f'"""{title}\n\nRevision ID: {revision}\nRevises: {", ".join(parents)}'.rstrip()
        + f'\nCreate Date: {now:%Y-%m-%d %H:%M:%S}\n"""',
        "\n".join(_sorted_imports(lines)),
        f'revision = "{revision}"\ndown_revision = {_shown_parents(parents)}\n'
        "branch_labels = None\ndepends_on = None"
        + ("" if is_transactional else "\ntransactional = False"),
    ]
    functions = [
        f"def {name}() -> None:\n{textwrap.indent(body.strip() or 'pass', '    ')}"
        for name, body in zip(("upgrade", "downgrade"), bodies, strict=True)
    ]
    text = "\n\n".join(part for part in parts if part)
    return "\n\n\n".join([text, *functions]) + "\n"


def _sorted_imports(lines: Sequence[str]) -> list[str]:
    """Return imports as isort orders them: ``import`` before ``from``, each module once."""
    plain = sorted({line for line in lines if line.startswith("import ")})
    names: dict[str, set[str]] = {}
    for line in set(lines) - set(plain):
        module, _, name = line.removeprefix("from ").partition(" import ")
        names.setdefault(module, set()).add(name)
    return [
        *plain,
        *(f"from {each} import {', '.join(sorted(names[each]))}" for each in sorted(names)),
    ]


def _shown_parents(parents: Sequence[str]) -> str:
    if not parents:
        return "None"
    if len(parents) == 1:
        return f'"{parents[0]}"'
    return "(" + ", ".join(f'"{each}"' for each in parents) + ")"


def _slug(message: str) -> str:
    words = re.sub(r"[^a-z0-9]+", "_", message.lower()).strip("_")
    return words[:_SLUG_LENGTH].rstrip("_") or "migration"


def _free_path(folder: Path, stem: str) -> Path:
    path, number = folder / f"{stem}.py", 1
    while path.exists():
        number += 1
        path = folder / f"{stem}_{number}.py"
    return path


def _assignments(source: str) -> dict[str, object]:
    values: dict[str, object] = {}
    try:
        body = ast.parse(source).body
    except SyntaxError:
        return values
    for node in body:
        targets = node.targets if isinstance(node, ast.Assign) else []
        if isinstance(node, ast.AnnAssign):
            targets = [node.target]
        for target in targets:
            if isinstance(target, ast.Name) and target.id in _NAMES and node.value is not None:  # type: ignore[attr-defined]  # both kinds have it
                try:
                    values[target.id] = ast.literal_eval(node.value)  # type: ignore[attr-defined]  # likewise
                except ValueError:
                    continue
    return values


def _as_tuple(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,)
    if isinstance(value, tuple | list):
        return tuple(each for each in value if isinstance(each, str))
    return ()
