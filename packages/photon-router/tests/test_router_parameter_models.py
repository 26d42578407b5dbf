import dataclasses
import datetime
import enum
from typing import Annotated, Any, TypedDict

import attrs
import pytest

from photon_router import (
    Application,
    Cookie,
    Depends,
    DocumentError,
    Form,
    Header,
    Param,
    Query,
    SignatureError,
)
from photon_runtime.testing import HandlerResponse, send_request


class Order(enum.Enum):
    NEWEST = "newest"
    NAME = "name"


def _sorted(names: list[str]) -> list[str]:
    return sorted(names)


@attrs.frozen
class Range:
    low: int
    high: int

    def __attrs_post_init__(self) -> None:
        if self.low > self.high:
            raise ValueError("low must not be above high")


def _even(instance: object, attribute: object, value: int) -> None:
    if value % 2:
        raise ValueError("must be even")


@attrs.frozen
class Filters:
    page: Annotated[int, Param(ge=1, description="Which.")] = 1
    page_size: Annotated[int, Param(name="page-size")] = attrs.field(
        default=20, validator=attrs.validators.le(100)
    )
    order: Order = Order.NEWEST
    since: datetime.date | None = None
    tags: list[str] = attrs.Factory(list)
    even: int = attrs.field(default=0, validator=_even)
    _private: int = 1


OPTIONAL: Any = Query[Filters] | None


def taking(annotation: Any, method: str = "get") -> tuple[Application, list[Any]]:
    router, taken = Application(), []

    def handler(filters: Any) -> None:
        taken.append(filters)

    handler.__annotations__["filters"] = annotation
    router.route("/", method=method)(handler)
    return router, taken


def faults(response: HandlerResponse) -> list[tuple[str, str, str]]:
    assert response.status == 422
    return [
        (each["in"], each.get("name", each.get("pointer")), each["message"])
        for each in response.json()["errors"]
    ]


def test_each_member_is_a_parameter_with_its_own_name_and_default() -> None:
    router, taken = taking(Query[Filters])
    target = "/?page=2&page-size=5&order=name&since=2024-05-31&tags=a&tags=b&even=4"
    assert send_request(router, "GET", target).status == 204
    assert send_request(router, "GET", "/").status == 204
    date = datetime.date(2024, 5, 31)
    assert taken == [Filters(2, 5, Order.NAME, date, ["a", "b"], 4), Filters()]


def test_members_are_documented_as_single_parameters() -> None:
    router, _ = taking(Query[Filters])
    document = router.document()
    assert "Filters" not in document.get("components", {}).get("schemas", {})
    assert document["paths"]["/"]["get"]["parameters"] == [
        {
            "name": "page",
            "in": "query",
            "description": "Which.",
            "required": False,
            "schema": {"type": "integer", "minimum": 1, "default": 1},
        },
        {
            "name": "page-size",
            "in": "query",
            "required": False,
            "schema": {"type": "integer", "maximum": 100, "default": 20},
        },
        {
            "name": "order",
            "in": "query",
            "required": False,
            "schema": {"$ref": "#/components/schemas/Order", "default": "newest"},
        },
        {
            "name": "since",
            "in": "query",
            "required": False,
            "schema": {"type": "string", "format": "date"},
        },
        {
            "name": "tags",
            "in": "query",
            "required": False,
            "schema": {"type": "array", "items": {"type": "string"}, "default": []},
        },
        {
            "name": "even",
            "in": "query",
            "required": False,
            "schema": {"type": "integer", "default": 0},
        },
    ]


def test_every_error_is_reported_by_the_name_of_its_parameter() -> None:
    router, _ = taking(Query[Filters])
    assert faults(send_request(router, "GET", "/?page=0&page-size=101&order=x&since=y")) == [
        ("query", "page", "must be >= 1"),
        ("query", "page-size", "must be <= 100"),
        ("query", "order", 'expected one of "newest", "name"'),
        ("query", "since", "expected a date, such as 2024-05-31"),
    ]


def test_validators_that_no_schema_expresses_are_run() -> None:
    router, _ = taking(Query[Filters])
    assert faults(send_request(router, "GET", "/?even=3")) == [("query", "even", "must be even")]
    router, _ = taking(Query[Range])
    assert faults(send_request(router, "GET", "/?low=3&high=1")) == [
        ("query", "", "low must not be above high")
    ]


def test_a_required_member_is_a_required_parameter() -> None:
    router, taken = taking(Query[Range])
    assert faults(send_request(router, "GET", "/?low=3")) == [("query", "high", "is required")]
    assert send_request(router, "GET", "/?low=3&high=4").status == 204
    assert taken == [Range(3, 4)]
    parameters = router.document()["paths"]["/"]["get"]["parameters"]
    assert [each["required"] for each in parameters] == [True, True]


