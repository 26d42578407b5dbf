from __future__ import annotations

import os
from pathlib import Path

import photon_runtime as rt
from photon_runtime.testing import in_hub
from photon_runtime.wakeups import Wakeups, wake


@in_hub
def test_a_waiting_process_is_woken_once_for_many_wakeups(tmp_path: Path) -> None:
    wakeups = Wakeups(tmp_path / "shared.db")
    waiting = rt.spawn(wakeups.wait, 5.0)
    rt.yield_now()
    assert wake([wakeups.address] * 3) == []
    assert waiting.result()
    assert not wakeups.wait(0.01)
    wakeups.close()


@in_hub
def test_a_wakeup_before_the_wait_is_kept(tmp_path: Path) -> None:
    wakeups = Wakeups(tmp_path / "shared.db")
    wake([wakeups.address])
    assert wakeups.wait(0.0)
    wakeups.close()


@in_hub
def test_processes_that_have_ended_are_returned_and_their_files_removed(tmp_path: Path) -> None:
    living, closed, killed = (Wakeups(tmp_path / "shared.db") for _ in range(3))
    closed.close()
    killed._socket.close()  # its file stays, as after a kill
    addresses = [closed.address, living.address, killed.address]
    assert wake(addresses) == [closed.address, killed.address]
    assert os.listdir(tmp_path) == [Path(living.address).name]
    assert living.wait(0.0)
    living.close()


@in_hub
def test_a_process_that_does_not_look_for_long_delays_no_sender(tmp_path: Path) -> None:
    wakeups = Wakeups(tmp_path / "shared.db")
    for _ in range(500):
        assert wake([wakeups.address]) == []
    assert wakeups.wait(0.0)
    assert not wakeups.wait(0.0)
    wakeups.close()


@in_hub
def test_a_long_path_has_its_socket_in_the_folder_for_temporary_files(tmp_path: Path) -> None:
    folder = tmp_path / ("long" * 30)
    folder.mkdir()
    wakeups = Wakeups(folder / "shared.db")
    assert not wakeups.address.startswith(str(folder))
    wake([wakeups.address])
    assert wakeups.wait(0.0)
    wakeups.close()
    assert not os.path.exists(wakeups.address)
