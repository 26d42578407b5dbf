import datetime
import decimal
import enum
import html.parser
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, NewType, TypedDict

import attrs
import msgspec
import pytest
from markupsafe import Markup

from photon_runtime.forms import FormError
from photon_templates import HtmlForm, html_form

EAST = datetime.timezone(datetime.timedelta(hours=2))


class Status(enum.Enum):
    DRAFT = "draft"
    IN_REVIEW = "in-review"


class File:
    form_widget = "file"


@attrs.frozen
class Submission:
    errors: Sequence[FormError] = ()
    texts: Mapping[str, Sequence[str]] = attrs.field(factory=dict)


@attrs.frozen(kw_only=True)
class NewPost:
    title: Annotated[str, msgspec.Meta(max_length=100)]
    body: str = ""
    likes: Annotated[int, msgspec.Meta(ge=0)] = 5
    day: datetime.date | None = None
    is_public: bool = True
    status: Status = Status.DRAFT
    author_id: int | None = None
    password: str = "hunter2"


class Elements(html.parser.HTMLParser):
    """The elements of a page, in order, with their attributes and their text."""

    def __init__(self, markup: object) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None], str]] = []
        self.feed(str(markup))

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attributes]
        assert len(names) == len(set(names)), f"an attribute is written twice: {attributes}"
        self.found.append((tag, dict(attributes), ""))

    def handle_data(self, data: str) -> None:
        if self.found and data.strip():
            tag, attributes, text = self.found[-1]
            self.found[-1] = tag, attributes, text + data.strip()

    def only(self, tag: str) -> dict[str, str | None]:
        (attributes,) = (each for name, each, _ in self.found if name == tag)
        return attributes

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [each for name, each, _ in self.found if name == tag]

    def text(self, tag: str) -> list[str]:
        return [text for name, _, text in self.found if name == tag]


def input_of(form: HtmlForm, name: str) -> dict[str, str | None]:
    return Elements(form.field(name)).only("input")


def form_with(annotation: Any, name: str = "value", default: Any = attrs.NOTHING) -> HtmlForm:
    cls = attrs.make_class("Made", {name: attrs.field(type=annotation, default=default)})
    return html_form(cls)


@pytest.mark.parametrize(
    ("annotation", "name", "expected"),
    [
        (str, "title", {"type": "text", "required": None, "value": ""}),
        (str | None, "title", {"type": "text", "value": ""}),
        (Annotated[str, msgspec.Meta(min_length=2, max_length=9)], "title", {
            "type": "text", "required": None, "value": "", "minlength": "2", "maxlength": "9",
        }),
        (Annotated[str | None, msgspec.Meta(pattern="^[a-z]+$")], "slug", {
            "type": "text", "value": "", "pattern": "[a-z]+",
        }),
        (str | None, "email", {"type": "email", "value": ""}),
        (str | None, "homepage_url", {"type": "url", "value": ""}),
        (str | None, "phone", {"type": "tel", "value": ""}),
        (str | None, "new_password", {"type": "password"}),
        (int | None, "count", {"type": "number", "step": "1", "value": ""}),
        (Annotated[int | None, msgspec.Meta(gt=0, lt=10)], "count", {
            "type": "number", "step": "1", "min": "1", "max": "9", "value": "",
        }),
        (float | None, "weight", {"type": "number", "step": "any", "value": ""}),
        (Annotated[decimal.Decimal | None, msgspec.Meta(ge=0, multiple_of=0.01)], "price", {
            "type": "number", "step": "0.01", "min": "0", "value": "",
        }),
        (bool, "public", {"type": "checkbox", "value": "true"}),
        (Literal[True], "terms", {"type": "checkbox", "value": "true", "required": None}),
        (datetime.date | None, "day", {"type": "date", "value": ""}),
        (datetime.time | None, "hour", {"type": "time", "value": ""}),
        (datetime.datetime | None, "starts_at", {"type": "datetime-local", "value": ""}),
        (uuid.UUID | None, "key", {"type": "text", "value": ""}),
        (NewType("Age", int) | None, "age", {"type": "number", "step": "1", "value": ""}),
        (File | None, "photo", {"type": "file"}),
        (list[File], "photos", {"type": "file", "multiple": None}),
    ],
)  # fmt: skip
def test_a_type_has_its_input(annotation: Any, name: str, expected: dict[str, str | None]) -> None:
    assert input_of(form_with(annotation, name), name) == {"id": name, "name": name, **expected}


