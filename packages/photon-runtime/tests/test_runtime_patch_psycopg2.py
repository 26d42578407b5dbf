"""What psycopg2 is given before it connects.

`integration-tests/libraries/test_waits_in_c.py` uses a real server.
"""

from __future__ import annotations

import pytest

import photon_runtime as rt
from photon_runtime.patch._psycopg2 import _addresses, _timeout


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({}, {}),
        ({"host": "/run/postgresql"}, {}),
        ({"host": "127.0.0.1", "port": "1"}, {}),
        ({"host": "example", "hostaddr": "10.0.0.1"}, {}),
        ({"host": "no.such.name.invalid"}, {}),
        (
            {"host": "/run,127.0.0.1,127.0.0.2", "port": "1"},
            {},
        ),
    ],
)
def test_addresses_are_added_only_to_names(
    parameters: dict[str, str], expected: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PGHOST", raising=False)
    assert rt.run(lambda: _addresses(parameters)) == expected


def test_every_address_of_a_name_is_tried_in_the_order_of_the_hosts() -> None:
    found = rt.run(lambda: _addresses({"host": "10.0.0.9,localhost", "port": "1,2"}))
    hosts, addresses, ports = (found[name].split(",") for name in ("host", "hostaddr", "port"))
    assert (hosts[0], addresses[0], ports[0]) == ("10.0.0.9", "10.0.0.9", "1")
    assert set(hosts[1:]) == {"localhost"}
    assert "127.0.0.1" in addresses[1:]
    assert set(ports[1:]) == {"2"}


@pytest.mark.parametrize(
    ("text", "seconds"), [("0", None), ("-1", None), ("1", 2), ("7", 7), ("x", None)]
)
def test_the_timeout_is_that_of_libpq(text: str, seconds: float | None) -> None:
    assert _timeout({"connect_timeout": text}) == seconds
