"""Connections that are collected as garbage when the hub that used them has ended."""

from __future__ import annotations

import subprocess
import sys

_PROGRAM = """
import gc
from photon_runtime.drivers import sqlite
from photon_runtime.hub_threads import HubThread

class Owner:
    '''Garbage that only the collector frees.'''

def use(owner):
    owner.connection = sqlite.connect(":memory:", check_same_thread=False)
    owner.owner = owner
    owner.connection.execute("SELECT 1").fetchall()

for _ in range(20):
    owner, hub = Owner(), HubThread()
    hub.call(use, owner)
    hub.close()
    del owner, hub
    gc.collect()
print("collected")
"""


def test_a_connection_outlives_its_hub_without_harm() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM], capture_output=True, text=True, timeout=50, check=False
    )
    assert (done.returncode, done.stdout) == (0, "collected\n"), done.stderr