@pytest.mark.parametrize(
    ("annotation", "name"),
    [(str, "body"), (str, "post_description"), (Annotated[str, msgspec.Meta(max_length=256)], "x")],
)
def test_a_long_text_has_an_area(annotation: Any, name: str) -> None:
    field = form_with(annotation, name, "\na < b").field(name)
    assert Elements(field).only("textarea")["name"] == name
    # The first line end after the tag does not count, so that the text begins with its own.
    assert ">\n\na &lt; b</textarea>" in str(field)


@pytest.mark.parametrize(
    ("annotation", "default", "expected"),
    [
        (Status, Status.IN_REVIEW, [("draft", False, "Draft"), ("in-review", True, "In review")]),
        (Literal["a"] | None, None, [("", False, ""), ("a", False, "A")]),
        (Literal["a", 2], 2, [("a", False, "A"), ("2", True, "2")]),
        (bool | None, False, [("", False, ""), ("true", False, "Yes"), ("false", True, "No")]),
    ],
)  # fmt: skip
def test_a_type_with_few_values_is_a_selection(
    annotation: Any, default: object, expected: list[tuple[str, bool, str]]
) -> None:
    elements = Elements(form_with(annotation, default=default).field("value"))
    found = [
        (attributes["value"], "selected" in attributes, text)
        for tag, attributes, text in elements.found
        if tag == "option"
    ]
    assert found == expected


def test_a_required_selection_without_a_value_begins_with_an_empty_choice() -> None:
    elements = Elements(form_with(Status).field("value"))
    assert "required" in elements.only("select")
    assert [each["value"] for each in elements.all("option")] == ["", "draft", "in-review"]


def test_several_choices_are_a_multiple_selection_and_several_texts_are_inputs() -> None:
    selection = Elements(form_with(list[Status], default=[Status.DRAFT]).field("value"))
    assert "multiple" in selection.only("select")
    assert ["selected" in each for each in selection.all("option")] == [True, False]
    texts = Elements(form_with(list[str], default=["a", "b"]).field("value"))
    assert [each["value"] for each in texts.all("input")] == ["a", "b", ""]
    assert len({each["id"] for each in texts.all("input")}) == 3


@pytest.mark.parametrize(("widget", "kind"), [("radio", "radio"), ("checkboxes", "checkbox")])
def test_choices_are_a_group_with_a_legend(widget: Any, kind: str) -> None:
    annotation = Status if widget == "radio" else list[Status]
    cls = attrs.make_class("Made", {"value": attrs.field(type=annotation)})
    form = html_form(
        cls,
        Submission([FormError("value", "is required")], {"value": ["draft"]}),
        widgets={"value": widget},
    )
    elements = Elements(form.fields())
    assert elements.text("legend") == ["Value"]
    boxes = elements.all("input")
    assert [(each["type"], each["value"], "checked" in each) for each in boxes] == [
        (kind, "draft", True),
        (kind, "in-review", False),
    ]
    assert [each["id"] for each in boxes] == ["value-1", "value-2"]
    assert ["autofocus" in each for each in boxes] == [True, False]
    assert elements.text("label") == ["Draft", "In review"]
    assert form.all_errors()[0].name == "value-1"


# -- values --------------------------------------------------------------------------------------


def test_a_new_form_shows_the_defaults_but_no_password() -> None:
    page = str(html_form(NewPost).fields())
    assert 'value="5"' in page
    assert "checked" in page
    assert "hunter2" not in page


def test_a_choice_about_a_password_keeps_its_state() -> None:
    @attrs.frozen
    class Invitation:
        reset_password: bool = True
        password_policy: Literal["strict", "lax"] = "lax"

    form = html_form(Invitation)
    assert "checked" in input_of(form, "reset_password")
    assert '<option value="lax" selected>' in str(form.field("password_policy"))
    texts = {"reset_password": ["true"], "password_policy": ["strict"]}
    form = html_form(Invitation, Submission((), texts))
    assert "checked" in input_of(form, "reset_password")
    assert '<option value="strict" selected>' in str(form.field("password_policy"))


@attrs.define
class Post:
    title: str = "Tea & <b>"
    body: str = "text"
    likes: int = 7
    day: datetime.date | None = datetime.date(2024, 5, 31)
    is_public: bool = False
    status: Status = Status.IN_REVIEW
    author_id: int | None = 2
    password: str = "hunter2"
    secret_of_the_row: str = "row"


