from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from photon_runtime import PhotonError, scope, sleep
from photon_runtime import run as real_run
from photon_runtime.observability import Meter, MetricsBusy
from photon_runtime.observability._worker_folder import exclusive
from photon_runtime.testing import run


def page(meter: Meter, accept: str = "") -> str:
    return run(lambda: meter.page(accept))[0].decode()


def shop(meter: Meter) -> None:
    meter.counter("shop_orders", "Orders.", labels=("kind",)).labels("book").inc(2)
    meter.gauge("shop_carts", "Carts.").set(3)
    meter.histogram("shop_seconds", "Seconds.", buckets=(0.1, 1)).observe(0.5)


FIGURES = {
    "# TYPE shop_orders_total counter",
    'shop_orders_total{kind="book"} 2.0',
    "# HELP shop_carts Carts.",
    "shop_carts 3.0",
    'shop_seconds_bucket{le="0.1"} 0.0',
    'shop_seconds_bucket{le="1.0"} 1.0',
    'shop_seconds_bucket{le="+Inf"} 1.0',
    "shop_seconds_count 1.0",
    "shop_seconds_sum 0.5",
}


def test_the_page_shows_what_was_counted_before_and_after_the_meter_is_exposed() -> None:
    meter = Meter()
    shop(meter)
    meter.expose()
    assert set(page(meter).splitlines()) >= FIGURES
    meter.counter("shop_orders", "Orders.", labels=("kind",)).labels("book").inc()
    assert 'shop_orders_total{kind="book"} 3.0' in page(meter)


def test_the_runtimes_own_figures_and_the_default_registry_are_on_the_page() -> None:
    meter = Meter()
    meter.expose()
    lines = page(meter).splitlines()
    assert {"photon_tasks 1.0", "photon_hub_blocked_total 0.0"} <= set(lines)
    assert any(line.startswith("process_cpu_seconds_total") for line in lines)


def test_openmetrics_has_one_end() -> None:
    meter = Meter()
    meter.expose()
    text = page(meter, "application/openmetrics-text; version=1.0.0")
    assert text.count("# EOF") == 1
    assert text.endswith("# EOF\n")


def test_two_meters_share_no_figures() -> None:
    first, second = Meter(), Meter()
    for meter in (first, second):
        meter.expose()
    shop(first)
    assert "shop_" not in page(second)


def test_a_metric_is_declared_again_with_the_same_definition_only() -> None:
    meter = Meter()
    assert meter.counter("shop_orders", "Orders.") is meter.counter("shop_orders_total", "Orders.")
    with pytest.raises(ValueError, match="was declared before as"):
        meter.gauge("shop_orders", "Orders.")


def test_an_observable_is_read_with_the_page() -> None:
    meter = Meter()
    sizes: dict[tuple[str, ...], float] = {("read",): 1.0, ("write",): 2.0}
    meter.observable_gauge("pool_in_use", "In use.", lambda: dict(sizes), labels=("pool",))
    meter.observable_counter("pool_waits", "Waits.", lambda: 7)
    meter.expose()
    lines = set(page(meter).splitlines())
    assert lines >= {'pool_in_use{pool="read"} 1.0', "pool_waits_total 7.0"}
    del sizes["write",]
    assert 'pool_in_use{pool="write"} 0.0' in page(meter)


