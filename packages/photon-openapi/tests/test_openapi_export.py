from __future__ import annotations

import json

import hypothesis
import hypothesis.strategies as st

from photon_openapi.document._export import encode_document
from photon_openapi.document._yaml import parse_yaml

TEXTS = st.text(alphabet=st.sampled_from("ab \n\t:#-'\"|>\u2028\x85é\r1e"), max_size=12)


@hypothesis.given(st.dictionaries(st.text(max_size=5), TEXTS | st.lists(TEXTS, max_size=3)))
def test_what_is_written_is_what_is_read(value: dict[str, object]) -> None:
    document = {"x": value}
    assert parse_yaml(encode_document(document, form="yaml").decode()) == document
    assert json.loads(encode_document(document, form="json")) == document


def test_texts_of_several_lines_are_blocks() -> None:
    text = encode_document({"a": "one\n# two\n\nthree\n", "b": "one"}, form="yaml")
    assert text.decode() == "a: |\n  one\n  # two\n\n  three\nb: one\n"


def test_the_line_ends_at_the_end_of_the_last_text_are_kept() -> None:
    document: dict[str, object] = {"a": "b\nc\n\n\n"}
    assert parse_yaml(encode_document(document, form="yaml").decode()) == document