@pytest.mark.parametrize("values", [Post(), attrs.asdict(Post())])
def test_an_edit_form_shows_the_values_of_an_object_or_a_mapping(values: object) -> None:
    form = html_form(NewPost, values=values, options={"author_id": {1: "Ada", 2: "Bob"}})
    page = str(form.fields())
    assert input_of(form, "title")["value"] == "Tea & <b>"
    assert "<b>" not in page
    assert input_of(form, "day")["value"] == "2024-05-31"
    assert "checked" not in input_of(form, "is_public")
    assert '<option value="in-review" selected>' in page
    assert '<option value="2" selected>Bob</option>' in page
    assert "hunter2" not in page
    assert "row" not in page.replace("rows", "")


def test_a_submitted_form_shows_what_was_typed_and_not_the_object() -> None:
    texts = {"title": ["<script>"], "likes": ["many"], "is_public": [], "day": ["today"]}
    form = html_form(NewPost, Submission([FormError("likes", "bad")], texts), values=Post())
    assert input_of(form, "title")["value"] == "<script>"
    assert "checked" not in input_of(form, "is_public")
    assert form.value("body") == ""
    assert "<script>" not in str(form.fields())
    # An input of type number or date would be empty, because the browser cannot read the text.
    for name, text in (("likes", "many"), ("day", "today")):
        assert (input_of(form, name)["type"], input_of(form, name)["value"]) == ("text", text)
        assert "step" not in input_of(form, name)


def test_a_password_is_never_shown_whatever_the_page_says() -> None:
    texts = {name: ["hunter2"] for name in ("password", "token", "pin")}

    @attrs.frozen
    class Account:
        password: str
        token: str = attrs.field(repr=False)
        pin: str

    for submitted, values in ((Submission((), texts), None), (None, texts)):
        form = html_form(
            Account, submitted, values, widgets={"password": "text", "pin": "password"}
        )
        assert "hunter2" not in str(form.fields())
        assert "hunter2" not in form.attributes("password", type="text")
    by_hand = html_form(None, Submission((), texts))
    assert "hunter2" not in by_hand.attributes("pin", type="password")
    assert "hunter2" not in by_hand.attributes("password")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (datetime.datetime(2024, 5, 31, 12, 0), "2024-05-31T12:00"),
        (datetime.datetime(2024, 5, 31, 12, 0, 7), "2024-05-31T12:00:07"),
        (
            datetime.datetime(2024, 5, 31, 12, tzinfo=EAST),
            "2024-05-31T10:00",
        ),
        (datetime.time(9, 5), "09:05"),
        (datetime.timedelta(days=1, hours=2, seconds=1.5), "P1DT2H1.5S"),
        (datetime.timedelta(), "P0D"),
        (-datetime.timedelta(minutes=3), "-PT3M"),
        (decimal.Decimal("1E+2"), "100"),
        (b"abc", "abc"),
        (1.5, "1.5"),
        (None, ""),
    ],
)
def test_values_are_written_as_browsers_and_the_router_read_them(value: object, text: str) -> None:
    assert html_form(values={"value": value}).value("value") == text


def test_a_moment_with_seconds_has_a_step_of_a_second() -> None:
    values = {"value": datetime.datetime(2024, 5, 31, 12, 0, 7)}
    cls = attrs.make_class("Made", {"value": attrs.field(type=datetime.datetime)})
    assert 'step="1"' in html_form(cls, values=values).attributes("value")


# -- errors --------------------------------------------------------------------------------------


def invalid() -> Submission:
    errors = [
        FormError("", "the blog is closed"),
        FormError("likes", "must be >= 0"),
        FormError("title", "is required"),
        FormError("title", "expected <b>"),
    ]
    return Submission(errors, {"title": [""], "likes": ["-1"]})


def test_each_error_is_beside_its_field_and_is_named_by_its_input() -> None:
    form = html_form(NewPost, invalid(), hints={"title": "Short"})
    elements = Elements(form.field("title"))
    title = elements.only("input")
    assert title["aria-invalid"] == "true"
    assert title["aria-describedby"] == "title-hint title-error"
    ids = {attributes["id"] for _, attributes, _ in elements.found if "id" in attributes}
    assert ids == {"title", "title-hint", "title-error"}
    assert elements.text("p") == ["Short", "Title is required", "Title: expected <b>"]
    assert "<b>" not in str(form.field("title"))
    assert form.errors("likes") == ["Likes must be at least 0"]
    assert "aria-invalid" not in Elements(form.field("body")).only("textarea")


