import datetime
import decimal
import enum
from collections.abc import Callable
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

import attrs
import pytest

from photon_router import (
    Application,
    Depends,
    DocumentError,
    Form,
    Html,
    Json,
    Param,
    Query,
    Redirect,
    Response,
    SignatureError,
    Submitted,
    UploadFile,
)
from photon_runtime.forms import FormError
from photon_runtime.testing import ReceivedResponse, send_request

FORM = {"content-type": "application/x-www-form-urlencoded"}


class Status(enum.Enum):
    DRAFT = "draft"
    PUBLISHED = "published"


def _no_shouting(_: object, __: object, value: str) -> None:
    if value.isupper():
        raise ValueError("must not be in capitals")


@attrs.frozen(kw_only=True)
class NewPost:
    title: Annotated[str, Param(max_length=10)] = attrs.field(validator=_no_shouting)
    subtitle: str = ""
    summary: str | None = None
    likes: Annotated[int, Param(ge=0)] = 5
    price: decimal.Decimal | None = None
    day: datetime.date | None = None
    starts_at: datetime.datetime | None = datetime.datetime(2024, 1, 1)
    is_public: bool = True
    status: Status = Status.DRAFT
    tags: list[str] = attrs.field(factory=lambda: ["news"])
    password: str = ""
    token: Annotated[str, Param(name="api-token")] = attrs.field(default="", repr=False)


@attrs.frozen
class NoFields:
    pass


def post(
    cls: Any, fields: list[tuple[str, str]] | str, *, headers: dict[str, str] = FORM
) -> Submitted[Any]:
    submissions: list[Submitted[Any]] = []
    response = send_request(
        handling(cls, submissions.append),
        "POST",
        "/",
        headers=headers,
        body=fields if isinstance(fields, str) else urlencode(fields),
    )
    assert response.status == 204, response.body
    return submissions[0]


def handling(cls: Any, take: Callable[[Any], object]) -> Application:
    app = Application()

    def handler(submitted: Any) -> None:
        take(submitted)

    handler.__annotations__["submitted"] = Submitted[cls]
    app.post("/")(handler)
    return app


def errors_of(submitted: Submitted[Any]) -> list[tuple[str, str]]:
    return [(error.name, error.message) for error in submitted.errors]


def test_a_valid_form_has_its_value_and_texts() -> None:
    submitted = post(
        NewPost,
        [
            ("title", "Tea"),
            ("likes", "7"),
            ("price", "1.50"),
            ("day", "2024-05-31"),
            ("starts_at", "2024-05-31T09:30"),
            ("is_public", "on"),
            ("status", "published"),
            ("tags", "a"),
            ("tags", "b"),
        ],
    )
    assert submitted.is_valid
    assert submitted.errors == ()
    assert submitted.value == NewPost(
        title="Tea",
        likes=7,
        price=decimal.Decimal("1.50"),
        day=datetime.date(2024, 5, 31),
        starts_at=datetime.datetime(2024, 5, 31, 9, 30),
        status=Status.PUBLISHED,
        tags=["a", "b"],
    )
    assert submitted.texts["tags"] == ["a", "b"]
    assert submitted.texts["likes"] == ["7"]
    assert submitted.texts["summary"] == []


def test_an_invalid_form_reaches_the_handler_with_all_errors_in_the_order_of_the_fields() -> None:
    submitted = post(
        NewPost, [("likes", "-1"), ("title", "SHOUTING"), ("day", "today"), ("status", "lost")]
    )
    assert submitted.value is None
    assert not submitted.is_valid
    assert errors_of(submitted) == [
        ("title", "must not be in capitals"),
        ("likes", "must be >= 0"),
        ("day", "expected a date, such as 2024-05-31"),
        ("status", 'expected one of "draft", "published"'),
    ]
    assert submitted.texts["title"] == ["SHOUTING"]
    assert submitted.texts["day"] == ["today"]


def test_validators_of_the_class_are_errors_of_their_fields() -> None:
    assert errors_of(post(NewPost, [("title", "LOUD")])) == [("title", "must not be in capitals")]


def test_an_error_of_the_class_as_a_whole_has_no_field() -> None:
    @attrs.frozen
    class Period:
        first: int
        last: int

        def __attrs_post_init__(self) -> None:
            if self.last < self.first:
                raise ValueError("ends before it begins")

    submitted = post(Period, [("first", "2"), ("last", "1")])
    assert errors_of(submitted) == [("", "ends before it begins")]
    assert submitted.value is None


@pytest.mark.parametrize("fields", [[], [("title", "")], [("title", " \t")]])
def test_a_required_text_must_not_be_missing_empty_or_blank(fields: list[tuple[str, str]]) -> None:
    assert errors_of(post(NewPost, fields)) == [("title", "is required")]


