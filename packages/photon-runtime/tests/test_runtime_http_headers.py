from __future__ import annotations

import pytest

from photon_runtime.http import Headers, MultiDict


def test_mapping_gives_the_last_value_and_getlist_all_in_order() -> None:
    values = MultiDict([("a", "1"), ("b", "2"), ("a", "3")])
    assert values["a"] == "3"
    assert values.getlist("a") == ["1", "3"]
    assert values.getlist("c") == []
    assert values.pairs() == [("a", "1"), ("b", "2"), ("a", "3")]
    assert list(values) == ["a", "b"]
    assert len(values) == 2
    assert dict(values) == {"a": "3", "b": "2"}


def test_absent_name_is_a_key_error_or_the_default() -> None:
    values = MultiDict()
    with pytest.raises(KeyError):
        values["a"]
    assert values.get("a") is None
    assert values.get("a", "default") == "default"


def test_multidict_compares_names_with_case() -> None:
    values = MultiDict([("Name", "1")])
    assert "name" not in values
    assert values.getlist("name") == []


def test_multidict_shows_its_pairs() -> None:
    assert repr(MultiDict([("a", "1")])) == "MultiDict([('a', '1')])"


def test_changing_the_returned_pairs_changes_nothing() -> None:
    values = MultiDict([("a", "1")])
    values.pairs().clear()
    assert values.pairs() == [("a", "1")]


@pytest.mark.parametrize("name", ["X-Trace", "x-trace", "X-TRACE"])
def test_headers_compare_names_without_case(name: str) -> None:
    headers = Headers([("X-Trace", "1"), ("x-trace", "2"), ("Other", "3")])
    assert headers[name] == "2"
    assert headers.get(name) == "2"
    assert headers.getlist(name) == ["1", "2"]
    assert name in headers


def test_headers_list_their_names_in_lower_case() -> None:
    assert list(Headers([("X-Trace", "1"), ("Other", "3")])) == ["x-trace", "other"]


def test_what_is_no_text_is_in_no_headers() -> None:
    anything: list[object] = [5, b"5", None]
    assert not any(name in Headers([("5", "1")]) for name in anything)
