"""Durations as text, in parameters."""

import datetime

from photon_router import Application
from photon_runtime.testing import send_request

CALENDAR = "weeks, months and years are not read: give days"


def test_a_parameter_takes_days_and_neither_weeks_nor_months() -> None:
    router = Application()

    @router.get("/")
    def read(span: datetime.timedelta) -> float:
        return span.total_seconds()

    assert send_request(router, "GET", "/?span=P7D").body == b"604800.0"
    for text in ("P1M", "P1W"):
        refused = send_request(router, "GET", f"/?span={text}")
        assert refused.json()["errors"] == [{"in": "query", "name": "span", "message": CALENDAR}]