def test_required_fields_of_any_type_that_are_empty_are_missing() -> None:
    @attrs.frozen
    class Order:
        count: int
        day: datetime.date
        status: Status
        terms: Literal[True]
        note: str | None

    names = [field.name for field in attrs.fields(Order)]
    missing = [(name, "is required") for name in names[:-1]]
    assert errors_of(post(Order, [(name, "") for name in names])) == missing
    assert errors_of(post(Order, [])) == missing


def test_an_empty_input_is_none_or_the_default() -> None:
    names = ("subtitle", "summary", "likes", "price", "day", "starts_at", "status")
    value = post(NewPost, [("title", "Tea"), *((name, "") for name in names)]).value
    assert value == NewPost(title="Tea", starts_at=None, is_public=False, tags=[])
    assert value.likes == 5


def test_a_string_with_a_default_may_be_emptied() -> None:
    @attrs.frozen
    class Profile:
        motto: str = "Be nice"

    assert post(Profile, [("motto", "")]).value == Profile("")
    assert post(Profile, []).value == Profile("Be nice")


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ([], False),
        ([("is_public", "")], False),
        ([("is_public", "on")], True),
        ([("is_public", "true")], True),
        ([("is_public", "0"), ("is_public", "1")], True),
        ([("is_public", "0")], False),
    ],
)
def test_a_box_is_true_only_if_it_is_checked(fields: list[tuple[str, str]], expected: bool) -> None:
    value = post(NewPost, [("title", "Tea"), *fields]).value
    assert value is not None
    assert value.is_public is expected


def test_a_box_of_a_class_that_converts_is_a_box() -> None:
    @attrs.frozen
    class Consent:
        given: bool = attrs.field(converter=bool)
        age: int | None = attrs.field(converter=attrs.converters.optional(int))

    assert post(Consent, []).value == Consent(False, None)
    assert post(Consent, [("given", "on"), ("age", "7")]).value == Consent(True, 7)


def test_a_choice_of_yes_no_or_unknown_is_an_optional_box() -> None:
    @attrs.frozen
    class Survey:
        happy: bool | None = True

    texts = {"true": True, "false": False, "": None}
    for text, happy in texts.items():
        assert post(Survey, [("happy", text)]).value == Survey(happy)


def test_lists_omit_empty_texts_and_may_be_empty() -> None:
    @attrs.frozen
    class Picture:
        tags: list[str]
        sizes: Annotated[set[int], Param(max_length=2)]
        codes: list[int] | None = None

    empty = post(Picture, [("tags", ""), ("codes", "")]).value
    assert empty == Picture([], set(), None)
    assert post(Picture, [("tags", "a"), ("tags", ""), ("sizes", "1")]).value == Picture(["a"], {1})
    submitted = post(Picture, [("sizes", "1"), ("sizes", "x")])
    assert errors_of(submitted) == [("sizes", "item 2: expected an integer")]
    assert submitted.texts["sizes"] == ["1", "x"]
    limit = post(Picture, [("sizes", "1"), ("sizes", "2"), ("sizes", "3")])
    assert errors_of(limit) == [("sizes", "must have at most 2 items")]


def test_a_time_of_an_input_without_a_zone_is_in_utc_if_the_member_requires_one() -> None:
    @attrs.frozen
    class Meeting:
        begins: Annotated[datetime.datetime, Param(tz=True)]
        remembered: Annotated[datetime.datetime, Param(tz=True)] | None
        local: datetime.datetime

    fields = [("begins", "2027-05-01T12:30"), ("local", "2027-05-01T12:30"), ("remembered", "")]
    local = datetime.datetime(2027, 5, 1, 12, 30)
    value = post(Meeting, fields).value
    assert value == Meeting(local.replace(tzinfo=datetime.UTC), None, local)


def test_the_end_of_a_line_counts_as_one_character() -> None:
    value = post(NewPost, [("title", "line 1\r\nab")]).value
    assert value is not None
    assert value.title == "line 1\nab"
    assert post(NewPost, [("title", "12345678\r\n0")]).is_valid


def test_blanks_around_numbers_and_dates_are_ignored_but_those_of_texts_are_kept() -> None:
    value = post(NewPost, [("title", " Tea "), ("likes", " 7 "), ("day", "2024-05-31 ")]).value
    assert value is not None
    assert (value.title, value.likes, value.day) == (" Tea ", 7, datetime.date(2024, 5, 31))


