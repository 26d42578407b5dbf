"""The JSON-Schema-Test-Suite, draft 2020-12, in process and over HTTP.

The suite is part of jsonschema's source distribution. The first run downloads that from the package
index, pinned by version and hash, to ``.venv/suites``; later runs use it from there.
"""

import json
import os
import subprocess
import sys
import tarfile
import tempfile
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from photon_openapi.document._definitions import Definitions
from photon_openapi.document._document import Document
from photon_openapi.schema._check import SchemaCheck

VERSION = "4.26.0"
HASH = "0c26707e2efad8aa1bfc5b7ce170f3fccc2e4918ff85989ba9ffa9facb2be326"
FOLDER = Path(__file__).parents[3] / ".venv" / "suites" / f"jsonschema-{VERSION}"
REMOTE = "http://localhost:1234/"
DRAFT = "https://json-schema.org/draft/2020-12/schema"

# Cases in other dialects, which are refused at start-up: dialects of the suite that omit a
# vocabulary, add one or assert formats, and one that refers to draft 2019-09.
OTHER_DIALECTS = {
    ("vocabulary.json", "ignore unrecognized optional vocabulary"),
    ("vocabulary.json", "schema that uses custom metaschema with with no validation vocabulary"),
    ("format-assertion.json", "schema that uses custom metaschema with format-assertion: false"),
    ("format-assertion.json", "schema that uses custom metaschema with format-assertion: true"),
    ("cross-draft.json", "refs to historic drafts are processed as historic drafts"),
}
# Cases in which jsonschema-rs and jsonschema differ: none.
DIFFERENCES: set[tuple[str, str, str]] = set()


class Case(NamedTuple):
    file: str
    group: str
    schema: Any
    tests: list[tuple[str, Any, bool]]


def fetch() -> None:
    """Download the source distribution from the package index, checked by its hash."""
    with tempfile.TemporaryDirectory(dir=FOLDER.parent) as folder:
        wanted = Path(folder) / "requirements.txt"
        wanted.write_text(f"jsonschema=={VERSION} --hash=sha256:{HASH}\n")
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        command += ["--no-binary=jsonschema", f"--dest={folder}", f"--requirement={wanted}"]
        subprocess.run(command, check=True, timeout=240)
        with tarfile.open(Path(folder) / f"jsonschema-{VERSION}.tar.gz") as archive:
            archive.extractall(folder, filter="data")
        try:
            os.replace(Path(folder) / f"jsonschema-{VERSION}", FOLDER)
        except OSError:
            if not FOLDER.is_dir():  # another process was faster
                raise


@cache
def suite() -> Path:
    if not FOLDER.exists():
        FOLDER.parent.mkdir(parents=True, exist_ok=True)
        fetch()
    return FOLDER / "json"


def cases(folder: str) -> list[Case]:
    found: list[Case] = []
    for path in sorted((suite() / "tests" / "draft2020-12" / folder).glob("*.json")):
        for group in json.loads(path.read_text()):
            tests = [(each["description"], each["data"], each["valid"]) for each in group["tests"]]
            schema = group["schema"]
            if isinstance(schema, dict):  # relative references require a URI
                schema = {"$id": f"https://example.com/{path.stem}/{len(found)}", **schema}
            found.append(Case(path.name, group["description"], schema, tests))
    return found


@cache
def remotes() -> dict[str, Any]:
    """The schemas that the suite serves by its own server, as schemas with a URI."""
    found = {}
    folder = suite() / "remotes"
    for path in sorted(folder.rglob("*.json")):
        name = path.relative_to(folder).as_posix()
        if not name.startswith("draft") or name.startswith("draft2020-12/"):
            schema = json.loads(path.read_text())
            if schema.get("$schema", DRAFT) == DRAFT:
                key = name.replace("/", ".")
                found[key] = {"$id": REMOTE + name, **schema}
                if "$id" in schema and schema["$id"] != REMOTE + name:
                    found[f"{key}.place"] = {"$id": REMOTE + name, "$ref": schema["$id"]}
    return found


def definitions() -> Definitions:
    return Definitions({"components": {"schemas": remotes()}})


def own_dialect(folder: str) -> list[Case]:
    return [case for case in cases(folder) if (case.file, case.group) not in OTHER_DIALECTS]


def document(case: Case, path: str = "/") -> dict[str, Any]:
    """A document with an operation that accepts the values of the schema of a case."""
    content = {"application/json": {"schema": case.schema}}
    operation = {
        "operationId": "take",
        "requestBody": {"content": content, "required": True},
        "responses": {"204": {"description": "It fits."}},
    }
    return {
        "openapi": "3.1.0",
        "info": {"title": "Suite", "version": "1"},
        "paths": {path: {"post": operation}},
        "components": {"schemas": remotes()},
    }


@pytest.mark.timeout(300)
@pytest.mark.slow
def test_both_validators_agree_on_every_case_optional_ones_included() -> None:
    found, count = set(), 0
    for folder in ("", "optional", "optional/format"):
        for case in own_dialect(folder):
            is_format = folder == "optional/format"
            check = SchemaCheck(case.schema, components=definitions(), assert_formats=is_format)
            for name, value, _ in case.tests:
                count += 1
                if check.is_valid(value) == bool(check.errors(value)):
                    found.add((case.file, case.group, name))
    assert found == DIFFERENCES
    assert count > 1800


@pytest.mark.slow
def test_a_case_in_another_dialect_is_refused_at_start() -> None:
    schema = {"$schema": f"{REMOTE}draft2020-12/metaschema-no-validation.json"}
    case = Case("", "", schema, [])
    [problem] = Document(document(case)).problems()
    assert "schemas are read in the dialect" in problem
