import datetime
import decimal
import enum
import uuid
from typing import Annotated, Any

import attrs
import pytest

from photon_router import (
    Application,
    Body,
    Cookie,
    DocumentError,
    Header,
    Json,
    Param,
    Path,
    Query,
    Request,
    Response,
    SignatureError,
)


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


@attrs.frozen
class Item:
    """A thing for sale."""

    name: str = attrs.field(validator=attrs.validators.min_len(1))
    price: decimal.Decimal
    colour: Colour = Colour.RED


@attrs.frozen
class ProblemDocument:
    mine: int


def operation(router: Application, path: str = "/x", method: str = "get") -> dict[str, Any]:
    found = router.document()["paths"][path][method]
    assert isinstance(found, dict)
    return found


def parameters(router: Application, path: str = "/x", method: str = "get") -> dict[str, Any]:
    return {each["name"]: each for each in operation(router, path, method)["parameters"]}


# What people read


def test_name_and_texts_come_from_the_function() -> None:
    router = Application()

    @router.get("/x")
    def list_items() -> None:
        """List what is
        for sale.

        The newest first.

        Really.
        """

    assert operation(router) == {
        "operationId": "list_items",
        "summary": "List what is for sale.",
        "description": "The newest first.\n\nReally.",
        "responses": {"204": {"description": "Done."}},
    }


def test_a_function_without_docstring_has_a_summary_made_of_its_name() -> None:
    router = Application()

    @router.get("/x")
    def list_items() -> None: ...

    assert operation(router)["summary"] == "List items"


def test_options_go_before_the_function() -> None:
    router = Application(tags=["all"])

    @router.post(
        "/x",
        operation_id="createItem",
        summary="Make one",
        description="From nothing.",
        tags=["items", "all"],
        deprecated=True,
        status=201,
        responses={
            404: "no such shop",
            409: {"description": "taken", "headers": {"retry-after": {"schema": {}}}},
        },
    )
    def handler() -> str:
        """Another text."""
        return ""

    assert operation(router, method="post") == {
        "operationId": "createItem",
        "summary": "Make one",
        "description": "From nothing.",
        "tags": ["all", "items"],
        "deprecated": True,
        "responses": {
            "201": {
                "description": "The response.",
                "content": {"application/json": {"schema": {"type": "string"}}},
            },
            "404": {
                "description": "no such shop",
                "content": {
                    "application/problem+json": {
                        "schema": {"$ref": "#/components/schemas/ProblemDocument"}
                    }
                },
            },
            "409": {"description": "taken", "headers": {"retry-after": {"schema": {}}}},
        },
    }


def test_an_unknown_option_is_refused_where_it_is_written() -> None:
    with pytest.raises(TypeError, match="satus"):
        Application().get("/x", satus=201)  # type: ignore[call-arg]


# Where an argument comes from


def test_a_place_is_the_marker_else_the_path_else_the_body_else_the_query() -> None:
    router = Application()

    @router.post("/{a}/{b}")
    def handler(
        request: Request,
        a: int,
        b: Path[str],
        c: Query[str],
        d: Header[str],
        e: Cookie[str],
        f: str,
        g: Item,
        h: list[int],
    ) -> None: ...

    found = operation(router, "/{a}/{b}", "post")
    assert [(each["in"], each["name"]) for each in found["parameters"]] == [
        ("path", "a"),
        ("path", "b"),
        ("query", "c"),
        ("header", "d"),
        ("cookie", "e"),
        ("query", "f"),
        ("query", "h"),
    ]
    assert found["requestBody"]["required"] is True


@pytest.mark.parametrize(
    "annotation",
    [
        Item,
        Item | None,
        list[Item],
        dict[str, int],
        dict,
        Json[int],
        Item | int,
        tuple[Item, ...],
        "Annotated[Item, 'note']",
    ],
    ids=str,
)
def test_objects_and_lists_of_objects_are_the_body(annotation: object) -> None:
    def handler(item: object) -> None: ...

    handler.__annotations__["item"] = annotation
    router = Application()
    router.post("/x")(handler)
    found = operation(router, method="post")
    assert "parameters" not in found
    assert list(found["requestBody"]["content"]) == ["application/json"]


def test_a_body_with_a_default_is_not_required() -> None:
    router = Application()

    @router.post("/x")
    def handler(item: Json[Item] | None = None) -> None: ...

    assert operation(router, method="post")["requestBody"]["required"] is False


@pytest.mark.parametrize(
    ("annotation", "media"),
    [(Body[bytes], "application/octet-stream"), (Body[str], "text/plain")],
)
def test_a_raw_body_is_documented_by_its_media_type(annotation: object, media: str) -> None:
    def handler(data: object) -> None: ...

    handler.__annotations__["data"] = annotation
    router = Application()
    router.post("/x")(handler)
    assert operation(router, method="post")["requestBody"] == {
        "content": {media: {}},
        "required": True,
    }


