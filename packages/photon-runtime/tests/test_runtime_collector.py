from __future__ import annotations

import gc

import pytest

from photon_runtime.collector import collector_paused


def test_collector_runs_again_after_the_block_and_its_errors() -> None:
    assert gc.isenabled()
    with collector_paused():
        assert not gc.isenabled()
        with collector_paused():
            pass
        assert not gc.isenabled()
    assert gc.isenabled()
    with pytest.raises(ZeroDivisionError), collector_paused():
        1 / gc.isenabled()
    assert gc.isenabled()


def test_collector_that_was_disabled_stays_disabled() -> None:
    gc.disable()
    try:
        with collector_paused():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
