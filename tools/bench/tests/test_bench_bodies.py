"""The rows of large bodies: the best peer, ratios within rounds, errors."""

from bench.bodies import SERVERS, Cost, Exchange, is_possible, lines

UPLOAD = Exchange(True, 1_048_576)


def test_a_ratio_is_to_the_best_peer_round_by_round() -> None:
    # In round 2 the whole machine was ten times slower; the ratios do not show it.
    costs = {
        "photon": [Cost(130.0, 0.0), Cost(1300.0, 0.0), Cost(120.0, 0.0)],
        "photon-python": [Cost(50.0, 0.0)] * 3,
        "granian": [Cost(200.0, 9.0), Cost(2000.0, 9.0), Cost(200.0, 9.0)],
        "fastwsgi": [Cost(100.0, 0.5), Cost(1000.0, 0.5), Cost(100.0, 0.5)],
    }
    rows = [line[24:].split() for line in lines(UPLOAD, costs, {})]

    assert rows == [
        ["photon", "130.0", "1.30", "0.0"],
        ["photon-python", "50.0", "0.50", "0.0"],
        ["granian", "200.0", "2.00", "9.0"],
        ["fastwsgi*", "100.0", "1.00", "0.5"],
    ]


def test_a_server_that_fails_is_an_error_and_not_the_best_peer() -> None:
    costs = {"photon": [Cost(130.0, 0.0)], "bjoern": [Cost(1.0, 0.0)], "granian": [Cost(100.0, 0)]}
    rows = list(lines(UPLOAD, costs, {"bjoern": "the connection was closed"}))

    assert rows[0].split()[-2] == "1.30"
    assert rows[1].endswith("ERROR: the connection was closed")


def test_without_peers_the_costs_are_shown_alone() -> None:
    assert next(lines(UPLOAD, {"photon": [Cost(1.0, 0.0)]}, {}))[24:].split()[2] == "-"


def test_only_uploads_that_a_server_takes_are_sent() -> None:
    assert not is_possible("freastal", UPLOAD)
    assert is_possible("freastal", Exchange(True, 1024))
    assert is_possible("freastal", Exchange(False, 1_048_576))
    assert is_possible("bjoern", UPLOAD)


def test_photon_is_measured_both_ways() -> None:
    assert SERVERS["photon"].speedups
    assert SERVERS["photon-python"].speedups is False
    assert SERVERS["photon-python"].environ["PHOTON_SPEEDUPS"] == "0"
