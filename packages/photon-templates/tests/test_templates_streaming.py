from collections.abc import Iterator
from pathlib import Path

import jinja2
import pytest

from photon_templates import EnvironmentOptions, Templates
from photon_templates._streaming import TemplateBody, flush

OPTIONS = EnvironmentOptions(globals={"flush": flush})


def body_of(tmp_path: Path, text: str, **values: object) -> TemplateBody:
    (tmp_path / "page.html").write_text(text)
    return TemplateBody(Templates(tmp_path, options=OPTIONS), "page.html", values)


def test_small_pieces_are_joined(tmp_path: Path) -> None:
    body = body_of(tmp_path, "{% for x in items %}<li>{{ x }}ä{% endfor %}", items=range(10_000))

    parts = list(body)

    assert b"".join(parts).decode() == "".join(f"<li>{number}ä" for number in range(10_000))
    assert all(8192 <= len(part.decode()) < 9000 for part in parts[:-1])


def test_a_template_flushes_what_is_rendered(tmp_path: Path) -> None:
    events: list[object] = []

    def slow() -> Iterator[int]:
        for number in range(2):
            events.append(number)
            yield number

    text = "<head>{{ flush() }}{% for x in items %}{{ x }}{{ flush() }}{% endfor %}</html>"
    for part in body_of(tmp_path, text, items=slow()):
        events.append(part)

    assert events == [b"<head>", 0, b"0", 1, b"1", b"</html>"]


def test_a_flush_in_a_page_that_is_whole_does_nothing(tmp_path: Path) -> None:
    templates = Templates(options=OPTIONS)

    assert templates.render_string("a{{ flush() }}b") == "ab"


def test_closing_a_body_ends_the_rendering(tmp_path: Path) -> None:
    ended: list[str] = []

    def items() -> Iterator[int]:
        try:
            yield from range(10)
        finally:
            ended.append("items")

    body = body_of(tmp_path, "{% for x in items %}{{ x }}{{ flush() }}{% endfor %}", items=items())
    assert next(iter(body)) == b"0"
    body.close()

    assert ended == ["items"]
    assert list(body) == []


def test_a_missing_template_is_an_error_before_the_first_part(tmp_path: Path) -> None:
    with pytest.raises(jinja2.TemplateNotFound):
        TemplateBody(Templates(tmp_path), "gone.html", {})


def test_an_error_in_the_middle_follows_the_parts_before_it(tmp_path: Path) -> None:
    body = body_of(tmp_path, "one{{ flush() }}\n{{ gone }}")

    parts = iter(body)
    assert next(parts) == b"one"
    with pytest.raises(jinja2.UndefinedError) as caught:
        next(parts)
    assert caught.value.__notes__ == [f"in the template {tmp_path}/page.html:2: {{{{ gone }}}}"]
