"""The pure parts: reading wrk and /proc, judging answers, ratios, tables."""

import json

import pytest

from bench._load import parse_duration, parse_wrk
from bench._machine import cpu_model
from bench._probe import check
from bench._report import share, table, to_json
from bench._results import Outcome, Row, Sample, Spread, ratio
from bench._run import Options, plan
from bench._usage import ProcessStat, members, parse_stat
from bench.errors import BenchError
from bench.scenarios import JSON, POST, TYPED

WRK = """Running 2s test @ http://127.0.0.1:45123/json
  1 threads and 64 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     5.22ms    1.50ms  21.00ms   50.10%
    Req/Sec    11.55k   500.00    12.00k    99.00%
  Latency Distribution
     50%  620.00us
     75%    1.10ms
     90%    1.90ms
     99%    1.02s
  23098 requests in 2.00s, 3.50MB read
Requests/sec:  11549.12
Transfer/sec:      1.75MB
"""


def sample(cpu_us: float, *, rate: float = 1000.0, p99_us: float = 1500.0) -> Sample:
    return Sample(cpu_us=cpu_us, rate=rate, p50_us=620.0, p99_us=p99_us, memory=52_000_000)


def row(server: str, *cpu_us: float, scenario: str = "json", error: str | None = None) -> Row:
    return Row(scenario, server, dict(enumerate(map(sample, cpu_us), start=1)), error)


def outcome(*rows: Row) -> Outcome:
    return Outcome({"cpu": "Test CPU"}, {"rounds": 3}, {"fastapi": "1.2.3"}, rows)


# wrk


def test_a_wrk_report_gives_requests_rate_and_percentiles_in_microseconds() -> None:
    load = parse_wrk(WRK)

    assert (load.requests, load.rate) == (23098, 11549.12)
    assert (load.p50_us, load.p99_us) == (620.0, 1_020_000.0)


@pytest.mark.parametrize(
    ("text", "microseconds"),
    [("620.00us", 620), ("1.21ms", 1210), ("2.00s", 2e6), ("1.50m", 90e6), ("0.10h", 360e6)],
)
def test_every_unit_of_wrk_is_read(text: str, microseconds: float) -> None:
    assert parse_duration(text) == pytest.approx(microseconds)


@pytest.mark.parametrize("text", ["", "12", "12 ms", "1.0d", "-nan", "ms"])
def test_what_is_no_duration_of_wrk_is_refused(text: str) -> None:
    with pytest.raises(BenchError, match="is not a duration"):
        parse_duration(text)


@pytest.mark.parametrize(
    "complaint",
    ["Socket errors: connect 0, read 3, write 0, timeout 1", "Non-2xx or 3xx responses: 12"],
)
def test_errors_seen_by_wrk_are_errors_of_the_measurement(complaint: str) -> None:
    report = WRK.replace("Requests/sec", f"  {complaint}\nRequests/sec")

    with pytest.raises(BenchError, match=complaint):
        parse_wrk(report)


def test_a_load_without_one_answer_is_an_error() -> None:
    with pytest.raises(BenchError, match="not one request was answered"):
        parse_wrk(WRK.replace("23098 requests", "0 requests"))


def test_a_report_that_is_not_of_wrk_is_quoted() -> None:
    with pytest.raises(BenchError, match="unable to connect"):
        parse_wrk("unable to connect to 127.0.0.1:1 Connection refused")


# /proc


def stat_line(pid: int, name: str, *, parent: int = 1, session: int = 1) -> str:
    head = f"{pid} ({name}) S {parent} {pid} {session} 0 -1 4194304 900 0 0 0"
    return f"{head} 150 50 7 3 20 0 1 0 12345 104857600 2560 18446744073709551615 1 1 0 0\n"


@pytest.mark.parametrize(
    "name", ["python3", "a b", "(sd-pam)", "x) R 1 2 3", "tmux: server", "line\nend", ""]
)
def test_a_stat_line_is_read_whatever_the_process_is_called(name: str) -> None:
    stat = parse_stat(stat_line(4711, name, parent=42, session=40))

    assert (stat.pid, stat.name, stat.parent, stat.session) == (4711, name, 42, 40)


def test_cpu_counts_user_and_system_of_a_process_and_of_its_finished_children() -> None:
    stat = parse_stat(stat_line(1, "python3"))

    assert stat.ticks == 150 + 50 + 7 + 3
    assert stat.pages == 2560


