from typing import Annotated, Any

import attrs

from photon_router import Application, Form, Header, Param, Query, UploadFile

FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data"
FILE = {
    "type": "string",
    "format": "binary",
    "contentMediaType": "application/octet-stream",
}


def body(router: Application) -> dict[str, Any]:
    found: dict[str, Any] = router.document()["paths"]["/"]["post"]["requestBody"]
    return found


def test_a_form_without_file_may_come_in_both_encodings() -> None:
    router = Application()

    @router.post("/")
    def take(
        name: Form[Annotated[str, Param(min_length=2, description="Whose.", title="Name")]],
        age: Form[Annotated[int, Param(name="the-age", examples=[3, 4], deprecated=True)]] = 7,
        tags: Form[list[str] | None] = None,
    ) -> None: ...

    schema = {
        "type": "object",
        "properties": {
            "name": {"type": "string", "title": "Name", "description": "Whose.", "minLength": 2},
            "the-age": {"type": "integer", "examples": [3, 4], "deprecated": True, "default": 7},
            "tags": {"type": "array", "items": {"type": "string"}},
        },
        "required": ["name"],
    }
    assert body(router) == {
        "content": {FORM: {"schema": schema}, MULTIPART: {"schema": schema}},
        "required": True,
    }


def test_a_form_with_a_file_is_multipart() -> None:
    router = Application()

    @router.post("/")
    def take(
        file: Annotated[UploadFile | None, Param(max_length=9, description="What.")] = None,
        files: list[UploadFile] | None = None,
    ) -> None: ...

    schema = {
        "type": "object",
        "properties": {
            "file": {**FILE, "maxLength": 9, "description": "What."},
            "files": {"type": "array", "items": FILE},
        },
    }
    assert body(router) == {"content": {MULTIPART: {"schema": schema}}, "required": False}


def test_a_class_is_documented_by_its_fields_with_its_validators() -> None:
    @attrs.frozen
    class Login:
        name: str = attrs.field(validator=attrs.validators.max_len(3))
        picture: UploadFile | None = None

    router = Application()

    @router.post("/")
    def take(login: Form[Login]) -> None: ...

    assert body(router)["content"][MULTIPART]["schema"] == {
        "type": "object",
        "properties": {"name": {"type": "string", "maxLength": 3}, "picture": FILE},
        "required": ["name"],
    }


def test_what_people_shall_not_see_is_taken_but_not_published() -> None:
    router = Application()
    hidden = Param(include_in_schema=False)

    @router.post("/")
    def take(
        name: Form[str],
        secret: Form[Annotated[str, hidden]] = "",
        trace: Header[Annotated[str, hidden]] = "",
        debug: Query[Annotated[bool, hidden]] = False,
        page: int = 1,
    ) -> None: ...

    operation = router.document()["paths"]["/"]["post"]
    assert list(operation["requestBody"]["content"][FORM]["schema"]["properties"]) == ["name"]
    assert [each["name"] for each in operation["parameters"]] == ["page"]
    with router.start():
        pass
