from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest

from photon_openapi.document import encode_document
from photon_router.generators import HandlersGenerator
from photon_runtime.generators import (
    Arguments,
    GeneratorError,
    InsertArgument,
    InsertCall,
    InsertCode,
    UpdateFile,
)
from photon_runtime.project import Project

PETS = "shop/handlers/pets.py"
SCHEMAS = "shop/handlers/schemas.py"
ARGUMENTS = Arguments("openapi.json", options={"module": "handlers"})


def ref(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}


def content(schema: dict[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}


def operation(name: str, *parameters: dict[str, Any], **members: Any) -> dict[str, Any]:
    path_id = {"name": "petId", "in": "path", "required": True, "schema": {"type": "integer"}}
    return {
        "operationId": name,
        "tags": ["pets"],
        "parameters": [path_id, *parameters],
        "responses": {"200": {"description": "The pet.", "content": content(ref("Pet"))}},
        **members,
    }


def pets() -> dict[str, Any]:
    """Return a document with one operation and one class."""
    pet = {
        "type": "object",
        "required": ["name"],
        "properties": {"name": {"type": "string"}, "petAge": {"type": "integer", "minimum": 0}},
    }
    return {
        "openapi": "3.1.0",
        "info": {"title": "Pets", "version": "1"},
        "paths": {"/pets/{petId}": {"get": operation("getPet")}},
        "components": {"schemas": {"Pet": pet}},
    }


class Shop:
    """A project with a document.

    Attributes:
        root: Its folder.
        document: Its document, to be changed between two runs.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.document = pets()
        (root / "shop").mkdir()
        (root / "photon.toml").write_text('[project]\napp = "shop.app:app"\n')
        (root / "shop" / "app.py").write_text("from photon import Photon\n\napp = Photon()\n")

    def plan(self) -> list[UpdateFile]:
        """Return the updates of files that the generator describes."""
        text = encode_document(self.document, form="json")
        (self.root / "openapi.json").write_bytes(text)
        edits = HandlersGenerator().plan(Project(self.root, self.root), ARGUMENTS)
        return [each for each in edits if isinstance(each, UpdateFile)]

    def generate(self) -> list[str]:
        """Write what the generator describes, and return what it leaves to people."""
        changed: list[str] = []
        for edit in self.plan():
            assert not edit.conflicts
            path = self.root / edit.path
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(edit.content.encode())
            changed += edit.changed
            if edit.path.endswith(".py"):
                ast.parse(edit.content.removeprefix("\ufeff"))
        return changed

    def read(self, path: str) -> str:
        return (self.root / path).read_bytes().decode()

    def replace(self, path: str, old: str, new: str) -> None:
        text = self.read(path)
        assert old in text
        (self.root / path).write_bytes(text.replace(old, new).encode())

    @property
    def pet(self) -> dict[str, Any]:
        schema: dict[str, Any] = self.document["components"]["schemas"]["Pet"]
        return schema

    @property
    def paths(self) -> dict[str, Any]:
        paths: dict[str, Any] = self.document["paths"]
        return paths


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    shop = Shop(tmp_path)
    assert shop.generate() == []
    return shop


def test_a_document_becomes_handlers_classes_and_tests(shop: Shop) -> None:
    assert """@router.operation("getPet")
def get_pet(pet_id: int) -> Pet:
""" in shop.read(PETS)
    assert 'raise HttpError(501, "getPet is not implemented")' in shop.read(PETS)
    assert """    name: str
    pet_age: Annotated[int, Param(name="petAge", ge=0)] | None = None
""" in shop.read(SCHEMAS)
    assert 'client.get("/pets/1")' in shop.read("tests/test_handlers_pets.py")


def test_the_application_is_given_the_document_and_the_handlers(shop: Shop) -> None:
    edits = HandlersGenerator().plan(Project(shop.root, shop.root), ARGUMENTS)
    own = [each for each in edits if not isinstance(each, UpdateFile)]
    assert own == [
        InsertCode(
            "shop/app.py",
            "from .handlers import router as handlers_router\nfrom pathlib import Path",
            place="imports",
        ),
        InsertArgument(
            "shop/app.py", 'spec=Path(__file__).parents[1] / "openapi.json"', on="Photon"
        ),
        InsertCall("shop/app.py", "include(handlers_router)", on="Photon"),
    ]


def test_running_again_changes_nothing(shop: Shop) -> None:
    assert all(edit.content == edit.before for edit in shop.plan())


def test_new_operations_are_added_and_written_handlers_stay(shop: Shop) -> None:
    shop.replace(PETS, 'raise HttpError(501, "getPet is not implemented")', "return PETS[pet_id]")
    shop.replace(PETS, "router = Router()", "router = Router()  # ours\nPETS = {1: Pet(name='a')}")
    limit = {"name": "since", "in": "query", "schema": {"type": "string", "format": "date"}}
    shop.paths["/pets/{petId}"]["delete"] = operation("removePet", limit)
    assert shop.generate() == []
    text = shop.read(PETS)
    assert "return PETS[pet_id]" in text
    assert "router = Router()  # ours\nPETS = " in text
    assert "import datetime\n" in text
    assert text.index("def get_pet") < text.index("def remove_pet")
    assert "test_remove_pet" in shop.read("tests/test_handlers_pets.py")


def test_a_class_that_was_not_edited_is_replaced(shop: Shop) -> None:
    shop.pet["properties"]["name"]["minLength"] = 1
    shop.pet["properties"]["born"] = {"type": "string", "format": "date"}
    del shop.pet["properties"]["petAge"]
    assert shop.generate() == []
    text = shop.read(SCHEMAS)
    assert "    name: Annotated[str, Param(min_length=1)]\n    born: datetime.date | None" in text
    assert "pet_age" not in text


def test_an_edited_class_gets_new_members_and_keeps_its_own(shop: Shop) -> None:
    shop.replace(
        SCHEMAS,
        "    name: str\n",
        "    name: str\n    nickname: str = ''  # ours\n",
    )
    (shop.root / SCHEMAS).write_text(
        shop.read(SCHEMAS) + "\n    def is_old(self) -> bool:\n        return True\n"
    )
    shop.pet["properties"]["born"] = {"type": "string", "format": "date"}
    shop.pet["properties"]["petAge"]["maximum"] = 99
    assert shop.generate() == []
    assert """    name: str
    nickname: str = ''  # ours
    pet_age: Annotated[int, Param(name="petAge", ge=0, le=99)] | None = None
    born: datetime.date | None = None

    def is_old(self) -> bool:
""" in shop.read(SCHEMAS)
    del shop.pet["properties"]["petAge"]
    assert shop.generate() == []
    assert "pet_age" not in shop.read(SCHEMAS)


def test_an_edited_member_is_reported_until_it_agrees(shop: Shop) -> None:
    shop.replace(SCHEMAS, "    name: str\n", "    name: str | int\n")
    assert shop.generate() == []
    shop.pet["properties"]["name"]["maxLength"] = 5
    expected = "in the document it is now `name: Annotated[str, Param(max_length=5)]`"
    for _ in range(2):
        [report] = shop.generate()
        assert report == f"`Pet.name` was edited; {expected}"
    shop.replace(
        SCHEMAS, "    name: str | int\n", "    name: Annotated[str, Param(max_length=5)]\n"
    )
    assert shop.generate() == []


def test_formatting_is_not_an_edit(shop: Shop) -> None:
    shop.replace(
        PETS, "def get_pet(pet_id: int) -> Pet:", "def get_pet(\n    pet_id: int,\n) -> Pet:"
    )
    parameter = {"name": "limit", "in": "query", "schema": {"type": "integer"}}
    shop.paths["/pets/{petId}"]["get"] = operation("getPet", parameter)
    assert shop.generate() == []
    assert "def get_pet(pet_id: int, *, limit: int | None = None) -> Pet:" in shop.read(PETS)


def test_a_changed_signature_is_reported_until_the_handler_has_it(shop: Shop) -> None:
    shop.replace(PETS, 'raise HttpError(501, "getPet is not implemented")', "return Pet(name='a')")
    shop.replace(PETS, "(pet_id: int)", "(pet_id: int, db: Session)")
    parameter = {"name": "limit", "in": "query", "schema": {"type": "integer"}}
    shop.paths["/pets/{petId}"]["get"] = operation(
        "getPet",
        parameter,
        responses={
            "200": {
                "description": "Pets.",
                "content": content({"type": "array", "items": ref("Pet")}),
            }
        },
    )
    for _ in range(2):
        [report] = shop.generate()
        assert report == (
            "`get_pet`: add the argument `limit: int | None`; its result is now `list[Pet]`"
        )
    assert "return Pet(name='a')" in shop.read(PETS)
    shop.replace(
        PETS,
        "(pet_id: int, db: Session) -> Pet",
        "(pet_id: int, db: Session, limit: int | None = None) -> list[Pet]",
    )
    assert shop.generate() == []
    shop.paths["/pets/{petId}"]["get"]["parameters"].pop()
    [report] = shop.generate()
    assert report == "`get_pet`: the operation has no `limit` any more: remove the argument"


def test_a_removed_operation_takes_its_stub_along_and_reports_a_written_handler(
    shop: Shop,
) -> None:
    shop.paths["/pets/{petId}"]["delete"] = operation("removePet")
    shop.generate()
    shop.replace(PETS, 'raise HttpError(501, "getPet is not implemented")', "return Pet(name='a')")
    shop.paths["/pets/{petId}"] = {"put": operation("putPet")}
    for _ in range(2):
        reports = shop.generate()
        assert reports[0] == (
            "the document has no operation `getPet` any more: remove `get_pet`, or restore the "
            "operation"
        )
    assert "remove_pet" not in shop.read(PETS)
    assert "def put_pet" in shop.read(PETS)
    assert "test_get_pet" not in shop.read("tests/test_handlers_pets.py")


def test_a_handler_that_was_moved_stays_where_it_is(shop: Shop) -> None:
    text = shop.read(PETS)
    start = text.index('@router.operation("getPet")')
    (shop.root / PETS).write_text(text[:start].rstrip() + "\n")
    (shop.root / "shop" / "mine.py").write_text(text)
    report = "it has no handlers of the document any more: remove it if unused"
    assert shop.generate() == [report]
    assert shop.generate() == []
    assert "get_pet" not in shop.read(PETS)
    assert shop.read("shop/mine.py") == text
    assert "test_get_pet" in shop.read("tests/test_handlers_pets.py")


def test_a_class_of_the_same_name_that_is_imported_stays(shop: Shop) -> None:
    text = shop.read(SCHEMAS)
    start = text.index("@attrs.frozen")
    (shop.root / SCHEMAS).write_text("from ..models import Pet as Pet\n" + text[:start])
    shop.replace(SCHEMAS, "from __future__ import annotations\n", "")
    assert shop.generate() == []
    assert "class Pet" not in shop.read(SCHEMAS)


def test_line_ends_and_the_byte_order_mark_stay(shop: Shop) -> None:
    for path in (PETS, SCHEMAS):
        text = "\ufeff" + shop.read(path).replace("\n", "\r\n")
        (shop.root / path).write_bytes(text.encode())
    shop.paths["/pets/{petId}"]["delete"] = operation("removePet")
    shop.pet["properties"]["born"] = {"type": "string"}
    assert shop.generate() == []
    for path in (PETS, SCHEMAS):
        text = shop.read(path)
        assert text.startswith("\ufeff")
        assert text.count("\r\n") == text.count("\n")
    assert "remove_pet" in shop.read(PETS)


def test_a_module_that_is_not_python_is_a_conflict(shop: Shop) -> None:
    (shop.root / PETS).write_text("def (\n")
    conflicts = [each for edit in shop.plan() for each in edit.conflicts]
    assert len(conflicts) == 1
    assert conflicts[0].startswith("it is not Python: ")


def test_without_a_record_all_code_that_differs_counts_as_edited(shop: Shop) -> None:
    (shop.root / ".photon/handlers/openapi.json.json").unlink()
    shop.replace(SCHEMAS, "    name: str\n", "    name: str | int\n")
    reports = shop.generate()
    assert reports == ["`Pet.name` was edited; in the document it is now `name: str`"]
    assert "name: str | int" in shop.read(SCHEMAS)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (Arguments("gone.yaml"), "the document gone.yaml does not exist"),
        (Arguments("../x.yaml"), "is outside of the project"),
        (Arguments("openapi.json", ("more",)), "`more` has no meaning here"),
        (Arguments("openapi.json", options={"module": "a-b"}), "cannot be the name of a module"),
    ],
)
def test_wrong_arguments_are_refused_with_the_reason(
    shop: Shop, arguments: Arguments, reason: str
) -> None:
    with pytest.raises(GeneratorError, match=reason.replace("`", ".")):
        HandlersGenerator().plan(Project(shop.root, shop.root), arguments)


def test_the_package_of_the_handlers_is_chosen_once(shop: Shop) -> None:
    other = Arguments("openapi.json", options={"module": "api"})
    with pytest.raises(GeneratorError, match="are in shop/handlers: leave --module out"):
        HandlersGenerator().plan(Project(shop.root, shop.root), other)
    record = shop.root / ".photon/handlers/openapi.json.json"
    record.write_text(record.read_text().replace("shop/handlers/", "shop/api/"))
    (shop.root / "shop/handlers").rename(shop.root / "shop/api")
    paths = {edit.path for edit in shop.plan()}
    assert "shop/api/pets.py" in paths
    assert PETS not in paths


def test_an_application_with_another_document_is_refused(shop: Shop) -> None:
    shop.replace("shop/app.py", "Photon()", 'Photon(spec="other.yaml")')
    with pytest.raises(GeneratorError, match=r"has the document 'other.yaml' already"):
        shop.plan()


def test_a_scheme_without_a_verifier_gets_one_that_refuses_all_credentials(shop: Shop) -> None:
    shop.document["components"]["securitySchemes"] = {"staff": {"type": "http", "scheme": "basic"}}
    shop.document["security"] = [{"staff": []}]
    reports = shop.generate()
    assert reports == []
    text = shop.read("shop/handlers/security.py")
    assert "def find_staff(name: str, password: str) -> Identity | None:" in text
    assert 'VERIFIERS = {"staff": BasicAuth(find_staff)}' in text
    assert "def get_pet(pet_id: int, user: CurrentUser[Identity]) -> Pet:" in shop.read(PETS)
    assert "status_code == 401" in shop.read("tests/test_handlers_pets.py")


def test_a_scheme_that_the_application_verifies_is_left_to_it(shop: Shop) -> None:
    shop.document["components"]["securitySchemes"] = {"staff": {"type": "http", "scheme": "basic"}}
    shop.document["security"] = [{"staff": []}]
    shop.replace("shop/app.py", "Photon()\n", 'Photon()\napp.security("staff", ours)\n')
    shop.generate()
    assert not (shop.root / "shop/handlers/security.py").exists()
