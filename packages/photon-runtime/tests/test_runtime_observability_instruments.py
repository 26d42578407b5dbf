from __future__ import annotations

import logging
import math
import sys
import threading

import pytest

from photon_runtime.observability import Counter, Meter


def test_a_counter_only_grows() -> None:
    counter = Meter().counter("shop_orders", "Orders.")
    counter.inc()
    counter.inc(2)
    assert counter.value == 3
    with pytest.raises(ValueError, match="a counter only grows"):
        counter.inc(-1)


def test_a_gauge_goes_up_and_down() -> None:
    gauge = Meter().gauge("shop_carts", "Carts.")
    gauge.set(5)
    gauge.inc()
    gauge.dec(2)
    assert gauge.value == 4


def test_an_observation_is_in_the_first_bucket_that_holds_it() -> None:
    histogram = Meter().histogram("shop_price", "Prices.", buckets=(1, 10))
    for price in (0.5, 1, 5, 10, 100):
        histogram.observe(price)
    assert [cell[0] for cell in histogram.cells] == [2, 2, 1, 116.5]
    assert (histogram.count, histogram.sum, histogram.bounds) == (5, 116.5, (1, 10, math.inf))
    with pytest.raises(ValueError, match="not an observation"):
        histogram.observe(math.nan)


def test_no_count_is_lost_to_another_thread() -> None:
    counter = Meter().counter("shop_orders", "Orders.")
    histogram = Meter().histogram("shop_seconds", "Seconds.")
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)

    def count() -> None:
        for _ in range(20_000):
            counter.inc()
            histogram.observe(0.5)

    try:
        threads = [threading.Thread(target=count) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(before)
    assert (counter.value, histogram.count, histogram.sum) == (80_000, 80_000, 40_000)


def test_each_combination_of_label_values_has_its_own_figure() -> None:
    orders = Meter().counter("shop_orders", "Orders.", labels=("kind", "country"))
    orders.labels("book", "fr").inc()
    orders.labels("book", "de").inc(2)
    assert orders.labels("book", "fr").value == 1
    assert {values: series.value for values, series in orders.series()} == {
        ("book", "fr"): 1,
        ("book", "de"): 2,
    }
    with pytest.raises(ValueError, match="has the labels"):
        orders.labels("book")


def test_label_values_beyond_the_limit_share_one_series(caplog: pytest.LogCaptureFixture) -> None:
    orders = Meter().counter("shop_orders", "Orders.", labels=("kind",), max_series=2)
    for number in range(10):
        orders.labels(f"kind {number}").inc()
    figures = {values[0]: series.value for values, series in orders.series()}
    assert figures == {"kind 0": 1, "kind 1": 1, "OTHER": 8}
    [record] = caplog.records
    assert (record.levelno, "shop_orders has 2 series" in record.getMessage()) == (
        logging.WARNING,
        True,
    )


def test_a_family_returns_the_same_instrument_for_the_same_values() -> None:
    orders = Meter().counter("shop_orders", "Orders.", labels=("kind",))
    assert orders.labels("book") is orders.labels("book")
    assert isinstance(orders.labels("book"), Counter)


@pytest.mark.parametrize("name", ["", "9lives", "shop orders", "shöp"])
def test_names_that_prometheus_does_not_know_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="the name of a metric"):
        Meter().gauge(name, "…")


@pytest.mark.parametrize("label", ["", "__name__", "le", "pid", "a-b"])
def test_labels_that_prometheus_does_not_know_are_refused(label: str) -> None:
    with pytest.raises(ValueError, match="cannot be the name of a label"):
        Meter().gauge("shop_carts", "Carts.", labels=(label,))


def test_bounds_that_do_not_increase_are_refused() -> None:
    with pytest.raises(ValueError, match="increase"):
        Meter().histogram("shop_price", "Prices.", buckets=(10, 1))
