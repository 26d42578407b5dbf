"""What is read of cachegrind's files."""

from pathlib import Path

import pytest

from bench.errors import BenchError
from bench.instructions import counted


def test_the_sums_of_all_processes_are_added_up(tmp_path: Path) -> None:
    for process, count in ((71, 25), (72, 17)):
        (tmp_path / f"counts.{process}").write_text(
            f"desc: I1 cache: none\ncmd: python\nevents: Ir\nfl=a.c\nfn=f\n1 {count}\n"
            f"summary: {count}\n"
        )
    assert counted(tmp_path / "counts") == 42


def test_a_count_that_was_not_written_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="no count"):
        counted(tmp_path / "counts")