def test_headers_and_cookies_are_expanded_too() -> None:
    @attrs.frozen
    class Known:
        x_request_id: str
        accept_language: str = "en"

    router, taken = taking(Header[Known])
    send_request(router, "GET", "/", headers={"x-request-id": "7"})
    assert taken == [Known("7", "en")]
    names = [each["name"] for each in router.document()["paths"]["/"]["get"]["parameters"]]
    assert names == ["x-request-id", "accept-language"]
    router, taken = taking(Cookie[Range])
    send_request(router, "GET", "/", headers={"cookie": "low=1; high=2"})
    assert taken == [Range(1, 2)]


def test_dataclasses_and_typed_dicts_are_expanded() -> None:
    @dataclasses.dataclass
    class Data:
        a: int
        b: list[int] = dataclasses.field(default_factory=list)

    router, taken = taking(Query[Data])
    send_request(router, "GET", "/?a=1")
    send_request(router, "GET", "/?a=1&b=2&b=3")
    assert taken == [Data(1, []), Data(1, [2, 3])]

    class Some(TypedDict, total=False):
        a: int
        b: str

    router, taken = taking(Query[Some])
    send_request(router, "GET", "/?b=x")
    assert taken == [{"b": "x"}]


def test_a_converter_of_the_class_gets_the_text() -> None:
    @attrs.frozen
    class Upper:
        name: str = attrs.field(converter=str.upper)  # type: ignore[misc]  # plugin
        names: list[str] = attrs.field(
            factory=list,
            converter=_sorted,
        )

    router, taken = taking(Query[Upper])
    send_request(router, "GET", "/?name=a&names=c&names=b")
    assert taken == [Upper("A", ["b", "c"])]


def test_names_are_those_of_the_members_and_private_ones_cannot_be_set() -> None:
    @attrs.frozen
    class Search:
        kind: str = attrs.field(default="any", alias="type")
        words: str = attrs.field(default="", validator=attrs.validators.max_len(3))
        _secret: int = 1

    router, taken = taking(Query[Search])
    send_request(router, "GET", "/?kind=k&type=t&secret=5&_secret=5")
    assert taken == [Search(type="t")]
    assert faults(send_request(router, "GET", "/?words=long")) == [
        ("query", "words", "must have at most 3 characters")
    ]


def test_a_dependency_may_take_a_class_and_the_handler_another() -> None:
    router = Application()
    taken: list[object] = []

    def paging(filters: Query[Filters]) -> int:
        return filters.page

    @router.get("/")
    def handler(page: Annotated[int, Depends(paging)], range: Query[Range]) -> None:
        taken.append((page, range))

    assert send_request(router, "GET", "/?page=3&low=1&high=2").status == 204
    assert taken == [(3, Range(1, 2))]


def test_a_document_of_its_own_names_the_members_in_its_way() -> None:
    spec = {
        "openapi": "3.1.0",
        "info": {"title": "T", "version": "1"},
        "paths": {
            "/": {
                "get": {
                    "operationId": "list",
                    "parameters": [
                        {
                            "name": "pageSize",
                            "in": "query",
                            "schema": {"type": "integer", "maximum": 9},
                        },
                        {"name": "page", "in": "query", "schema": {"type": "integer"}},
                    ],
                    "responses": {"204": {"description": "Done."}},
                }
            }
        },
    }

    @attrs.frozen
    class Paging:
        page: int = 1
        page_size: int = 5

    router, taken = Application(spec=spec), []

    @router.operation("list")
    def handler(paging: Query[Paging]) -> None:
        taken.append(paging)

    assert send_request(router, "GET", "/?pageSize=3").status == 204
    assert taken == [Paging(1, 3)]
    assert faults(send_request(router, "GET", "/?pageSize=10")) == [
        ("query", "pageSize", "must be <= 9")
    ]


def test_what_cannot_be_expanded_is_refused_at_start_with_the_place() -> None:
    @attrs.frozen
    class Nested:
        range: Range

    router, _ = taking(Form[Nested], "post")
    with (
        pytest.raises(
            DocumentError, match=r"'filters' of .*test_router_parameter_models.py:.*Range"
        ),
        router.start(),
    ):
        pass


@pytest.mark.parametrize(
    ("annotation", "default", "message"),
    [
        (Query[Filters], Filters(), "cannot be optional"),
        (OPTIONAL, None, "cannot be optional"),
    ],
)
def test_a_class_that_is_expanded_has_no_default(
    annotation: Any, default: object, message: str
) -> None:
    router = Application()

    def handler(filters: Any = default) -> None: ...

    handler.__annotations__["filters"] = annotation
    router.get("/")(handler)
    with pytest.raises(SignatureError, match=message):
        router.document()


def test_a_member_with_a_marker_is_refused() -> None:
    @attrs.frozen
    class Marked:
        a: Header[str]

    router, _ = taking(Query[Marked])
    with pytest.raises(SignatureError, match="member a has a marker"):
        router.document()


def test_a_form_of_a_class_is_expanded_over_its_fields() -> None:
    router, taken = taking(Form[Range], "post")
    form = {"content-type": "application/x-www-form-urlencoded"}
    assert send_request(router, "POST", "/", headers=form, body="low=1&high=2").status == 204
    assert taken == [Range(1, 2)]
