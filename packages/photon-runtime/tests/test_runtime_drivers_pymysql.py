"""PyMySQL's cooperation without a server; with one: integration-tests/libraries."""

from __future__ import annotations

import inspect
import socket
import subprocess
import sys
from collections.abc import Iterator

import pymysql
import pytest
from pymysql import connections, cursors

from photon_runtime import DeadlineExceeded, deadline, offload, run, scope, sleep
from photon_runtime.drivers.pymysql import Connection, is_interrupted, when_settled
from photon_runtime.drivers.pymysql._cooperation import Cooperation
from photon_runtime.drivers.pymysql._usage import Usage

BEFORE = "import pymysql; from photon_runtime.patch import patch_stdlib; patch_stdlib()"
AFTER = "from photon_runtime.patch import patch_stdlib; patch_stdlib(); import pymysql"
TWICE = (
    "from photon_runtime.patch import patch_stdlib, _pymysql; import pymysql; patch_stdlib(); "
    "_pymysql.cooperate(pymysql)"
)
BY_ITS_DRIVER = (
    "from photon_runtime.patch import patch_stdlib; patch_stdlib(); "
    "import photon_runtime.drivers.pymysql"
)
NOT_AT_ALL = "import photon_runtime.patch, photon_runtime.drivers.pymysql"
SHOW_METHODS = """
import pymysql.connections
for name in ("query", "connect", "_force_close", "__del__"):
    method = vars(pymysql.connections.Connection)[name]
    print("photon_runtime" in method.__code__.co_filename)
print(hasattr(getattr(pymysql.connections.Connection.query, "__wrapped__", None), "__wrapped__"))
print("photon_runtime" in (pymysql.connections.Connection.__doc__ or ""))
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("order", "patched"),
    [(BEFORE, True), (AFTER, True), (TWICE, True), (BY_ITS_DRIVER, True), (NOT_AT_ALL, False)],
)
def test_pymysql_cooperates_wherever_it_is_imported(order: str, *, patched: bool) -> None:
    command = [sys.executable, "-c", order + SHOW_METHODS]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [str(patched)] * 4 + ["False"] * 2


def test_pymysql_has_what_is_replaced_and_used() -> None:
    plain = connections.Connection
    for name, method in vars(Cooperation).items():
        if not name.startswith("__") or name == "__del__":
            assert callable(method)
            assert callable(vars(plain)[name]), name
    assert list(inspect.signature(plain.connect).parameters) == ["self", "sock"]
    for name in ("_read_rowdata_packet_unbuffered", "_finish_unbuffered_query"):
        assert callable(getattr(connections.MySQLResult, name))
    connection = plain(defer_connect=True)
    for name in ("_sock", "_result", "_closed", "_secure", "connect_timeout", "user"):
        assert hasattr(connection, name)
    assert "unbuffered_active" in vars(connections.MySQLResult(connection))
    assert "_finish_unbuffered_query" in cursors.SSCursor.close.__code__.co_names


def test_a_connection_that_was_never_open_is_not_interrupted() -> None:
    connection = Connection(defer_connect=True)
    settled: list[bool] = []
    when_settled(connection, settled.append)
    assert settled == [False]
    assert not is_interrupted(connection)
    connection.close()
    with pytest.raises(pymysql.err.Error, match="Already closed"):
        connection.close()


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port whose connections the operating system accepts, and no program answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def test_a_silent_server_is_given_up_in_time(silent_port: int) -> None:
    def main() -> None:
        Connection(host="127.0.0.1", port=silent_port, user="x", connect_timeout=0.1)

    with pytest.raises(pymysql.OperationalError, match=r"did not respond within 0\.1 seconds"):
        run(main)


def test_a_deadline_around_connecting_holds(silent_port: int) -> None:
    def main() -> None:
        with deadline(0.05):
            Connection(host="127.0.0.1", port=silent_port, user="x")

    with pytest.raises(DeadlineExceeded):
        run(main)


@pytest.mark.parametrize("in_task", [False, True])
def test_a_server_that_is_not_there_is_an_error_of_pymysql(*, in_task: bool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

    def main() -> None:
        Connection(host="127.0.0.1", port=port, user="x")

    with pytest.raises(pymysql.OperationalError, match=r"2003.*refused"):
        run(main) if in_task else main()


def test_commands_have_the_connection_in_their_order_and_may_call_each_other() -> None:
    usage = Usage()
    order: list[str] = []

    def command(name: str) -> None:
        assert usage.begin()
        assert not usage.begin()
        order.append(name)
        sleep(0.01)
        order.append(name)
        usage.end(is_streaming=False)

    def main() -> None:
        with scope() as tasks:
            for name in "abc":
                tasks.spawn(command, name)

    run(main)
    assert order == list("aabbcc")


def test_a_cancelled_wait_for_the_connection_leaves_it_to_the_next() -> None:
    usage = Usage()

    def main() -> None:
        assert usage.begin()

        def other() -> None:
            with pytest.raises(DeadlineExceeded), deadline(0.01):
                usage.begin()

        with scope() as tasks:
            tasks.spawn(other)
        usage.end(is_streaming=False)
        offload(take)

    def take() -> None:
        assert usage.begin()
        usage.end(is_streaming=False)

    run(main)
    assert usage.caller is None


def test_an_unbuffered_result_keeps_the_connection_of_a_task_alone() -> None:
    usage = Usage()

    def main() -> None:
        assert usage.begin()
        usage.end(is_streaming=True)
        assert usage.caller is not None
        assert usage.begin()  # a further command of the same task
        usage.end(is_streaming=True)
        usage.end_stream()
        usage.end_stream()
        assert usage.caller is None

    run(main)
    assert usage.begin()
    usage.end(is_streaming=True)
    assert usage.caller is None