def test_texts_never_have_passwords_secrets_or_files() -> None:
    @attrs.frozen
    class Account:
        email: str
        password: str
        new_password: str
        passwordConfirmation: str  # noqa: N815 - as pages may name it
        key: str = attrs.field(repr=False)
        photo: UploadFile | None = None

    texts = {name.name: "hunter2" for name in attrs.fields(Account) if name.name != "photo"}
    headers, body = multipart(*((name, "", text) for name, text in texts.items()))
    submitted = post(Account, body, headers=headers)
    assert submitted.is_valid
    assert submitted.texts == {"email": ["hunter2"]}
    assert "hunter2" not in repr(submitted)


def test_a_choice_about_a_password_is_shown_again() -> None:
    @attrs.frozen
    class Invitation:
        email: str
        reset_password: bool = True
        password_status: Status | None = None
        password_policy: Literal["strict", "lax"] = "strict"

    texts = [("reset_password", "true"), ("password_status", "draft"), ("password_policy", "lax")]
    submitted = post(Invitation, texts)
    assert errors_of(submitted) == [("email", "is required")]
    assert submitted.texts == {"email": [], **{name: [text] for name, text in texts}}


def test_fields_are_named_by_members_whatever_their_names_on_the_wire() -> None:
    @attrs.frozen
    class Search:
        page_size: Annotated[int, Param(name="page-size", le=10)]

    submitted = post(Search, [("page-size", "11")])
    assert errors_of(submitted) == [("page_size", "must be <= 10")]
    assert submitted.texts == {"page_size": ["11"]}


def test_an_error_added_by_the_handler_makes_the_form_invalid() -> None:
    submitted = post(NewPost, [("title", "Tea")])
    assert submitted.value is not None
    submitted.add_error("title", "is taken")
    submitted.add_error("", "the blog is closed")
    assert submitted.value is None
    assert submitted.errors == (
        FormError("title", "is taken"),
        FormError("", "the blog is closed"),
    )


def test_an_error_of_an_unknown_field_names_the_nearest_one() -> None:
    submitted = post(NewPost, [("title", "Tea")])
    with pytest.raises(ValueError, match=r"no field 'titel' .* did you mean 'title'\?"):
        submitted.add_error("titel", "is taken")


def multipart(*parts: tuple[str, str, str]) -> tuple[dict[str, str], str]:
    text = "".join(
        f'--x\r\nContent-Disposition: form-data; name="{name}"{rest}\r\n\r\n{body}\r\n'
        for name, rest, body in parts
    )
    return {"content-type": "multipart/form-data; boundary=x"}, f"{text}--x--\r\n"


@attrs.frozen
class Photo:
    caption: str
    file: UploadFile
    more: list[UploadFile] = attrs.field(factory=list)


def test_a_form_may_have_files() -> None:
    contents = []
    headers, body = multipart(
        ("caption", "", "Tea"), ("file", '; filename="a.txt"', "abc"), ("more", "; filename=b", "d")
    )
    app = handling(
        Photo,
        lambda each: contents.append(
            (each.value.caption, each.value.file.read(), [more.read() for more in each.value.more])
        ),
    )
    assert send_request(app, "POST", "/", headers=headers, body=body).status == 204
    assert contents == [("Tea", b"abc", [b"d"])]


def test_a_missing_file_is_an_error_of_its_field() -> None:
    headers, body = multipart(("caption", "", ""), ("file", '; filename=""', ""))
    submitted = post(Photo, body, headers=headers)
    assert errors_of(submitted) == [("caption", "is required"), ("file", "is required")]


def refused(headers: dict[str, str], body: str) -> ReceivedResponse:
    def never(submitted: object) -> None:
        raise AssertionError("the handler was called")

    return send_request(handling(NewPost, never), "POST", "/", headers=headers, body=body)


def test_a_form_that_cannot_be_read_is_refused_before_the_handler() -> None:
    assert refused(FORM, "title=%ff").status == 400
    assert refused(FORM, "title=%zz").status == 400
    assert refused({"content-type": "multipart/form-data"}, "").status == 400
    assert refused({"content-type": "application/json"}, "{}").status == 415
    assert refused(FORM, "title=" + "a" * (1024 * 1024 + 1)).status == 413
    assert refused(FORM, "&a=b" * 1001).status == 413


def test_other_arguments_are_still_refused_with_422() -> None:
    app = Application()

    @app.post("/{number}")
    def handler(number: int, submitted: Submitted[NewPost], button: Form[str]) -> None:
        assert button == "save"

    assert send_request(app, "POST", "/x", headers=FORM, body="button=save").status == 422
    response = send_request(app, "POST", "/1", headers=FORM)
    assert [each["name"] for each in response.json()["errors"]] == ["button"]
    assert send_request(app, "POST", "/1", headers=FORM, body="button=save").status == 204


