from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from photon_runtime.observability import Meter
from photon_runtime.observability._instruments import Definition
from photon_runtime.observability._mmap_dict import FigureFile, figure_key, figures_of
from photon_runtime.observability._worker_folder import (
    WorkerFigures,
    exclusive,
    merge_ended,
    worker_folder,
)

DEAD = 4194305  # above the largest process id of Linux


def test_there_is_a_folder_where_the_variable_names_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    assert worker_folder() == tmp_path
    monkeypatch.delenv("PROMETHEUS_MULTIPROC_DIR")
    assert worker_folder() is None
    monkeypatch.setenv("PHOTON_METRICS_DIR", str(tmp_path))  # of one worker, which has successors
    assert worker_folder() == tmp_path


def test_two_meters_of_one_process_have_files_of_their_own(tmp_path: Path) -> None:
    definition = Definition("counter", "shop_orders", "Orders.")
    for number in (1, 2):
        [cell] = WorkerFigures(tmp_path).cells(definition, ())
        cell[0] += number
    assert len(list(tmp_path.glob("counter_photon-*.db"))) == 2


def test_counts_of_ended_processes_stay_in_one_file_and_their_gauges_go(tmp_path: Path) -> None:
    counter = Definition("counter", "shop_orders", "Orders.")
    gauge = Definition("gauge", "shop_carts", "Carts.", aggregation="max")
    for _ in range(2):
        figures = WorkerFigures(tmp_path)
        [orders], [carts] = figures.cells(counter, ()), figures.cells(gauge, ())
        orders[0] = carts[0] = 3.0
    for file in list(tmp_path.glob("*.db")):
        file.rename(file.with_name(f"{file.stem.rpartition('_')[0]}_{DEAD}.db"))
    (tmp_path / f"counter_{DEAD}.db").touch()  # of one that was killed while it made the file
    (tmp_path / "gauge_all_named-by-the-application.db").touch()
    with exclusive(tmp_path, timeout=0.0):
        left = sorted(path.name for path in tmp_path.glob("*.db"))
    assert left == ["counter_0.db", "gauge_all_named-by-the-application.db"]


def test_files_do_not_accumulate_over_restarts(tmp_path: Path) -> None:
    counter = Definition("counter", "shop_orders", "Orders.")
    histogram = Definition("histogram", "shop_seconds", "Seconds.", buckets=(1.0, float("inf")))
    gauge = Definition("gauge", "shop_carts", "Carts.")
    for restart in range(150):
        figures = WorkerFigures(tmp_path)
        for definition in (counter, histogram, gauge):
            figures.cells(definition, ())[0][0] = 1.0
        for file in list(tmp_path.glob("*_photon-*.db")):
            file.rename(file.with_name(f"{file.stem.rpartition('_')[0]}_{DEAD + restart}.db"))
        for kind in ("all", "max", "mostrecent", "liveall"):  # of prometheus-client's own gauges
            written = FigureFile(tmp_path / f"gauge_{kind}_{DEAD + restart}.db")
            written.merge((figure_key(kind, kind, {}, "A gauge."), restart, restart), "sum")
            written.close()
        merge_ended(tmp_path)
    left = sorted(path.name for path in tmp_path.glob("*.db"))
    assert len(left) == 4 + 100
    assert f"gauge_all_{DEAD + 149}.db" in left
    assert {path for path in left if path.endswith("_0.db")} == {
        "counter_0.db",
        "histogram_0.db",
        "gauge_max_0.db",
        "gauge_mostrecent_0.db",
    }
    assert [value for _, value, _ in figures_of(tmp_path / "counter_0.db")] == [150.0]
    assert [value for _, value, _ in figures_of(tmp_path / "gauge_mostrecent_0.db")] == [149.0]


def test_a_process_that_was_forked_meanwhile_does_not_keep_the_folder(tmp_path: Path) -> None:
    program = textwrap.dedent("""
        import os, signal, sys
        from pathlib import Path
        from photon_runtime.observability._worker_folder import exclusive
        folder = Path(sys.argv[1])
        with exclusive(folder, timeout=0.0):
            child = os.fork()
            if not child:
                signal.pause()
        try:
            with exclusive(folder, timeout=0.0):
                print("free")
        finally:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
    """)
    command = [sys.executable, "-c", program, str(tmp_path)]
    ended = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30)
    assert ended.stdout == "free\n"


def test_one_process_leads_until_it_ends(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    code = (
        "import sys; from photon_runtime.observability import Meter; meter = Meter(); "
        "meter.expose(); print(meter.leads('jobs'), flush=True); sys.stdin.read()"
    )
    meter = Meter()
    meter.expose()
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "True\n"
        assert not meter.leads("jobs")
        assert meter.leads("mails"), "another name"
        other.kill()
        other.wait(10)
    assert meter.leads("jobs")
    assert meter.leads("jobs"), "and it stays"


def test_a_process_without_other_workers_leads() -> None:
    meter = Meter()
    meter.expose()
    assert meter.leads("jobs")
