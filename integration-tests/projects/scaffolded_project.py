"""New projects in which generators run, for their tests."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from photon_cli.generation import Plan, apply_edits, write_changes
from photon_cli.project_creation import Choices, ProjectName, project_files
from photon_runtime.generators import Arguments, GeneratorError
from photon_runtime.project import Project

FIELDS = """
title body:text summary:text? price:decimal weight:float count:small_int? state:enum:draft,published
is_public:bool released_on:date begins:date_time? at:time tags:array:string homepage:uri?
email:email? reference:uuid? data:json picture:blob
"""


def new_project(root: Path, kind: str = "html", database: str = "none") -> Path:
    """Make a project called blog in a folder, and return the folder."""
    name = ProjectName.parse("blog", directory=root)
    for path, content in project_files(name, Choices(kind, database)).items():  # type: ignore[arg-type]
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(content)
    return root


def planned(root: Path, generator: Any, name: str, *words: str, **options: bool | str) -> Any:
    """Return the edits of a generator; options that are left out have their defaults."""
    known = {option.name: option.default for option in getattr(generator, "options", ())}
    return generator.plan(Project(root, root), Arguments(name, words, options=known | options))


def generate(root: Path, generator: Any, name: str, *words: str, **options: bool | str) -> Plan:
    """Run a generator, which must not find a conflict."""
    plan = apply_edits(root, planned(root, generator, name, *words, **options))
    assert plan.conflicts == []
    write_changes(plan.root, plan.changes)
    return plan


def refusal(root: Path, generator: Any, name: str, *words: str, **options: bool | str) -> str:
    """Return the message of a generator that refuses its arguments."""
    with pytest.raises(GeneratorError) as caught:
        planned(root, generator, name, *words, **options)
    return str(caught.value)


def files_of(root: Path) -> dict[str, bytes]:
    """Return the content of all files."""
    return {str(path): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def run(root: Path, *command: str) -> None:
    """Run a module of Python in a project; it must succeed."""
    done = subprocess.run(
        [sys.executable, "-m", *command], cwd=root, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