def test_an_observable_that_fails_is_logged_once_and_leaves_the_others(
    caplog: pytest.LogCaptureFixture,
) -> None:
    meter = Meter()
    meter.observable_gauge("pool_broken", "Broken.", lambda: 1 // 0)
    lazy: Any = lambda: (number for number in (1.0,))  # noqa: E731 - a generator is not a figure
    meter.observable_gauge("pool_lazy", "Yields.", lazy)
    meter.observable_gauge("pool_in_use", "In use.", lambda: 3)
    meter.expose()
    assert "pool_in_use 3.0" in page(meter)
    assert "pool_in_use 3.0" in page(meter)
    assert sorted(record.getMessage() for record in caplog.records) == [
        "the metric pool_broken cannot be read",
        "the metric pool_lazy cannot be read",
    ]


def test_a_meter_has_no_page_before_it_is_exposed() -> None:
    with pytest.raises(RuntimeError, match=r"call expose\(\)"):
        Meter().page()


def test_instruments_count_without_the_library_and_expose_says_what_to_install() -> None:
    program = textwrap.dedent("""
        import sys
        sys.modules["prometheus_client"] = None
        sys.modules["opentelemetry"] = None
        from photon_runtime.errors import PhotonError
        from photon_runtime.observability import Meter, Tracer, span
        meter = Meter()
        meter.counter("a", "A.").inc()
        meter.gauge("b", "B.", labels=("x",)).labels("y").set(1)
        meter.histogram("c", "C.").observe(1)
        with span("nothing", kind="client", rows=1) as recorded:
            recorded.set_attribute("x", 1)
            recorded.fail("x")
        for make in (meter.expose, Tracer):
            try:
                make()
            except PhotonError as error:
                print(error)
    """)
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (ended.returncode, ended.stdout.splitlines()) == (
        0,
        [
            "metrics need prometheus-client: pip install 'photon-runtime[metrics]'",
            "tracing needs opentelemetry-api: pip install 'photon-runtime[tracing]'",
        ],
    )


def test_the_libraries_are_not_imported_before_they_are_switched_on() -> None:
    program = textwrap.dedent("""
        import sys, photon_runtime
        assert "photon_runtime.observability" not in sys.modules
        import photon_runtime.observability
        assert not {"prometheus_client", "opentelemetry"} & set(sys.modules)
    """)
    subprocess.run([sys.executable, "-c", program], check=True)


# Several workers


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    return tmp_path


def test_figures_move_to_the_folder_of_the_workers(folder: Path) -> None:
    meter = Meter()
    orders = meter.counter("shop_orders", "Orders.", labels=("kind",)).labels("book")
    orders.inc()
    meter.expose()
    orders.inc()
    meter.gauge("shop_carts", "Carts.").set(3)
    meter.histogram("shop_seconds", "Seconds.", buckets=(0.1, 1)).observe(0.5)
    lines = {line.replace("shop_orders_total counter", "") for line in page(meter).splitlines()}
    assert lines >= FIGURES - {"# TYPE shop_orders_total counter", "# HELP shop_carts Carts."}


def test_the_figures_of_two_processes_are_added_up_and_gauges_as_declared(folder: Path) -> None:
    program = textwrap.dedent("""
        from photon_runtime import run
        from photon_runtime.observability import Meter
        meter = Meter()
        meter.expose()
        meter.counter("shop_orders", "Orders.").inc(2)
        meter.gauge("shop_carts", "Carts.").set(3)
        meter.gauge("shop_most", "Most.", aggregation="max").set(3)
        meter.observable_gauge("pool_in_use", "In use.", lambda: 4)
        def main():
            with meter.observing():
                from photon_runtime import sleep
                sleep(0)
                print("ready", flush=True)
                input()
        run(main)
    """)
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "ready\n"
        meter = Meter()
        meter.expose()
        meter.counter("shop_orders", "Orders.").inc()
        meter.gauge("shop_carts", "Carts.").set(1)
        meter.gauge("shop_most", "Most.", aggregation="max").set(1)
        meter.observable_gauge("pool_in_use", "In use.", lambda: 1)
        lines = set(page(meter).splitlines())
        other.communicate("\n")
    assert lines >= {
        "shop_orders_total 3.0",
        "shop_carts 4.0",
        "shop_most 3.0",
        "pool_in_use 5.0",
    }
    after = set(page(meter).splitlines())
    assert after >= {"shop_orders_total 3.0", "shop_carts 1.0", "shop_most 1.0", "pool_in_use 1.0"}


def test_observables_are_read_regularly_where_other_workers_show_them(folder: Path) -> None:
    meter, calls = Meter(), [0]

    def in_use() -> int:
        calls[0] += 1
        return calls[0]

    meter.observable_gauge("pool_in_use", "In use.", in_use)
    meter.expose()

    def main() -> None:
        with meter.observing(interval=5):
            sleep(12)
        sleep(60)

    run(main)
    assert calls == [3]


def test_reading_what_all_processes_counted_stops_no_other_task(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    meter = Meter()

    def go() -> None:
        with scope() as running:
            with exclusive(folder, timeout=0.0):  # as in another process that serves metrics
                meter.expose()  # does not wait: the other process does its work
                page = running.spawn(meter.page)
                for _ in range(5):
                    sleep(0.01)
                assert not page.done
            assert page.result()
            monkeypatch.setattr("photon_runtime.observability._meter._PAGE_TIMEOUT", 0.05)
            with exclusive(folder, timeout=0.0), pytest.raises(MetricsBusy):
                meter.page()

    real_run(go)  # with the clock on the wall: the virtual one waits for threads
    assert issubclass(MetricsBusy, PhotonError)
