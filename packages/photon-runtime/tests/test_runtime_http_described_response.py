import pytest

from photon_runtime.http import Html


def test_a_page_is_a_response_and_a_text() -> None:
    page = Html("<p>ä", status=404, headers={"x-more": "1"})

    assert str(page) == "<p>ä"
    assert (page.status, page.body) == (404, "<p>ä".encode())
    assert page.content_type == "text/html; charset=utf-8"
    assert page.header("x-more") == "1"


def test_a_streamed_page_has_no_text() -> None:
    page = Html(part for part in (b"a", b"b"))

    with pytest.raises(TypeError, match="a streamed page has no text"):
        str(page)
    assert b"".join(page.body) == b"ab"  # type: ignore[arg-type]


def test_a_page_is_html_in_templates_and_another_text_is_escaped() -> None:
    assert Html("<p>").__html__() == "<p>"
    assert Html("<p>", content_type="text/plain; charset=utf-8").__html__() == "&lt;p&gt;"
