"""A form as templates use it: made of a class, or written by hand.

Theory of operation. A form has three sources of what an input shows, in this order: what a client
has typed (``submitted``), the object that is edited (``values``), the defaults of the class. A
password is shown from none of them.

The page gets the focus where reading should go on: on the summary of the errors or on the first
invalid field, whichever is rendered first. So a page has one ``autofocus`` at most, and a template
that leaves the summary out still leads to the first error.

The markup is in the macros of ``photon/form.html``, which a project replaces by a file of that name
in its own folder. A form and its fields are values of a template, so all they return is escaped.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, final

import attrs
from markupsafe import Markup, escape

from photon_runtime.forms import FormError, SubmittedForm, is_password_name

from ._labels import label_of, sentence_of
from ._macros import render_macro
from ._members import Member, members_of
from ._messages import NO, NONE, YES, message_of, summary_title, word
from ._options import Choices, Option, options_of, options_of_type
from ._values import text_of, texts_of, value_in
from ._widgets import (
    CHOICES,
    GROUPS,
    SEVERAL,
    WIDGETS,
    Widget,
    attributes_of,
    is_list,
    is_required,
    item_type,
    shows,
    widget_of,
)

_URLENCODED: Final = "application/x-www-form-urlencoded"
_MULTIPART: Final = "multipart/form-data"
_NOT_IN_ID: Final = re.compile(r"[^A-Za-z0-9_:.-]+")
_CHECKED: Final = ("true", "on", "1", "yes")
_VALUELESS: Final = frozenset({"checkbox", "file", "password"})
_SECONDS: Final = re.compile(r".*T\d\d:\d\d:\d\d.*")


@attrs.frozen(kw_only=True)
class _Overrides:
    """What a page states about fields, by their names."""

    labels: Mapping[str, str]
    hints: Mapping[str, str]
    options: Mapping[str, Choices]
    widgets: Mapping[str, Widget]
    attributes: Mapping[str, Mapping[str, object]]

    def names(self) -> Iterator[tuple[str, str]]:
        """Yield each argument and a name in it."""
        for field in attrs.fields(_Overrides):
            for name in getattr(self, field.name):
                yield field.name, name


class ErrorList(list[FormError]):
    """The errors of a form, as the macro ``error_summary`` gets them."""

    @property
    def title(self) -> str:
        """The sentence above them, in the language of the reader."""
        return summary_title(len(self))


@final
class HtmlForm:
    """A form on a page; made by `html_form`.

    In templates, ``{{ form.field("title") }}`` is a whole field, ``{{ form.fields() }}`` all of
    them, ``{{ form.error_summary() }}`` the list of errors, and ``<input {{
    form.attributes("title") }}>`` an input that is written by hand.

    Attributes:
        is_invalid: True if it shows errors.
        enctype: The encoding of the form: ``multipart/form-data`` if it has files.
    """

    def __init__(
        self,
        members: Mapping[str, Member] | None,
        names: Sequence[str],
        *,
        submitted: SubmittedForm | None,
        values: object,
        overrides: _Overrides,
        prefix: str,
    ) -> None:
        """Store the sources; called by `html_form`."""
        self._members = members
        self._submitted = submitted
        self._values = values
        self._overrides = overrides
        self._prefix = prefix
        self._focus: str | None = None
        self._errors: dict[str, list[str]] = {}
        for error in () if submitted is None else submitted.errors:
            self._errors.setdefault(error.name, []).append(error.message)
        self._fields = {name: self._made(name) for name in names}

    @property
    def is_invalid(self) -> bool:
        """True if it shows errors."""
        return bool(self._errors)

    @property
    def enctype(self) -> str:
        """The encoding of the form: ``multipart/form-data`` if it has files."""
        has_files = any(field.widget == "file" for field in self._fields.values())
        return _MULTIPART if has_files else _URLENCODED

    def field(self, name: str) -> FormField:
        """Return a field; in a template it renders its label, hint, input and errors.

        Raises:
            LookupError: The class of the form does not have it.
        """
        field = self._fields.get(name)
        if field is None:
            if self._members is not None and name not in self._members:
                raise LookupError(f"the form has no field {name!r}: {', '.join(self._members)}")
            field = self._fields[name] = self._made(name)
        return field

    def fields(self, *names: str) -> Markup:
        """Return the markup of fields, by default of all."""
        return Markup("\n").join(self.field(name) for name in names or self._fields)

    def __iter__(self) -> Iterator[FormField]:
        """Iterate over the fields in order."""
        return iter(self._fields.values())

    def __contains__(self, name: object) -> bool:
        """Return whether the form has a field."""
        return name in self._fields

    def attributes(self, name: str, /, **others: object) -> Markup:
        """Return the attributes of an input that is written by hand; see `FormField.attributes`."""
        return self.field(name).attributes(**others)

    def value(self, name: str) -> str:
        """Return the text of a field, for a ``textarea`` that is written by hand."""
        return self.field(name).value

    def is_selected(self, name: str, choice: object) -> bool:
        """Return whether a choice of a field is selected, or its box checked."""
        return text_of(choice) in self.field(name).texts

    def errors(self, name: str | None = None) -> list[str]:
        """Return the errors as sentences: of a field, or all."""
        if name is not None:
            return self.field(name).errors
        return [error.message for error in self.all_errors()]

    def all_errors(self) -> list[FormError]:
        """Return all errors as sentences with the ids of their inputs as names, in order.

        The name of an error of the form as a whole is empty.
        """
        listed = [FormError("", sentence_of("", text)) for text in self._errors.get("", ())]
        shown = list(self._fields)
        for name in (*shown, *(name for name in self._errors if name and name not in shown)):
            if name in self._errors:
                listed += self._linked(name, is_shown=self._members is None or name in shown)
        return listed

    def _linked(self, name: str, *, is_shown: bool) -> list[FormError]:
        """Return the errors of a field, with the id of its input if people can get there."""
        if self._members is not None and name not in self._members:
            # The page has a form of another class than the handler.
            return [FormError("", message_of(label_of(name), text)) for text in self._errors[name]]
        field = self.field(name)
        target = field.target_id if is_shown and field.widget != "hidden" else ""
        return [FormError(target, text) for text in field.errors]

    def error_summary(self) -> Markup:
        """Return the list of all errors, each linked to its input; empty without errors.

        It gets the focus when the page is shown, if no field before it has it.
        """
        errors = self.all_errors()
        if not errors:
            return Markup("")
        return render_macro("error_summary", ErrorList(errors), has_focus=self.takes_focus(""))

    def takes_focus(self, name: str) -> bool:
        """Return whether the summary (``""``) or an invalid field has the focus of the page."""
        if self._focus is None:
            self._focus = name
        return self._focus == name

    # -- fields ---------------------------------------------------------------------------------

    def _made(self, name: str) -> FormField:
        overrides = self._overrides
        member = (self._members or {}).get(name) or Member(name=name)
        choices = overrides.options.get(name)
        widget = overrides.widgets.get(name) or widget_of(member, has_options=choices is not None)
        own = attributes_of(member, widget) | dict(overrides.attributes.get(name, {}))
        label = overrides.labels.get(name) or member.constraints.get("title") or label_of(name)
        is_choice = member.type is bool or options_of_type(member.type) is not None
        is_password = (
            widget == "password"
            or member.is_secret
            or (is_password_name(name) and not is_choice)  # not `reset_password: bool`
        )
        texts = [] if is_password or widget == "file" else self._texts(member)
        return FormField(
            form=self,
            name=name,
            wire_name=member.wire_name,
            id=_NOT_IN_ID.sub("-", f"{self._prefix}{member.wire_name}"),
            label=str(label),
            hint=overrides.hints.get(name, ""),
            errors=[message_of(str(label), text) for text in self._errors.get(name, ())],
            widget=widget,
            texts=texts,
            options=_options(member, choices, widget, texts),
            is_required=is_required(member, widget),
            own_attributes=own,
        )

    def _texts(self, member: Member) -> list[str]:
        if self._submitted is not None:
            return list(self._submitted.texts.get(member.name, ()))
        if self._values is not None:
            texts = texts_of(value_in(self._values, member.name))
        else:
            texts = texts_of(member.initial())
        return texts if texts or member.type is not bool or member.is_optional else ["false"]


@final
@attrs.define(eq=False, kw_only=True)
class FormField:
    """A field of a form; in a template it renders itself by the macro ``field``.

    Attributes:
        form: The form.
        name: Name of the member of the class.
        wire_name: Name on the wire.
        id: Id of the input.
        label: The label.
        hint: A hint, empty without one.
        errors: Its errors, as sentences.
        widget: What it looks like.
        texts: The texts that it shows.
        options: The choices, empty without any.
        is_required: True if a browser refuses an empty input.
        own_attributes: Further attributes of the input.
    """

    form: HtmlForm
    name: str
    wire_name: str
    id: str
    label: str
    hint: str
    errors: list[str]
    widget: Widget
    texts: list[str]
    options: tuple[Option, ...]
    is_required: bool
    own_attributes: dict[str, object]

    def __html__(self) -> str:
        """Return the markup of the whole field."""
        return str(render_macro("field", self))

    __str__ = __html__

    @property
    def value(self) -> str:
        """The text that it shows, the last one of several."""
        return self.texts[-1] if self.texts else ""

    @property
    def is_checked(self) -> bool:
        """True for a box that is checked."""
        return self.value.lower() in _CHECKED

    @property
    def none_label(self) -> str:
        """The label of the choice of nothing."""
        return word(NONE)

    @property
    def is_group(self) -> bool:
        """True for several inputs, which have a legend and not a label."""
        return self.widget in GROUPS

    @property
    def hint_id(self) -> str:
        """Id of the hint."""
        return f"{self.id}-hint"

    @property
    def error_id(self) -> str:
        """Id of the errors."""
        return f"{self.id}-error"

    @property
    def target_id(self) -> str:
        """Id of the input that a link to an error leads to."""
        return f"{self.id}-1" if self.is_group else self.id

    @property
    def described_by(self) -> str:
        """Ids of the hint and the errors."""
        ids = [self.hint_id] if self.hint else []
        return " ".join([*ids, self.error_id] if self.errors else ids)

    @property
    def has_focus(self) -> bool:
        """True for the field that gets the focus when the page is shown."""
        return bool(self.errors) and self.form.takes_focus(self.name)

    def attributes(self, **others: object) -> Markup:
        """Return the attributes of its input.

        They are the id, the name, the value or its state, the constraints, and what assistive
        technology needs of an invalid field. The value of a ``textarea`` is `value`, and that of a
        password is never part of them.

        Args:
            others: Further attributes, which replace those of the field: ``None`` and ``False``
                leave one out, ``True`` writes its name alone, and ``_`` becomes ``-``. Other than
                with a field of a class, say here if it is a ``type="checkbox"``, a ``password`` or
                a ``file``.
        """
        stated = {name.rstrip("_").replace("_", "-"): value for name, value in others.items()}
        kind = str(stated.get("type") or self.widget)
        found: dict[str, object] = {"id": self.id, "name": self.wire_name}
        if kind in ("textarea", "select", "multiselect"):
            stated.pop("type", None)
            found["multiple"] = kind == "multiselect"
        else:
            found["type"] = kind if kind != "texts" else "text"
            found |= self._state(kind, stated)
        found |= self.own_attributes
        if not shows(kind, self.value):  # as a text, people see what they have typed
            found |= {"type": "text", "min": None, "max": None, "step": None}
            stated.pop("type", None)
        if kind == "datetime-local" and _SECONDS.fullmatch(self.value):
            found.setdefault("step", 1)
        found["required"] = self.is_required
        found["aria-invalid"] = "true" if self.errors else None
        found["aria-describedby"] = self.described_by or None
        found["autofocus"] = self.has_focus
        return markup_attributes(found | stated)

    def _state(self, kind: str, stated: Mapping[str, object]) -> dict[str, object]:
        """Return value and state of an input."""
        if kind == "radio":
            return {"checked": text_of(stated.get("value")) in self.texts}
        if kind == "checkbox":
            sent = stated.get("value")
            is_checked = self.is_checked if sent is None else text_of(sent) in self.texts
            return {"value": "true", "checked": is_checked}
        return {} if kind in _VALUELESS else {"value": self.value}

    def option_attributes(self, option: Option) -> Markup:
        """Return the attributes of the ``option`` element of a choice."""
        return markup_attributes({"value": option.value, "selected": option.value in self.texts})

    def choice_attributes(self, number: int, option: Option) -> Markup:
        """Return the attributes of the input of one choice, numbered from 1."""
        kind = "radio" if self.widget == "radio" else "checkbox"
        return self._numbered(number, type=kind, value=option.value)

    def text_attributes(self, number: int, text: str) -> Markup:
        """Return the attributes of the input of one of several texts, numbered from 1."""
        return self._numbered(number, value=text)

    def _numbered(self, number: int, **others: object) -> Markup:
        is_first = number == 1
        return self.attributes(
            id=f"{self.id}-{number}",
            autofocus=is_first and self.has_focus,
            required=is_first and self.is_required and self.widget == "radio",
            **others,
        )


def markup_attributes(attributes: Mapping[str, object]) -> Markup:
    """Return attributes of an element; ``None`` and ``False`` leave one out."""
    parts = []
    for name, value in attributes.items():
        if value is True:
            parts.append(str(escape(name)))
        elif value is not None and value is not False:
            # Not by Markup.format, which takes most of the time of a form.
            parts.append(f'{escape(name)!s}="{escape(text_of(value))!s}"')
    return Markup(" ".join(parts))


def _options(
    member: Member, choices: Choices | None, widget: str, texts: Sequence[str]
) -> tuple[Option, ...]:
    """Return the choices of a member; the first one is empty where nothing may be selected."""
    if widget not in CHOICES:
        return ()
    type_ = item_type(member.type) if is_list(member.type) else member.type
    found = options_of_type(type_) if choices is None else options_of(choices)
    if found is None:
        found = _yes_no() if member.type is bool else ()
    if widget in SEVERAL or any(option.value == "" for option in found):
        return found
    is_empty_possible = member.is_optional or (widget == "select" and not any(texts))
    return (Option("", ""), *found) if is_empty_possible else found


def _yes_no() -> tuple[Option, ...]:
    return Option("true", word(YES)), Option("false", word(NO))


def html_form(
    cls: Any = None,
    submitted: SubmittedForm | None = None,
    values: object = None,
    *,
    labels: Mapping[str, str] | None = None,
    hints: Mapping[str, str] | None = None,
    options: Mapping[str, Choices] | None = None,
    widgets: Mapping[str, Widget] | None = None,
    attributes: Mapping[str, Mapping[str, object]] | None = None,
    fields: Sequence[str] | None = None,
    exclude: Collection[str] = (),
    prefix: str = "",
) -> HtmlForm:
    """Return a form for a template.

    Args:
        cls: The class of the form, an attrs class or a dataclass, whose members become fields; with
            ``None`` the form is written by hand, and any name is a field.
        submitted: The form that a client sent, whose texts and errors are shown.
        values: The object or the mapping that is edited; it is not used if ``submitted`` is stated.
        labels: Labels by field; by default the title of its ``Param``, or its name.
        hints: Hints by field.
        options: Choices by field, such as the rows that a reference may point to.
        widgets: What a field looks like, by field.
        attributes: Further attributes of inputs, by field, such as ``placeholder``.
        fields: The fields, in order; by default all members.
        exclude: Members that are not fields.
        prefix: Beginning of all ids, for several forms on a page.

    Raises:
        TypeError: The class does not have members.
        ValueError: An argument names a field that the class does not have, or an unknown widget.

    Example:
        >>> import attrs
        >>> from photon_templates import html_form
        >>> @attrs.frozen
        ... class NewPost:
        ...     title: str
        ...     is_public: bool = False
        >>> form = html_form(NewPost)
        >>> form.attributes("title")
        Markup('id="title" name="title" type="text" value="" required')
    """
    members = None if cls is None else members_of(cls)
    overrides = _Overrides(
        labels=labels or {},
        hints=hints or {},
        options=options or {},
        widgets=widgets or {},
        attributes=attributes or {},
    )
    names = [name for name in (members or ()) if name not in exclude] if fields is None else fields
    _check(members, overrides, [*names, *exclude])
    return HtmlForm(
        members, names, submitted=submitted, values=values, overrides=overrides, prefix=prefix
    )


def _check(
    members: Mapping[str, Member] | None, overrides: _Overrides, names: Iterable[str]
) -> None:
    for name, widget in overrides.widgets.items():
        if widget not in WIDGETS:
            raise ValueError(
                f"{widget!r} of field {name!r} is not a widget: use {', '.join(sorted(WIDGETS))}"
            )
    if members is None:
        return
    for argument, name in [*(("fields", name) for name in names), *overrides.names()]:
        if name not in members:
            raise ValueError(
                f"{argument}: the form has no field {name!r} (it has: {', '.join(members)})"
            )