def test_two_bodies_are_refused_with_place_and_advice() -> None:
    router = Application()

    @router.post("/x")
    def handler(one: Json[Item], two: Item) -> None: ...

    with pytest.raises(SignatureError) as caught:
        router.document()
    assert f"handler ({__file__}:" in str(caught.value)
    assert "argument two: a request has one body: combine its arguments" in str(caught.value)


# Parameters


def test_a_parameter_says_all_that_its_annotation_says() -> None:
    router = Application()

    @router.get("/x")
    def handler(
        page: Query[Annotated[int, Param(ge=1, le=99, name="page-no", description="Which.")]] = 1,
        old: Annotated[str | None, Param(deprecated=True, pattern="^a", max_length=3)] = None,
        tags: Annotated[tuple[str, ...], Param(min_length=1)] = ("a",),
    ) -> None: ...

    assert parameters(router) == {
        "page-no": {
            "name": "page-no",
            "in": "query",
            "description": "Which.",
            "required": False,
            "schema": {"type": "integer", "minimum": 1, "maximum": 99, "default": 1},
        },
        "old": {
            "name": "old",
            "in": "query",
            "required": False,
            "deprecated": True,
            "schema": {"type": "string", "maxLength": 3, "pattern": "^a"},
        },
        "tags": {
            "name": "tags",
            "in": "query",
            "required": False,
            "schema": {
                "type": "array",
                "items": {"type": "string"},
                "minItems": 1,
                "default": ["a"],
            },
        },
    }


def test_defaults_are_documented_as_they_stand_on_the_wire() -> None:
    router = Application()

    @router.get("/x")
    def handler(
        colour: Colour = Colour.BLUE,
        since: datetime.date = datetime.date(2024, 5, 31),
        price: decimal.Decimal = decimal.Decimal("1.50"),
        key: uuid.UUID = uuid.UUID(int=1),  # noqa: B008 - to be documented
        flag: bool = False,
        nothing: int | None = None,
    ) -> None: ...

    found = {name: each["schema"].get("default") for name, each in parameters(router).items()}
    assert found == {
        "colour": "blue",
        "since": "2024-05-31",
        "price": "1.50",
        "key": "00000000-0000-0000-0000-000000000001",
        "flag": False,
        "nothing": None,
    }
    assert "default" not in parameters(router)["nothing"]["schema"]


def test_a_header_has_hyphens_for_underscores() -> None:
    router = Application()

    @router.get("/x")
    def handler(
        x_request_id: Header[str],
        named: Header[Annotated[str, Param(name="X_Odd")]],
        user_name: Cookie[str],
        page_no: int,
    ) -> None: ...

    assert list(parameters(router)) == ["x-request-id", "X_Odd", "user_name", "page_no"]


def test_path_parameters_are_always_required() -> None:
    router = Application()

    @router.get("/{a}")
    def handler(a: int = 1) -> None: ...

    assert parameters(router, "/{a}")["a"]["required"] is True


def test_a_path_parameter_may_be_called_otherwise_in_python() -> None:
    router = Application()

    @router.get("/{item-id}")
    def handler(key: Path[Annotated[int, Param(name="item-id")]]) -> None: ...

    assert list(parameters(router, "/{item-id}")) == ["item-id"]


@pytest.mark.parametrize("path", ["/{id}/{other}", "/{other}-{id}", "/{id}/{other:path}"])
def test_a_path_parameter_without_argument_is_refused_with_the_place(path: str) -> None:
    router = Application()

    @router.get(path)
    def handler(id: int) -> None: ...

    with pytest.raises(SignatureError) as caught:
        router.document()
    assert f"handler ({__file__}:" in str(caught.value)
    assert "no argument takes {other} of the path" in str(caught.value)


def test_a_path_marker_without_parameter_in_the_path_is_refused() -> None:
    router = Application()

    @router.get("/x")
    def handler(id: Path[int]) -> None: ...

    with (
        pytest.raises(DocumentError, match=r"/paths/~1x/get.*'id' .* the path has no \{id\}"),
        router.start(),
    ):
        pass


def test_an_argument_without_schema_is_refused_with_the_place() -> None:
    router = Application()

    @router.get("/x")
    def handler(thing: type) -> None: ...

    with pytest.raises(SignatureError) as caught:
        router.document()
    assert f"handler ({__file__}:" in str(caught.value)
    assert "argument thing" in str(caught.value)


def test_a_result_without_schema_is_refused_with_the_place() -> None:
    router = Application()

    @router.get("/x")
    def handler() -> type:
        return int

    with pytest.raises(SignatureError) as caught:
        router.document()
    assert f"handler ({__file__}:" in str(caught.value)


def test_a_catch_all_stands_at_the_end_alone() -> None:
    def handler(rest: str) -> None: ...

    with pytest.raises(SignatureError, match=r"\{rest:path\} takes the rest of the path"):
        Application().get("/{rest:path}/edit")(handler)


