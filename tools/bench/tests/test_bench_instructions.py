"""What is read of cachegrind's files."""

from pathlib import Path

import pytest

from bench.errors import BenchError
from bench.instructions import COUNTED, DEFAULT, counted, supported
from bench.scenarios import BROWSER, JSON


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


def test_the_browser_sends_ten_more_fields_for_the_same_response() -> None:
    assert len(BROWSER.load.headers) == 10
    assert (BROWSER.load.target, BROWSER.load.answer) == (JSON.load.target, JSON.load.answer)


def test_photon_is_counted_in_all_scenarios_both_ways() -> None:
    assert {name.endswith("-python") for name in DEFAULT} == {True, False}
    for name in DEFAULT:
        assert supported(name, tuple(COUNTED)) == ["json", "typed", "post", "browser"]
    assert supported("photon", ("browser",)) == ["browser"]
    assert supported("granian", tuple(COUNTED)) == ["json", "browser"]