def test_the_summary_lists_all_errors_with_links_to_their_inputs_and_has_the_focus() -> None:
    form = html_form(NewPost, invalid())
    summary = Elements(form.error_summary())
    assert summary.found[0][1] == {
        "class": "form-error-summary", "role": "alert", "tabindex": "-1", "autofocus": None,
    }  # fmt: skip
    assert [(each["href"]) for each in summary.all("a")] == ["#title", "#title", "#likes"]
    assert summary.text("li")[0] == "The blog is closed"
    assert summary.text("a")[0] == "Title is required"
    assert summary.text("p") == ["There are 4 errors:"]
    assert "autofocus" not in str(form.fields())


def test_without_a_summary_the_first_invalid_field_has_the_focus() -> None:
    form = html_form(NewPost, invalid())
    page = Elements(form.fields())
    focused = [attributes["id"] for _, attributes, _ in page.found if "autofocus" in attributes]
    assert focused == ["title"]
    assert "autofocus" in form.attributes("title")


def test_a_valid_form_has_no_summary_and_no_focus() -> None:
    form = html_form(NewPost, Submission((), {"title": ["Tea"]}))
    assert form.error_summary() == ""
    assert not form.is_invalid
    assert "autofocus" not in str(form.fields())
    assert "aria-" not in str(form.fields())


def test_an_error_of_a_field_that_the_page_does_not_show_is_in_the_summary() -> None:
    form = html_form(NewPost, invalid(), fields=["likes"])
    assert [error.name for error in form.all_errors()] == ["", "likes", "", ""]
    assert [error.name for error in html_form(None, invalid()).all_errors()] == [
        "", "likes", "title", "title",
    ]  # fmt: skip
    hidden = html_form(NewPost, invalid(), widgets={"likes": "hidden"})
    assert [error.name for error in hidden.all_errors()] == ["", "title", "title", ""]
    assert form.errors() == [
        "The blog is closed",
        "Likes must be at least 0",
        "Title is required",
        "Title: expected <b>",
    ]


def test_an_error_of_a_field_that_the_class_lacks_is_in_the_summary_without_a_link() -> None:
    form = html_form(NewPost, Submission([FormError("slug_text", "is taken")]))
    assert form.all_errors() == [FormError("", "Slug text is taken")]
    assert "<a" not in form.error_summary()
    assert "autofocus" in form.error_summary()


# -- what a page states --------------------------------------------------------------------------


def test_a_page_chooses_fields_labels_hints_widgets_and_attributes() -> None:
    form = html_form(
        NewPost,
        fields=["likes", "title", "body"],
        labels={"title": "Headline"},
        hints={"body": "Use <em>"},
        widgets={"body": "text", "likes": "hidden"},
        attributes={"title": {"placeholder": 'a "b"', "autocomplete": "off", "data-x": None}},
        prefix="post-",
    )
    assert [field.name for field in form] == ["likes", "title", "body"]
    assert "title" in form
    assert "day" not in form
    hidden = '<input id="post-likes" name="likes" type="hidden" value="5">'
    assert str(form.field("likes")) == hidden
    title = Elements(form.field("title"))
    assert title.text("label") == ["Headline"]
    assert title.only("input")["placeholder"] == 'a "b"'
    assert "data-x" not in title.only("input")
    assert title.only("label")["for"] == title.only("input")["id"] == "post-title"
    assert "Use &lt;em&gt;" in form.field("body").__html__()


def test_the_labels_are_made_of_names_and_titles() -> None:
    @attrs.frozen
    class Made:
        published_on: str
        author_id: int
        is_public: bool
        homepageURL: str  # noqa: N815 - as documents write it
        other: Annotated[str, msgspec.Meta(title="Something else")]

    assert [field.label for field in html_form(Made)] == [
        "Published on",
        "Author",
        "Public",
        "Homepage URL",
        "Something else",
    ]


def test_the_names_on_the_wire_are_those_of_the_annotations() -> None:
    @attrs.frozen
    class Named:
        name = "page-size"
        min_length = ge = None

    form = form_with(Annotated[int, Named()], "page_size")
    assert (input_of(form, "page_size")["name"], form.field("page_size").id) == (
        "page-size",
        "page-size",
    )