def test_a_catch_all_is_a_plain_parameter_in_the_document() -> None:
    router = Application()

    @router.get("/files/{rest:path}")
    def handler(rest: str) -> None: ...

    assert list(router.document()["paths"]) == ["/files/{rest}"]
    assert parameters(router, "/files/{rest}")["rest"]["schema"] == {"type": "string"}


# Paths


def test_methods_of_one_path_stand_together_even_with_other_names() -> None:
    router = Application()

    @router.get("/items/{id}")
    def read(id: int) -> None: ...

    @router.delete("/items/{item_id}")
    def remove(item_id: int) -> None: ...

    assert {path: list(item) for path, item in router.document()["paths"].items()} == {
        "/items/{id}": ["get", "delete"]
    }
    [parameter] = operation(router, "/items/{id}", "delete")["parameters"]
    assert parameter == {
        "name": "id",
        "in": "path",
        "required": True,
        "schema": {"type": "integer"},
    }


@pytest.mark.parametrize("other", ["/items/{id}", "/items/{key}", "/items/{rest:path}"])
def test_a_second_handler_of_a_route_is_refused_with_both_places(other: str) -> None:
    router = Application()

    @router.get("/items/{id}")
    def read(id: int) -> None: ...

    def again(id: int = 0, key: int = 0, rest: str = "") -> None: ...

    router.get(other)(again)
    with pytest.raises(SignatureError) as caught:
        router.document()
    assert f"again ({__file__}:" in str(caught.value)
    assert "GET /items/{id} has an operation already: 'read'" in str(caught.value)


# Answers


def test_the_response_is_documented_by_the_return_annotation() -> None:
    router = Application()

    @router.get("/item")
    def item() -> Item:
        raise NotImplementedError

    @router.get("/anything")
    def anything():  # type: ignore[no-untyped-def]  # that is what is tested
        raise NotImplementedError

    @router.get("/response")
    def response() -> Response:
        raise NotImplementedError

    @router.get("/nothing")
    def nothing() -> None: ...

    @router.get("/marked")
    def marked() -> Json[Item]:
        raise NotImplementedError

    responses = {
        path: item["get"]["responses"] for path, item in router.document()["paths"].items()
    }
    reference = {"application/json": {"schema": {"$ref": "#/components/schemas/Item"}}}
    assert responses == {
        "/item": {"200": {"description": "The response.", "content": reference}},
        "/anything": {
            "200": {"description": "The response.", "content": {"application/json": {"schema": {}}}}
        },
        "/response": {"200": {"description": "The response."}},
        "/nothing": {"204": {"description": "Done."}},
        "/marked": {"200": {"description": "The response.", "content": reference}},
    }


def test_refusals_are_documented_where_there_is_something_to_refuse() -> None:
    router = Application()

    @router.get("/none")
    def none() -> str:
        return ""

    @router.get("/query")
    def query(q: str) -> str:
        return ""

    @router.post("/body")
    def body(item: Item) -> str:
        return ""

    paths = router.document()["paths"]
    assert list(paths["/none"]["get"]["responses"]) == ["200"]
    assert list(paths["/query"]["get"]["responses"]) == ["200", "422"]
    assert list(paths["/body"]["post"]["responses"]) == ["200", "400", "413", "415", "422"]


def test_refusals_are_documented_with_the_status_that_they_have() -> None:
    router = Application(validation_status=400)

    @router.get("/x")
    def handler(q: int) -> str:
        return ""

    assert list(operation(router)["responses"]) == ["200", "400"]


def test_a_documented_problem_refers_to_a_schema_that_is_there() -> None:
    router = Application(docs_url=None)

    @router.get("/x", responses={404: "no such thing"})
    def handler() -> str:
        return ""

    with router.start():
        assert "ProblemDocument" in router.document()["components"]["schemas"]


def test_a_class_of_the_application_is_not_replaced_by_the_problem_document() -> None:
    router = Application()

    @router.get("/x")
    def handler(q: int = 0) -> ProblemDocument:
        raise NotImplementedError

    document = router.document()
    response = operation(router)["responses"]["200"]["content"]["application/json"]["schema"]
    name = response["$ref"].rpartition("/")[2]
    assert list(document["components"]["schemas"][name]["properties"]) == ["mine"]


def test_schemas_are_sorted_and_written_once() -> None:
    @attrs.frozen
    class Basket:
        items: list[Item]

    def handler(item: Item) -> None: ...

    handler.__annotations__["return"] = Basket
    router = Application()
    router.post("/x")(handler)
    assert list(router.document()["components"]["schemas"]) == [
        "Basket",
        "Colour",
        "Item",
        "ProblemDocument",
    ]


@pytest.mark.parametrize(
    ("option", "hint"),
    [
        ("response_model", "annotate the return type"),
        ("status_code", "`status`"),
        ("tagz", "'tags'"),
    ],
)
def test_an_option_of_another_framework_gets_a_response_with_what_takes_its_place(
    option: str, hint: str
) -> None:
    with pytest.raises(SignatureError, match=hint):
        Application().get("/x", **{option: 1})  # type: ignore[arg-type]  # that is the mistake