def process(pid: int, *, parent: int, session: int) -> ProcessStat:
    return ProcessStat(pid, "x", parent=parent, session=session, ticks=1, pages=1)


def test_a_server_is_its_session_and_all_descendants_in_whatever_order_they_are_listed() -> None:
    grandchild = process(12, parent=11, session=11)
    own_session = process(11, parent=10, session=11)
    orphan = process(13, parent=1, session=10)
    leader = process(10, parent=2, session=10)
    bench, stranger = process(2, parent=1, session=2), process(99, parent=2, session=99)

    everyone = [grandchild, own_session, orphan, leader, bench, stranger]

    assert {s.pid for s in members(10, among=everyone)} == {10, 11, 12, 13}


def test_a_server_that_is_gone_has_no_members() -> None:
    assert members(10, among=[process(2, parent=1, session=2)]) == []


def test_the_cpu_model_is_found_in_cpuinfo() -> None:
    assert cpu_model("processor\t: 0\nmodel name\t: Fast CPU @ 3GHz\nmodel\t: 17\n") == (
        "Fast CPU @ 3GHz"
    )


# Answers


def test_the_nested_post_has_285_bytes() -> None:
    assert POST.load.body is not None
    assert len(POST.load.body) == 285
    assert len(json.loads(POST.load.body)["items"]) == 5


def test_a_right_answer_may_order_and_space_its_json_as_it_likes() -> None:
    check(TYPED.load, status=200, body=b'{ "q": "abc",\n "item_id": 42 }')


@pytest.mark.parametrize(
    ("status", "body", "complaint"),
    [
        (500, b"oops", "wanted status 200, got 500: oops"),
        (200, b'{"item_id": "42", "q": "abc"}', "wanted .*, got "),
        (200, b"not json", "got not json"),
        (200, b"\xff\xfe", "got "),
    ],
)
def test_a_wrong_answer_is_told_with_both_sides(status: int, body: bytes, complaint: str) -> None:
    with pytest.raises(BenchError, match=complaint):
        check(TYPED.load, status=status, body=body)


def test_a_server_that_takes_invalid_input_fails_the_probe() -> None:
    with pytest.raises(BenchError, match="wanted status 400 or 422, got 200"):
        check(POST.refused[0], status=200, body=b"{}")


# Ratios


def test_a_spread_is_median_and_extremes() -> None:
    assert Spread.of([3.0, 1.0, 10.0]) == Spread(median=3.0, low=1.0, high=10.0)


def test_a_ratio_is_the_median_of_the_ratios_within_rounds() -> None:
    # In round 2 the whole machine was ten times slower; the ratio does not see it.
    found = ratio(row("photon", 20.0, 200.0, 24.0), to=row("floor", 10.0, 100.0, 10.0))

    assert found == Spread(median=2.0, low=2.0, high=2.4)


def test_a_ratio_uses_only_rounds_both_sides_have() -> None:
    partial = Row("json", "photon", {2: sample(30.0)})

    assert ratio(partial, to=row("floor", 1.0, 10.0)) == Spread(3.0, 3.0, 3.0)


def test_a_ratio_of_another_figure_is_taken_within_rounds_too() -> None:
    slow = Row("json", "robyn", {1: sample(9.0, p99_us=3000.0), 2: sample(9.0, p99_us=60_000.0)})
    photon = Row("json", "photon", {1: sample(9.0), 2: sample(9.0, p99_us=20_000.0)})

    assert ratio(slow, to=photon, figure="p99_us") == Spread(2.5, 2.0, 3.0)


def test_there_is_no_ratio_to_nothing_to_an_error_or_to_zero() -> None:
    photon = row("photon", 20.0)

    assert ratio(photon, to=None) is None
    assert ratio(photon, to=row("floor", 10.0, error="crashed")) is None
    assert ratio(row("photon", 20.0, error="crashed"), to=photon) is None
    assert ratio(photon, to=row("floor", 0.0)) is None


@pytest.mark.parametrize(
    ("value", "text"), [(0.125, "1/8.0"), (1.0, "1.0"), (1.26, "1.3"), (0.0, "0.0")]
)
def test_a_share_is_written_as_it_is_said(value: float, text: str) -> None:
    assert share(value) == text


# The plan and the report


def options(*, servers: tuple[str, ...], scenarios: tuple[str, ...]) -> Options:
    return Options(servers, scenarios, 1, 1, 1, server_core=0, load_core=1)


