"""The JSON-Schema-Test-Suite, draft 2020-12, in process and over HTTP.

The suite is shipped by jsonschema's own source distribution. The first run takes that from the
package index, pinned by version and hash, into ``.venv/suites``; from then on it is there.
"""

import http.client
import json
import os
import subprocess
import sys
import tarfile
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from photon_openapi.codec import SchemaDecoder
from photon_openapi.document._definitions import Definitions
from photon_openapi.errors import ValidationError
from photon_router import Application
from photon_runtime import run
from photon_runtime.http import Handler, Request, Response, Server, listen

VERSION = "4.26.0"
HASH = "0c26707e2efad8aa1bfc5b7ce170f3fccc2e4918ff85989ba9ffa9facb2be326"
FOLDER = Path(__file__).parents[3] / ".venv" / "suites" / f"jsonschema-{VERSION}"
REMOTE = "http://localhost:1234/"
DRAFT = "https://json-schema.org/draft/2020-12/schema"

# Cases in other dialects, which are refused at start: dialects of the suite's own that leave a
# vocabulary out, add one or assert formats, and one that refers to draft 2019-09.
OTHER_DIALECTS = {
    ("vocabulary.json", "ignore unrecognized optional vocabulary"),
    ("vocabulary.json", "schema that uses custom metaschema with with no validation vocabulary"),
    ("format-assertion.json", "schema that uses custom metaschema with format-assertion: false"),
    ("format-assertion.json", "schema that uses custom metaschema with format-assertion: true"),
    ("cross-draft.json", "refs to historic drafts are processed as historic drafts"),
}


class Case(NamedTuple):
    file: str
    group: str
    schema: Any
    tests: list[tuple[str, Any, bool]]


def fetch() -> None:
    """Take the source distribution from the package index, checked by its hash."""
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
            if isinstance(schema, dict):  # its references are its own: so it needs a URI
                schema = {"$id": f"https://example.com/{path.stem}/{len(found)}", **schema}
            found.append(Case(path.name, group["description"], schema, tests))
    return found


@cache
def remotes() -> dict[str, Any]:
    """The schemas that the suite has on its own server, as schemas with a URI."""
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
    """A document with an operation that takes what the schema of a case allows."""
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


@pytest.mark.timeout(300)  # the first run fetches the suite
@pytest.mark.slow
def test_every_required_case_is_decided_as_the_suite_has_it() -> None:
    wrong, count = [], 0
    for case in own_dialect(""):
        body = SchemaDecoder(case.schema, components=definitions())
        for name, value, is_valid in case.tests:
            count += 1
            try:
                body.decode(json.dumps(value).encode())
                verdict: object = True
            except ValidationError as error:
                verdict = False if error.errors else "no fault is told"
            if verdict is not is_valid:
                wrong.append((case.file, case.group, name, verdict))
    assert wrong == []
    assert count > 1200


@contextmanager
def served(required: list[Case]) -> Iterator[int]:
    """Serve an application for each case, ``/0`` and so on; gives the port.

    They are applications of their own because their schemas have the same URIs.
    """
    handlers: dict[str, Handler] = {}
    with ExitStack() as stack:
        for number, case in enumerate(required):
            router = Application(spec=document(case, f"/{number}"), docs_url=None, openapi_url=None)
            router.operation("take")(lambda body: None)
            handlers[f"/{number}"] = stack.enter_context(router.start())
        listener = listen("127.0.0.1", 0)
        server = Server(sockets=[listener])
        ready = threading.Event()

        def choose(request: Request) -> Response:
            return handlers[request.path](request)

        thread = threading.Thread(target=lambda: run(server.serve, choose, ready.set))
        thread.start()
        try:
            assert ready.wait(30)
            yield listener.getsockname()[1]
        finally:
            server.stop()
            thread.join(30)


@pytest.mark.timeout(300)
@pytest.mark.slow
def test_the_verdicts_over_http_are_the_same() -> None:
    required = own_dialect("")
    wrong, count = [], 0
    with served(required) as port:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        for number, case in enumerate(required):
            for name, value, is_valid in case.tests:
                count += 1
                headers = {"content-type": "application/json"}
                connection.request("POST", f"/{number}", json.dumps(value), headers)
                response = connection.getresponse()
                body = response.read()
                verdict = {204: True, 422: False}.get(response.status, body)
                if verdict is not is_valid:
                    wrong.append((case.file, case.group, name, verdict))
        connection.close()
    assert wrong == []
    assert count > 1200
