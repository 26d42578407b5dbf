"""The page about jobs: which requests may see it, and what it makes of the texts in jobs."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from photon_runtime.testing import make_request
from photon_tasks import JobState, TasksSettings
from photon_tasks.page._access import refusal
from photon_tasks.page._job import job_page
from photon_tasks.page._markup import Frame, duration, moment, progress
from photon_tasks.records import JobRecord

OWN = {"host": "localhost:8000"}
TYPED = {**OWN, "sec-fetch-site": "none", "sec-fetch-mode": "navigate"}
FORM = {**OWN, "sec-fetch-site": "same-origin", "origin": "http://localhost:8000"}
LINK = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}


def refused(
    headers: dict[str, str],
    *,
    changes: bool = False,
    allows_all: bool = False,
    address: str = "127.0.0.1",
) -> bool:
    request = make_request("GET", "/photon/jobs", headers=headers, client=(address, 50_000))
    return refusal(request, allows_all=allows_all, changes=changes) is not None


@pytest.mark.parametrize(
    "headers",
    [
        OWN,
        TYPED,
        {**OWN, **LINK},
        {"host": "127.0.0.1:8000"},
        {"host": "[::1]:8000"},
        {"host": "shop.localhost"},
        {**OWN, "sec-fetch-site": "same-origin", "sec-fetch-mode": "cors"},
    ],
)
def test_a_person_at_this_machine_sees_the_page(headers: dict[str, str]) -> None:
    assert not refused(headers)
    assert not refused(headers, address="::1")


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "evil.example:8000"},
        {"host": "localhost.evil.example"},
        {"host": "localhost@evil.example"},
        {**OWN, "sec-fetch-site": "cross-site", "sec-fetch-mode": "cors"},
        {**OWN, "sec-fetch-site": "same-site", "sec-fetch-mode": "no-cors"},
        {**OWN, **LINK, "sec-fetch-dest": "iframe"},
        {**OWN, "origin": "http://evil.example"},
        {**OWN, "origin": "null"},
        {**OWN, "x-forwarded-for": "10.0.0.1"},
        {**OWN, "forwarded": "for=10.0.0.1"},
    ],
)
def test_pages_of_other_sites_and_forwarded_requests_are_refused(headers: dict[str, str]) -> None:
    assert refused(headers)
    assert refused({**headers, "sec-fetch-site": "cross-site"}, changes=True)


def test_other_machines_are_refused_unless_the_settings_allow_them() -> None:
    assert refused(OWN, address="10.0.0.5")
    assert not refused(OWN, address="10.0.0.5", allows_all=True)
    assert not refused({"host": "10.0.0.1:8000"}, address="10.0.0.5", allows_all=True)
    assert refused({"host": "evil.example"}, address="10.0.0.5", allows_all=True)


def test_a_change_proves_that_it_comes_from_the_page() -> None:
    assert not refused(FORM, changes=True)
    assert not refused({**OWN, "origin": "http://localhost:8000"}, changes=True)
    assert refused(OWN, changes=True), "a program without these fields"
    assert refused(TYPED, changes=True)
    assert refused({**OWN, **LINK}, changes=True), "a form of another site"
    assert refused({**OWN, "origin": "http://localhost:9000"}, changes=True), "another port"
    assert refused({**OWN, "origin": "null"}, changes=True)


def record(**options: object) -> JobRecord:
    values: dict[str, object] = {
        "id": "01a22b39-ce64-7000-bf26-a4a6447a293a",
        "task": "shop.work",
        "queue": "default",
        "state": JobState.DEAD,
        "arguments": "{}",
        "priority": 0,
        "attempts": 1,
        "max_attempts": 1,
        "enqueued": 1_800_000_000.0,
    }
    return JobRecord(**{**values, **options})  # type: ignore[arg-type]


@given(st.text(max_size=40))
def test_texts_of_jobs_are_never_markup(value: str) -> None:
    hostile = f"<script>alert(1)</script>\"'><img src=x onerror=alert(1)>{value}"
    job = record(
        task=hostile,
        queue=hostile,
        arguments=hostile,
        result=hostile,
        error=hostile,
        progress=hostile,
        owner=hostile,
        worker=hostile,
        event=hostile,
        unique=hostile,
        group=hostile,
        trace=hostile,
    )
    page = job_page(Frame("/photon/jobs", ("csrf", hostile)), job, {hostile: hostile}, 0.0, hostile)
    assert re.findall(r"<script[^>]*>", page) == ['<script src="/photon/jobs/jobs.js">']
    assert "<img" not in page


def test_a_long_text_is_shortened() -> None:
    page = job_page(Frame("/jobs"), record(error="x" * 100_000), {}, 0.0, "")
    assert len(page) < 30_000
    assert "80000 further characters" in page


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 ms"),
        (0.0123, "12 ms"),
        (1.5, "1.5 s"),
        (59, "59 s"),
        (60, "1 min"),
        (3720, "1 h 2 min"),
        (86_400, "1 d 0 h"),
        (266_400, "3 d 2 h"),
    ],
)
def test_a_duration_is_written_for_people(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_a_moment_is_a_distance_with_the_time_as_its_title() -> None:
    assert moment(1_800_000_000.0, 1_800_000_004.4) == (
        '<time title="2027-01-15 08:00:00 UTC">4 s ago</time>'
    )
    assert ">in 2 min 0" not in moment(1_800_000_120.0, 1_800_000_000.0)
    assert ">in 2 min<" in moment(1_800_000_120.0, 1_800_000_000.0)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("0.4", '<progress value="0.4" max="1">40 %</progress>'),
        ('{"done": 3, "of": 4}', '<progress value="3" max="4">75 %</progress>'),
        ('"half"', "<code>&quot;half&quot;</code>"),
        ("7", "<code>7</code>"),
        ("true", "<code>true</code>"),
        ('{"done": 1, "of": 0}', "<code>"),
        ("[" * 5000, "<code>"),
    ],
)
def test_progress_of_a_usual_form_is_a_bar(value: str, shown: str) -> None:
    assert progress(record(progress=value)).startswith(shown)


@pytest.mark.parametrize("path", ["photon/jobs", "/photon/jobs/", "/{jobs}"])
def test_the_path_of_the_page_is_checked(path: str) -> None:
    with pytest.raises(ValueError, match="begins with a slash and ends without one"):
        TasksSettings(page=path)