def test_the_floor_is_measured_once_by_its_own_request_whatever_was_asked() -> None:
    rows = plan(options(servers=("fastapi", "floor"), scenarios=("typed", "post")))

    assert [(r.scenario, r.server) for r in rows] == [
        ("json", "floor"),
        ("typed", "fastapi"),
        ("post", "fastapi"),
    ]


def test_a_bare_server_takes_part_only_in_what_it_can_answer() -> None:
    rows = plan(options(servers=("granian", "photon"), scenarios=("json", "typed")))

    assert [(r.scenario, r.server) for r in rows] == [
        ("json", "granian"),
        ("json", "photon"),
        ("typed", "photon"),
    ]


def test_a_table_compares_with_the_floor_of_json_and_with_fastapi_of_the_same_scenario() -> None:
    text = table(
        outcome(
            row("floor", 10.0),
            row("fastapi", 100.0),
            row("fastapi", 300.0, scenario="typed"),
            row("photon", 40.0, scenario="typed"),
        )
    )

    typed = text[text.index("### typed") :]
    line = next(line for line in typed.splitlines() if line.startswith("| photon"))
    assert [cell.strip() for cell in line.split("|")[1:5]] == ["photon", "40.0", "4.00", "1/7.5"]


def test_a_row_shows_whether_its_p99_is_above_that_of_photon() -> None:
    slow = Row("json", "robyn", {1: sample(90.0, p99_us=4500.0)})
    text = table(outcome(row("photon", 30.0), slow))

    cells = {
        line.split("|")[1].strip(): line.split("|")[-3].strip()
        for line in text.splitlines()
        if line.startswith("|")
    }
    assert cells["server"] == "p99 to photon"
    assert (cells["robyn"], cells["photon"]) == ("3.00", "1.00")


def test_the_table_and_the_json_show_which_way_photon_ran() -> None:
    ways = {"photon": "photon-speedups 1.0", "photon-python": "Python (PHOTON_SPEEDUPS=0)"}
    rows = [Row("json", name, {1: sample(9.0)}, way=way) for name, way in ways.items()]
    result = outcome(*rows, row("granian", 30.0))

    assert "ways: photon photon-speedups 1.0; photon-python Python (PHOTON_SPEEDUPS=0)" in table(
        result
    )
    assert [each["way"] for each in json.loads(to_json(result))["rows"]] == [*ways.values(), None]


def test_a_table_shows_the_spread_and_the_cheapest_first() -> None:
    text = table(outcome(row("fastapi", 90.0, 100.0, 120.0), row("floor", 10.0, 10.0, 10.0)))

    assert "100.0 (90.0-120.0)" in text
    assert text.index("| floor") < text.index("| fastapi")


def test_every_line_of_a_table_has_the_same_number_of_cells() -> None:
    text = table(outcome(row("floor", 10.0), row("photon", error="a | b\nc")))

    lines = [line.replace("\\|", "") for line in text.splitlines() if line.startswith("|")]
    assert len(lines) == 4
    assert {line.count("|") for line in lines} == {10}


def test_an_error_is_a_row_and_makes_the_run_fail() -> None:
    result = outcome(row("floor", 10.0), row("photon", error="it ended with status 1"))

    assert result.failed
    assert "ERROR: it ended with status 1" in table(result)


def test_a_run_without_errors_has_not_failed() -> None:
    assert not outcome(row("floor", 10.0)).failed


def test_the_json_holds_every_round_the_summary_and_the_ratios() -> None:
    document = json.loads(to_json(outcome(row("floor", 10.0, 10.0), row("granian", 30.0, 20.0))))

    granian = document["rows"][1]
    assert granian["cpu_us"] == {"median": 25.0, "low": 20.0, "high": 30.0}
    assert granian["to_floor"]["median"] == 2.5
    assert granian["to_fastapi"] is None
    assert granian["rounds"]["2"]["cpu_us"] == 20.0
    assert document["machine"] == {"cpu": "Test CPU"}


def test_the_json_of_an_error_tells_it_and_has_no_figures() -> None:
    document = json.loads(to_json(outcome(row("photon", error="it crashed"))))

    assert document["rows"][0]["error"] == "it crashed"
    assert "cpu_us" not in document["rows"][0]


def test_the_constant_object_is_what_the_floor_answers() -> None:
    check(JSON.load, status=200, body=b'{"message":"Hello, World!"}')