def test_the_document_describes_the_form() -> None:
    document = handling(NewPost, print).document()
    content = document["paths"]["/"]["post"]["requestBody"]["content"]
    assert sorted(content) == ["application/x-www-form-urlencoded", "multipart/form-data"]
    schema = content["application/x-www-form-urlencoded"]["schema"]
    assert schema["required"] == ["title"]
    assert schema["properties"]["title"] == {"type": "string", "maxLength": 10}
    assert "api-token" in schema["properties"]
    assert list(
        handling(Photo, print).document()["paths"]["/"]["post"]["requestBody"]["content"]
    ) == ["multipart/form-data"]


def test_the_page_of_an_invalid_form_is_a_documented_response() -> None:
    app = Application(validate_responses=True)

    @app.post("/")
    def handler(submitted: Submitted[NewPost]) -> Html | Redirect:
        return Redirect("/") if submitted.is_valid else Html("<form>", status=422)

    responses = app.document()["paths"]["/"]["post"]["responses"]
    assert sorted(responses["422"]["content"]) == ["application/problem+json", "text/html"]
    assert send_request(app, "POST", "/", headers=FORM).status == 422
    assert send_request(app, "POST", "/", headers=FORM, body="title=Tea").status == 303


def test_a_response_of_any_kind_may_be_the_page_of_an_invalid_form() -> None:
    app = Application(validate_responses=True)

    @app.post("/")
    def handler(submitted: Submitted[NewPost]) -> Response:
        return Html("<form>", status=422)

    assert send_request(app, "POST", "/", headers=FORM).status == 422


def test_a_dependency_may_take_the_form() -> None:
    app = Application()
    titles = []

    def title_of(submitted: Submitted[NewPost]) -> str:
        return submitted.texts["title"][0]

    @app.post("/")
    def handler(submitted: Submitted[NewPost], title: str = Depends(title_of)) -> None:
        titles.append((title, submitted.is_valid))

    assert send_request(app, "POST", "/", headers=FORM, body="title=Tea").status == 204
    assert titles == [("Tea", True)]


def test_mistakes_in_annotations_are_named_at_registration() -> None:
    def refusal(annotation: Any, *defaults: object) -> str:
        def handler(submitted: Any) -> None: ...

        handler.__annotations__["submitted"] = annotation
        handler.__defaults__ = defaults or None
        with pytest.raises(SignatureError) as caught:
            Application().post("/")(handler)
        return str(caught.value)

    assert "write Submitted[NewPost]" in refusal(Submitted)
    assert "two sources" in refusal(Json[Submitted[NewPost]])
    assert "two sources" in refusal(Query[Submitted[NewPost]])
    assert "alone" in refusal(Submitted[NewPost] | None)
    assert "alone" in refusal(list[Submitted[NewPost]])
    assert "leave the default out" in refusal(Submitted[NewPost], None)


def problem_of(app: Application) -> str:
    with pytest.raises((SignatureError, DocumentError)) as caught, app.start():
        pass
    return str(caught.value)


def test_mistakes_in_classes_are_named_at_start() -> None:
    @attrs.frozen
    class Nested:
        post: NewPost

    @attrs.frozen
    class Marked:
        post: Query[int]

    assert "one member for each field" in problem_of(handling(int, print))
    assert "cannot be read from one string" in problem_of(handling(Nested, print))
    assert "has a marker" in problem_of(handling(Marked, print))


def test_two_forms_with_the_same_operation_id_are_named_at_start() -> None:
    app = handling(NewPost, print)

    def handler(submitted: Submitted[Photo]) -> None: ...

    app.post("/other")(handler)
    problem = problem_of(app)
    assert "'handler' is already used" in problem
    assert "has no field 'caption'" in problem


def test_a_get_operation_has_no_submitted_form() -> None:
    app = Application()

    @app.get("/")
    def handler(submitted: Submitted[NewPost]) -> None: ...

    assert "GET has no body" in problem_of(app)


def test_a_handler_of_a_loaded_document_cannot_take_a_submitted_form() -> None:
    schema = {"type": "object", "properties": {"title": {"type": "string"}}}
    body = {"content": {FORM["content-type"]: {"schema": schema}}}
    operation = {
        "operationId": "add",
        "requestBody": body,
        "responses": {"204": {"description": ""}},
    }
    info = {"title": "t", "version": "1"}
    app = Application(spec={"openapi": "3.1.0", "info": info, "paths": {"/": {"post": operation}}})

    @app.operation("add")
    def add(submitted: Submitted[NewPost]) -> None: ...

    assert "write Form[...]" in problem_of(app)


@pytest.mark.parametrize("form", ["", "csrf_token=x"])
def test_a_form_without_fields_is_valid(form: str) -> None:
    submitted = post(NoFields, form)
    assert submitted.value == NoFields()
    assert list(submitted.errors) == []
