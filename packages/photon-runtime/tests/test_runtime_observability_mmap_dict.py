"""The contract with prometheus-client's private file format, held by the class that reads it."""

from __future__ import annotations

from pathlib import Path

from prometheus_client.multiprocess import MultiProcessCollector

from photon_runtime.observability._mmap_dict import FigureFile, figure_key, figures_of


def figures_read_by_the_library(path: Path) -> dict[str, float]:
    merge = MultiProcessCollector.merge
    metrics = merge([str(path)])  # type: ignore[no-untyped-call]
    return {
        f"{sample.name} {sample.labels}": sample.value
        for metric in metrics
        for sample in metric.samples
    }


def key(number: int) -> str:
    return figure_key("shop_orders", "shop_orders_total", {"kind": f"book {number}"}, "Orders.")


def test_what_is_written_through_a_cell_is_what_the_library_reads(tmp_path: Path) -> None:
    path = tmp_path / "counter_photon-1f_71.db"
    file = FigureFile(path)
    cell = file.cell(key(1))
    cell[0] += 1.0
    cell[0] += 1.5
    assert figures_read_by_the_library(path) == {"shop_orders_total {'kind': 'book 1'}": 2.5}
    assert figures_of(path) == [(key(1), 2.5, 0.0)]


def test_cells_stay_valid_when_the_file_grows(tmp_path: Path) -> None:
    path = tmp_path / "counter_photon-1f_71.db"
    file = FigureFile(path)
    cells = [file.cell(key(number)) for number in range(2_000)]  # beyond the first 64 KiB
    for number, cell in enumerate(cells):
        cell[0] += number
    assert path.stat().st_size > 1 << 16
    figures = figures_read_by_the_library(path)
    assert figures == {
        f"shop_orders_total {{'kind': 'book {number}'}}": number for number in range(2_000)
    }


def test_a_histogram_is_put_together_by_the_library(tmp_path: Path) -> None:
    path = tmp_path / "histogram_photon-1f_71.db"
    file = FigureFile(path)
    for bound, count in (("1.0", 2.0), ("inf", 1.0)):
        bucket = figure_key("price", "price_bucket", {"le": bound}, "Prices.")
        file.merge((bucket, count, 0.0), "sum")
    file.merge((figure_key("price", "price_sum", {}, "Prices."), 12.5, 0.0), "sum")
    file.close()
    assert figures_read_by_the_library(path) == {
        "price_sum {}": 12.5,
        "price_bucket {'le': '1.0'}": 2.0,
        "price_bucket {'le': '+Inf'}": 3.0,
        "price_count {}": 3.0,
    }


def test_a_file_without_figures_has_none(tmp_path: Path) -> None:
    path = tmp_path / "counter_71.db"
    path.touch()
    assert figures_of(path) == []


def test_figures_of_two_files_become_one_by_their_aggregation(tmp_path: Path) -> None:
    path = tmp_path / "gauge_min_0.db"
    file = FigureFile(path)
    expected = {"sum": 4.0, "min": 1.0, "max": 3.0, "mostrecent": 3.0}
    for number, aggregation in enumerate(expected):
        for value, moment in ((3.0, 20.0), (1.0, 10.0)):
            file.merge((key(number), value, moment), aggregation)
    assert [value for _, value, _ in figures_of(path)] == [*expected.values()]
