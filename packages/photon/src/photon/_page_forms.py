"""Forms of pages, as a browser without scripts submits them.

A page is parsed with the parser of the standard library: the first form that is sent by POST, its
inputs with their values, and the errors beside them. Tests of pages need no browser for that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html.parser import HTMLParser
from urllib.parse import urljoin

import httpx2

_UNSENT = frozenset({"button", "file", "image", "reset", "submit"})
_VOID = frozenset({"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta"})


@dataclass(frozen=True)
class PageForm:
    """A form of a page.

    Attributes:
        url: The URL that it is sent to.
        fields: The texts of its fields by their names, as they are shown.
        errors: The texts of the elements that describe invalid fields, by the names of the fields.
        text: The text of the whole page.
    """

    url: str
    fields: Mapping[str, Sequence[str]]
    errors: Mapping[str, str]
    text: str


def read_form(response: httpx2.Response) -> PageForm:
    """Return the first form of a page that is sent by POST.

    Args:
        response: A page.

    Raises:
        ValueError: The page does not have such a form.
    """
    parser = _FormParser()
    parser.feed(response.text)
    parser.close()
    if parser.action is None:
        raise ValueError(
            f"{response.request.url} does not have a form with method=post (status"
            f" {response.status_code})"
        )
    errors = {
        name: " ".join(filter(None, (parser.texts.get(each, "").strip() for each in ids)))
        for name, ids in parser.invalid.items()
    }
    page = str(response.url)
    return PageForm(
        urljoin(page, parser.action) if parser.action else page,
        parser.fields,
        errors,
        " ".join(parser.words),
    )


def submit_form(
    client: httpx2.Client,
    url: str,
    values: Mapping[str, object] | None = None,
    *,
    headers: Mapping[str, str] | None = None,
) -> httpx2.Response:
    """Open a page, fill in its form, and send it as a browser would.

    The fields of the form that ``values`` do not name are sent as the page shows them, the CSRF
    token among them.

    Args:
        client: A client; its cookies are those of the visitor.
        url: URL of the page.
        values: Values of fields by their names, as in JSON: ``True`` checks a box, ``False`` leaves
            it unchecked, ``None`` empties an input, a list has several values.
        headers: Further header fields of the request that sends the form.

    Returns:
        The response; a redirect is not followed unless the client does so.

    Raises:
        ValueError: The page does not have a form that is sent by POST, or not one of the fields.
    """
    page = client.get(url, headers={"accept": "text/html"})
    form = read_form(page)
    unknown = [name for name in values or {} if name not in form.fields]
    if unknown:
        raise ValueError(
            f"the form of {url} does not have {', '.join(unknown)}; it has {', '.join(form.fields)}"
        )
    data = {name: list(texts) for name, texts in form.fields.items()}
    data |= {name: _texts_of(value) for name, value in (values or {}).items()}
    return client.post(form.url, data=data, headers={"accept": "text/html", **(headers or {})})


def _texts_of(value: object) -> list[str]:
    if isinstance(value, bool):
        return ["true"] if value else []
    if isinstance(value, list | tuple):
        return [
            "true" if each is True else "false" if each is False else str(each) for each in value
        ]
    return ["" if value is None else str(value)]


class _FormParser(HTMLParser):
    """Collects the first form with method=post, and the texts of elements with an id."""

    def __init__(self) -> None:
        super().__init__()
        self.action: str | None = None
        self.fields: dict[str, list[str]] = {}
        self.invalid: dict[str, list[str]] = {}
        self.texts: dict[str, str] = {}
        self.words: list[str] = []
        self._is_inside = False
        self._open: list[tuple[str, str | None]] = []
        self._textarea: str | None = None
        self._select: str | None = None
        self._has_choice = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a form, a field or an element with an id."""
        given = dict(attrs)
        if tag not in _VOID:
            self._open.append((tag, given.get("id")))
        if tag == "form" and self.action is None and (given.get("method") or "").lower() == "post":
            self.action, self._is_inside = given.get("action") or "", True
        if not self._is_inside:
            return
        name = given.get("name")
        if name:
            self._field(tag, name, given)
        elif tag == "option" and self._select is not None:
            self._option(self._select, given)

    def _field(self, tag: str, name: str, given: Mapping[str, str | None]) -> None:
        if given.get("aria-invalid") == "true":
            self.invalid[name] = (given.get("aria-describedby") or "").split()
        if tag == "input":
            self._input(name, given)
        elif tag == "textarea":
            self.fields.setdefault(name, []).append("")
            self._textarea = name
        elif tag == "select":
            self.fields.setdefault(name, [])
            self._select, self._has_choice = name, "multiple" in given

    def _input(self, name: str, given: Mapping[str, str | None]) -> None:
        kind = given.get("type") or "text"
        texts = self.fields.setdefault(name, [])
        if kind in _UNSENT or (kind in ("checkbox", "radio") and "checked" not in given):
            return
        texts.append(given.get("value") or "")

    def _option(self, name: str, given: Mapping[str, str | None]) -> None:
        value = given.get("value") or ""
        if "selected" in given:
            if not self._has_choice:
                self.fields[name].clear()
            self.fields[name].append(value)
            self._has_choice = True
        elif not self._has_choice and not self.fields[name]:
            self.fields[name].append(value)  # a browser selects the first one

    def handle_endtag(self, tag: str) -> None:
        """Leave an element."""
        while self._open:
            opened, _ = self._open.pop()
            if opened == tag:
                break
        if tag == "form":
            self._is_inside = False
        elif tag == "textarea":
            self._textarea = None
        elif tag == "select":
            self._select = None

    def handle_data(self, data: str) -> None:
        """Note a text."""
        if self._textarea is not None:
            texts = self.fields[self._textarea]
            texts[-1] += data.removeprefix("\n") if not texts[-1] else data
        if data.strip():
            self.words.append(data.strip())
        for _, identifier in self._open:
            if identifier:
                self.texts[identifier] = self.texts.get(identifier, "") + data