def test_a_default_that_is_made_is_made_for_each_form() -> None:
    made = iter("ab")

    @attrs.frozen
    class Made:
        code: str = attrs.field(factory=lambda: next(made))

    assert [html_form(Made).value("code") for _ in range(2)] == ["a", "b"]


def test_private_members_and_those_without_an_argument_are_not_fields() -> None:
    @attrs.frozen
    class Made:
        title: str
        _owner: str = ""
        created: str = attrs.field(init=False, default="")

    @dataclass
    class Other:
        title: str
        tags: list[str] = field(default_factory=lambda: ["a"])
        created: str = field(init=False, default="")

    class Third(TypedDict, total=False):
        title: str

    assert [each.name for each in html_form(Made)] == ["title"]
    assert {each.name: each.texts for each in html_form(Other)} == {"title": [], "tags": ["a"]}
    assert [(each.name, each.is_required) for each in html_form(Third)] == [("title", False)]


@pytest.mark.parametrize(
    "arguments",
    [
        {"fields": ["titel"]},
        {"exclude": ["titel"]},
        {"labels": {"titel": "x"}},
        {"hints": {"titel": "x"}},
        {"options": {"titel": []}},
        {"widgets": {"titel": "text"}},
        {"attributes": {"titel": {}}},
    ],
)
def test_a_name_that_is_not_a_field_is_refused(arguments: Any) -> None:
    with pytest.raises(ValueError, match="has no field 'titel'"):
        html_form(NewPost, **arguments)


def test_mistakes_are_named() -> None:
    with pytest.raises(ValueError, match="'area' of field 'title' is not a widget"):
        html_form(NewPost, widgets={"title": "area"})  # type: ignore[dict-item]
    with pytest.raises(TypeError, match="attrs class"):
        html_form(int)
    with pytest.raises(LookupError, match="no field 'titel'"):
        html_form(NewPost).field("titel")


def test_a_form_with_files_is_sent_as_multipart() -> None:
    assert form_with(File | None).enctype == "multipart/form-data"
    assert html_form(NewPost).enctype == "application/x-www-form-urlencoded"


# -- by hand -------------------------------------------------------------------------------------


def test_a_form_is_written_by_hand() -> None:
    form = html_form(None, invalid(), hints={"title": "Short"})
    assert form.attributes("title", autocomplete="off", class_="wide") == Markup(
        'id="title" name="title" type="text" value="" aria-invalid="true" '
        'aria-describedby="title-hint title-error" autofocus autocomplete="off" class="wide"'
    )
    assert form.attributes("likes", type="number", min=0, required=True) == Markup(
        'id="likes" name="likes" type="number" value="-1" required aria-invalid="true" '
        'aria-describedby="likes-error" min="0"'
    )
    assert form.errors("title") == ["Title is required", "Title: expected <b>"]


def test_boxes_choices_and_areas_are_written_by_hand() -> None:
    form = html_form(None, Submission((), {"box": ["on"], "kind": ["b"], "text": ["a"]}))
    assert "checked" in form.attributes("box", type="checkbox")
    assert "checked" not in form.attributes("other", type="checkbox")
    assert "checked" in form.attributes("kind", type="radio", value="b")
    assert "checked" not in form.attributes("kind", type="radio", value="a")
    assert form.is_selected("kind", "b")
    assert not form.is_selected("kind", "a")
    assert form.attributes("text", type="textarea") == 'id="text" name="text"'
    assert form.attributes("kind", type="select") == 'id="kind" name="kind"'
    assert form.value("text") == "a"


def test_names_and_attributes_cannot_break_out_of_the_markup() -> None:
    form = html_form(None, values={'a"><script>': '"><script>'})
    assert "<script>" not in form.attributes('a"><script>', title='"><script>')
    assert "<script>" not in str(form.field('a"><script>'))


def test_an_enumeration_of_texts_is_a_selection() -> None:
    class Level(enum.StrEnum):
        LOW = "low"
        HIGH = "high"

    @attrs.frozen
    class Alarm:
        level: Level

    field = html_form(Alarm, values=Alarm(Level.HIGH)).field("level")
    assert (field.widget, field.texts) == ("select", ["high"])
    assert [option.value for option in field.options] == ["low", "high"]
