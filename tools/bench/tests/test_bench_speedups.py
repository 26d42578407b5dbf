"""A row of Photon runs the way that it claims, or is an error."""

import pytest

from bench import _speedups
from bench._run import Options, measure, plan
from bench._servers import SERVERS
from bench._speedups import Way, check_way, way_of
from bench.errors import BenchError

USED = Way(is_installed=True, is_used=True, reason="", version="1.2.3")
REFUSED = Way(is_installed=True, is_used=False, reason="PHOTON_SPEEDUPS=0", version=None)
ABSENT = Way(is_installed=False, is_used=False, reason="it is not installed", version=None)


@pytest.mark.parametrize(("way", "wants"), [(USED, True), (REFUSED, False), (ABSENT, False)])
def test_a_server_that_runs_as_it_should_is_measured(way: Way, wants: bool) -> None:
    check_way("photon", way, wants_speedups=wants)


def test_a_server_without_the_module_is_measured_where_that_is_not_installed() -> None:
    check_way("photon", ABSENT, wants_speedups=True)
    assert str(ABSENT) == "Python (it is not installed)"


def test_a_server_that_does_not_use_the_installed_module_is_an_error() -> None:
    with pytest.raises(BenchError, match="photon does not use it: PHOTON_SPEEDUPS=0"):
        check_way("photon", REFUSED, wants_speedups=True)


def test_a_server_of_python_that_uses_the_module_is_an_error() -> None:
    with pytest.raises(BenchError, match=r"photon-python must .* photon-speedups 1\.2\.3"):
        check_way("photon-python", USED, wants_speedups=False)


def test_the_error_is_that_of_all_rows_of_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_speedups, "_ask", lambda environ: USED)
    rows = plan(Options(("photon-python",), ("json", "post"), 1, 1, 1, 0, 0))
    measure(rows, options=Options(("photon-python",), ("json", "post"), 1, 1, 1, 0, 0))
    assert [row.error for row in rows] == [
        "photon-python must run in Python alone, and uses photon-speedups 1.2.3"
    ] * 2


def test_every_server_of_photon_in_python_is_beside_one_with_the_module() -> None:
    of_python = [server for server in SERVERS.values() if server.speedups is False]
    assert [server.name for server in of_python] == ["photon-python", "photon-metrics-python"]
    for server in of_python:
        other = SERVERS[server.name.removesuffix("-python")]
        assert other.speedups
        assert server.environ == {**other.environ, "PHOTON_SPEEDUPS": "0"}
        assert server.scenarios == other.scenarios


def test_photon_is_asked_in_the_environment_of_the_server() -> None:
    way = way_of(SERVERS["photon-python"])
    assert way is not None
    assert not way.is_used


def test_the_module_is_named_without_a_version_where_it_is_used_in_place() -> None:
    in_place = Way(is_installed=True, is_used=True, reason="", version=None)
    assert str(in_place) == "photon-speedups in place"


def test_peers_are_not_asked() -> None:
    assert way_of(SERVERS["granian"]) is None
