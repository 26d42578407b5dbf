import signal
import socket
import subprocess
import sys
import textwrap
import types
import urllib.request
from pathlib import Path as FilePath

import attrs
import pytest

import photon
import photon_router
from photon import (
    Cookie,
    Depends,
    Header,
    HttpError,
    Json,
    Path,
    Photon,
    Query,
    photon_route,
    spawn,
)
from photon_runtime.errors import PhotonError
from photon_runtime.http import ServerSettings
from photon_runtime.testing import send_request


@attrs.frozen
class ItemIn:
    name: str = attrs.field(validator=attrs.validators.min_len(1))
    price: float = attrs.field(validator=attrs.validators.ge(0))


@attrs.frozen
class ItemOut:
    id: int
    name: str
    price: float


@photon_route(method="POST", path="/items/{id}")
def create_item(id: int, body: Json[ItemIn]) -> Json[ItemOut]:
    return ItemOut(id, body.name, body.price)


@attrs.frozen
class Pet:
    id: str
    name: str


PETS = """\
openapi: 3.1.0
info: {title: Pets, version: "1"}
paths:
  /pets/{id}:
    get:
      operationId: getPet
      parameters:
        - {name: id, in: path, required: true, schema: {type: string}}
      responses:
        200: {description: The pet.}
"""


def shop() -> Photon:
    app = Photon(title="Shop", version="1.0.0")

    @app.get("/items/{item_id}")
    def read_item(item_id: int, q: str | None = None) -> dict[str, object]:
        return {"item_id": item_id, "q": q}

    app.include(create_item)
    return app


def test_a_typed_route_answers_as_written() -> None:
    assert send_request(shop(), "GET", "/items/42?q=abc").json() == {"item_id": 42, "q": "abc"}
    assert send_request(shop(), "GET", "/items/42").json() == {"item_id": 42, "q": None}
    assert send_request(shop(), "GET", "/items/x").json()["errors"] == [
        {"in": "path", "name": "item_id", "message": "expected an integer"}
    ]


def test_a_marked_function_answers_as_written() -> None:
    response = send_request(shop(), "POST", "/items/7", json={"name": "Chair", "price": 12.5})
    assert response.json() == {"id": 7, "name": "Chair", "price": 12.5}
    refused = send_request(shop(), "POST", "/items/x", json={"name": "", "price": -1})
    assert refused.status == 422
    assert refused.json()["errors"] == [
        {"in": "path", "name": "item_id", "message": "expected an integer"},
        {"in": "body", "pointer": "/name", "message": "must have at least 1 character"},
        {"in": "body", "pointer": "/price", "message": "must be >= 0"},
    ]


def test_validators_are_written_into_the_schema() -> None:
    schemas = shop().document()["components"]["schemas"]
    assert schemas["ItemIn"]["properties"] == {
        "name": {"type": "string", "minLength": 1},
        "price": {"type": "number", "minimum": 0},
    }


def test_a_module_and_a_router_are_included() -> None:
    module = types.ModuleType("handlers")
    vars(module)["create_item"] = create_item
    app = Photon(title="Shop", version="1.0.0")
    app.include(module)
    other = photon.Router(prefix="/api")
    other.include(create_item)
    part = Photon()
    part.include(other)
    for each, target in ((app, "/items/1"), (part, "/api/items/1")):
        assert send_request(each, "POST", target, json={"name": "a", "price": 0}).status == 200


def test_a_document_on_disk_is_served(tmp_path: FilePath, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "openapi.yaml").write_text(PETS)
    monkeypatch.chdir(tmp_path)
    pets = Photon(spec="openapi.yaml")

    @pets.operation("getPet")
    def get_pet(id: str) -> Pet:
        return Pet(id, "Rex")

    assert send_request(pets, "GET", "/pets/7").json() == {"id": "7", "name": "Rex"}


def test_the_markers_are_those_of_the_router() -> None:
    assert Photon.__mro__[1:4] == (
        photon.Router,
        photon_router.Application,
        photon_router.Router,
    )
    for name in ("Cookie", "Depends", "Header", "Json", "Path", "Query", "Request", "Response"):
        assert getattr(photon, name) is getattr(photon_router, name)
    app = Photon()

    def user(token: Header[str]) -> str:
        return token

    @app.get("/{a}")
    def handler(
        a: Path[int], b: Query[int] = 2, c: Cookie[int] = 3, who: str = Depends(user)
    ) -> list[object]:
        if a == 0:
            raise HttpError(404, "there is no zero")
        return [a, b, c, who]

    with app.start() as handle:
        assert send_request(handle, "GET", "/1", headers={"token": "t"}).json() == [1, 2, 3, "t"]
        assert send_request(handle, "GET", "/0", headers={"token": "t"}).status == 404


def test_coroutines_wait_and_run_beside_each_other() -> None:
    import photon_runtime

    log: list[int] = []

    def work(number: int) -> None:
        photon.sleep(0)
        log.append(number)

    def main() -> None:
        with photon.scope():
            tasks = [spawn(work, number) for number in (1, 2)]
            assert log == []
            for task in tasks:
                task.join()

    photon_runtime.run(main)
    assert log == [1, 2]


def test_an_address_that_is_taken_is_an_error_of_photon() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(PhotonError, match=str(port)):
            Photon().run(settings=ServerSettings(port=port))


SCRIPT = """
from photon import Photon
from photon_runtime.http import ServerSettings
from photon_runtime.testing import send_request
from photon_runtime.testing import send_request

app = Photon(title="Script")

@app.get("/hello/{name}")
def hello(name: str) -> str:
    return f"Hello, {name}"

app.run(settings=ServerSettings(port=PORT))
"""


@pytest.mark.slow
def test_a_script_serves_until_it_is_terminated(tmp_path: FilePath) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    file = tmp_path / "script.py"
    file.write_text(textwrap.dedent(SCRIPT).replace("PORT", str(port)))
    process = subprocess.Popen([sys.executable, "-W", "error", str(file)], stderr=subprocess.PIPE)
    try:
        wait_for(port, process)
        url = f"http://127.0.0.1:{port}/hello/Ada"
        with urllib.request.urlopen(url, timeout=10) as answer:
            assert answer.read() == b'"Hello, Ada"'
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=10) == 0
    finally:
        process.kill()
        process.communicate()


def wait_for(port: int, process: "subprocess.Popen[bytes]") -> None:
    """Wait until somebody listens on ``port``, or fail with what the process said."""
    while process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
    pytest.fail(str(process.communicate()[1]))


@pytest.mark.parametrize("name", ["shop", "photon_shop", "photonics.shop"])
def test_an_application_knows_the_module_that_has_made_it(name: str) -> None:
    made = types.ModuleType(name)
    exec("import photon\napp = photon.Photon()", vars(made))
    assert made.app.module == name
