from __future__ import annotations

import json

import hypothesis
import hypothesis.strategies as st
import pytest

from photon_openapi.document import _export
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


def test_a_large_document_is_written_in_pieces_between_which_other_threads_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pieces: list[int] = []

    class Counting(_export._Pieces):
        def write(self, piece: bytes) -> None:
            pieces.append(len(piece))
            super().write(piece)

    monkeypatch.setattr(_export, "_Pieces", Counting)
    document: dict[str, object] = {f"path{number}": {"get": "x" * 50} for number in range(2_000)}
    text = encode_document(document, form="yaml")
    assert sum(pieces) == len(text) > 100_000
    assert max(pieces) < 40_000
