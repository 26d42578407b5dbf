"""Two dozen scaffolds, one after another in one project, which its owner reformats in between.

They have all types of fields, references in roles, to themselves and to nothing, and names that
collide with SQL, with Python and with words of HTTP. The tests of the project, ruff and mypy then
run once for all of them, and the migrations run on SQLite and PostgreSQL.
"""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

SCAFFOLDS = """
user name:string email:email^
post title:string body:text published_at:date_time? owner:references:users
comment text:text post:references author:references:users?
person name born:date? homepage:uri?
category name:string^ parent:references:self?
product name price:decimal cost:money weight:float volume:double category:references --api
order_line quantity:int position:small_int total:decimal_len:24:8 product:references
Group name:string size:unsigned members:big_unsigned rank:small_unsigned
news headline:string text:text
series code:uuid^ length:big_int
status_update state:enum:draft,in-progress,done at:tstz
blog-post title:string is_public:bool score:int?
box width:int height:int data:json?
document title:string content:blob? digest:binary_len:16? note:var_binary:100?
measurement settings:jsonb values:array:float flags:array:bool --api
Task title:string due_on:date due_at:time tags:array:string assignee:references:users?
event select:string from_date:date table:string? index:int
transfer source:references:users target:references:users amount:money
profile user:references^ bio:text? --without-timestamps
review stars:int order:references:posts? type:string class_name:string
number value:int rank:int?
thing
""".strip().splitlines()
REFORMATTED_AFTER = "series"
CHOSEN = "created or leaves or changed or beside or owner or must_exist or stored or statements"


def run(*arguments: str, cwd: Path, **variables: str) -> str:
    """Run a module of Python; return its output."""
    done = subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=cwd,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", **variables},
        capture_output=True,
        text=True,
        timeout=800,
    )
    assert done.returncode == 0, f"{arguments}\n{done.stdout}{done.stderr}"
    return done.stdout


def reformat(root: Path) -> None:
    """Format the application as somebody else would: other quotes, shorter lines, other imports."""
    command = ["ruff", "format", "--line-length", "60", "--config", "format.quote-style='single'"]
    run(*command, "blog", cwd=root)
    app = root / "blog/app.py"
    text = app.read_text()
    imports = [node for node in ast.parse(text).body if isinstance(node, ast.ImportFrom)]
    lines = text.splitlines()
    moved = ["\n".join(lines[node.lineno - 1 : node.end_lineno]) for node in reversed(imports)]
    rest = "\n".join(lines[imports[-1].end_lineno or 0 :])
    app.write_text("\n".join([lines[0], "# Ours come first.", *moved, rest]) + "\n")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with all of the scaffolds."""
    folder = tmp_path_factory.mktemp("many")
    run("photon_cli", "new", "blog", "--html", "--no-git", cwd=folder)
    root = folder / "blog"
    for line in SCAFFOLDS:
        run("photon_cli", "generate", "scaffold", *line.split(), cwd=root)
        if line.startswith(REFORMATTED_AFTER):
            reformat(root)
    return root


def test_the_code_is_clean(project: Path) -> None:
    run("ruff", "check", "--fix", "-q", "blog/app.py", cwd=project)  # the order of its imports
    run("ruff", "check", ".", cwd=project)
    run("ruff", "format", "--check", "tests", "db", cwd=project)  # the owner formats the rest
    run("mypy", cwd=project)


def test_the_tests_of_all_scaffolds_pass(project: Path) -> None:
    """Run those that write: each test starts the application anew, with twenty resources."""
    run("pytest", "-q", "-x", "-p", "no:cacheprovider", "-k", CHOSEN, cwd=project)


def test_the_migrations_run_forth_and_back_on_sqlite(project: Path) -> None:
    _migrate(project, "sqlite:///forth_and_back.sqlite3")


def test_the_migrations_run_forth_and_back_on_postgresql(
    project: Path, empty_postgres_url: str
) -> None:
    _migrate(project, empty_postgres_url)


def _migrate(project: Path, url: str) -> None:
    variables = {"DATABASE_URL": url}
    run("photon_cli", "db", "migrate", cwd=project, **variables)
    run("photon_cli", "db", "check", cwd=project, **variables)
    run("photon_cli", "db", "rollback", "--to", "base", cwd=project, **variables)
    run("photon_cli", "db", "migrate", cwd=project, **variables)


def test_the_document_of_the_application_has_no_errors(project: Path) -> None:
    run("photon_cli", "openapi", "export", "-o", "openapi.json", cwd=project)
    run("photon_cli", "openapi", "lint", "openapi.json", cwd=project)
