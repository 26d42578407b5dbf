"""What is read of cachegrind's file."""

from pathlib import Path

import pytest

from bench.errors import BenchError
from bench.instructions import counted


def test_the_sum_is_read(tmp_path: Path) -> None:
    out = tmp_path / "counts"
    out.write_text(
        "desc: I1 cache: none\ncmd: python\nevents: Ir\nfl=a.c\nfn=f\n1 25\nsummary: 25\n"
    )
    assert counted(out) == 25


def test_a_count_that_was_not_written_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="no count"):
        counted(tmp_path / "counts")
